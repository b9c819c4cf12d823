"""Fillers: the words of a late answer, with the language's own put in where a file asks for them or says nothing."""

from typing import Any, Final

from voicekit.config.document import Scalar
from voicekit.config.phrasebook import Phrasebook

# Stands for the language's own list, as an item or as the whole line.
BUILTIN: Final = "builtin"
OFF: Final = "fillers"
"""What a file may write that says nothing of fillers and whose language has none: until then they are off."""


def fill_in(values: dict[str, Any], phrases: Phrasebook | None) -> list[str]:
    """Give a file its fillers in its own language; return the keys that it must write because there are none.

    Args:
        values: The sections of the file, by name; `fillers` is put in or filled in.
        phrases: The lines of its language.
    """
    written = values.get("fillers", {})
    if not isinstance(written, dict):
        return []
    say = written.get("say", BUILTIN)
    listed = say if isinstance(say, list) else [say]
    if not any(map(_is_builtin, listed)):
        return []
    if phrases is None:
        return ["fillers.say" if "fillers" in values else OFF]
    own = [line for item in listed for line in (phrases.fillers if _is_builtin(item) else [item])]
    values["fillers"] = written | {"say": own}
    return []


def _is_builtin(item: object) -> bool:
    return item == BUILTIN or (isinstance(item, Scalar) and item.plain and item.text == BUILTIN)
