"""Own lines: what an agent says that its file does not, in its language; and what a file must write without them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from voicekit.config.document import Scalar
from voicekit.config.phrasebook import Phrasebook
from voicekit.config.switch import is_false

# Stands for the language's own list, as an item or as the whole line.
BUILTIN: Final = "builtin"
# What stands for a line that is not there, where it is not one silent variant.
_NOTHING: Final[Mapping[str, tuple[str, ...]]] = {"nudges": ()}


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A line that a language brings.

    Attributes:
        section: Where it stands.
        key: Its key there.
        phrases: The field of a phrasebook that has it.
        off: What a file may write to do without it; empty where it must be written if its language has none.
        switches: The keys of the section that switch it off with `false`.
        listed: Whether `builtin` may stand in the file's own.
    """

    section: str
    key: str
    phrases: str
    off: str = ""
    switches: tuple[str, ...] = ()
    listed: bool = False

    @property
    def path(self) -> tuple[str, str]:
        """Where it stands."""
        return self.section, self.key

    def asked(self, written: dict[str, Any]) -> list[Any]:
        """Return what its section has of it, `builtin` where that says nothing."""
        say = written.get(self.key, BUILTIN)
        return say if isinstance(say, list) and self.listed else [say]

    def needed(self, written: dict[str, Any]) -> bool:
        """Say whether its section must have it where its language has none."""
        return not self.off or self.key in written or (self.section == "fillers" and bool(written))

    def silenced(self, written: dict[str, Any]) -> bool:
        """Say whether its section does without it."""
        return any(is_false(written.get(key)) for key in self.switches)


OWN_LINES: Final = (
    OwnLine("fillers", "say", "fillers", off="fillers: false", listed=True),
    OwnLine("silence", "nudges", "nudges", off="silence: {nudges: []}", listed=True),
    OwnLine("silence", "goodbye", "silence_goodbye"),
    OwnLine("failure", "say", "failure"),
    OwnLine("failure", "goodbye", "failure_goodbye"),
    OwnLine(
        "limits",
        "warn_say",
        "limits_warning",
        off="limits: {warn_secs: false}",
        switches=("warn_secs", "call_secs"),
    ),
    OwnLine("limits", "goodbye", "limits_goodbye"),
)


@dataclass(frozen=True, slots=True)
class Missing:
    """The lines of a file for which its language has none.

    Attributes:
        needed: What the file must write.
        off: What is not said, unless the file writes it.
    """

    needed: tuple[str, ...] = ()
    off: tuple[OwnLine, ...] = ()


def fill_in(values: dict[str, Any], phrases: Phrasebook | None, *, fillers: bool) -> Missing:
    """Give a file the lines of its language that it asks for or leaves out; return those that there are none for.

    Args:
        values: The sections of the file, by name; what is missing is put in.
        phrases: The lines of its language.
        fillers: Whether a file that says nothing of fillers has some.
    """
    needed, off = [], []
    for line in OWN_LINES:
        written = values.get(line.section, {})
        if not isinstance(written, dict) or (line.section == "fillers" and not (fillers or written)):
            continue
        items = line.asked(written)
        if not any(_is_builtin(item, line) for item in items):
            continue
        if phrases is None and line.needed(written):
            needed.append(".".join(line.path))
        elif phrases is None and not line.silenced(written):
            off.append(line)
        if phrases or written or line.section != "fillers":
            own = getattr(phrases, line.phrases) if phrases else _NOTHING.get(line.key, ("",))
            filled = [each for item in items for each in (own if _is_builtin(item, line) else [item])]
            values[line.section] = written | {line.key: filled}
    return Missing(tuple(needed), tuple(off))


def _is_builtin(item: object, line: OwnLine) -> bool:
    if item == BUILTIN:
        return True
    return line.listed and isinstance(item, Scalar) and item.plain and item.text == BUILTIN
