"""Words: how the type of a key is said to a person."""

import json
from collections.abc import Iterator
from typing import Final

from voicekit.config.fact import Words
from voicekit.config.reference import alternatives, resolved
from voicekit.config.scalars import BOOL, INT, NUM, TEXT

MAPPING: Final = "a mapping"
ANYTHING: Final = "anything"
_ONE: Final = {"string": TEXT, "integer": INT, "number": NUM, "boolean": BOOL, "object": MAPPING}
_MANY: Final = {"string": TEXT, "integer": "whole numbers", "number": "numbers", "object": "mappings", "array": "lists"}


def worded(words: Words) -> str:
    """Return a type in words: `a whole number from 100 to 5000`, `fixed, or a mapping`."""
    return ", or ".join(dict.fromkeys(said for each in alternatives(words) for said in _each(each)))


def written(value: object) -> str:
    """Return a value as a file writes it, in one line."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict) else _plain(value)


def _each(words: Words) -> Iterator[str]:
    if "enum" in words:
        yield _choices([written(choice) for choice in words["enum"]])
    elif "type" not in words:
        yield ANYTHING
    else:
        yield from (_kind(kind, words) for kind in kinds(words))


def kinds(words: Words) -> list[str]:
    """Return the types that words name, as JSON Schema has them."""
    named = words.get("type", [])
    return [named] if isinstance(named, str) else list(named)


def _kind(kind: str, words: Words) -> str:
    if kind == "array":
        many = "it" if "string" in kinds(words) else _many(words.get("items", {}))
        return f"a list of {many}" if many else "a list"
    if kind == "object" and isinstance(words.get("additionalProperties"), dict):
        many = _many(words["additionalProperties"])
        return f"names to {many}" if many else MAPPING
    if kind == "string" and "patternErrorMessage" in words:
        return str(words["patternErrorMessage"])
    if kind in ("integer", "number"):
        return _ranged(_ONE[kind], words.get("minimum"), words.get("maximum"))
    return _ONE[kind]


def _many(words: Words) -> str:
    return next((_MANY[kind] for kind in kinds(resolved(words))), "")


def _ranged(noun: str, low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return noun
    if low is None or high is None:
        return f"{noun}, at most {_plain(high)}" if low is None else f"{noun}, at least {_plain(low)}"
    return _plain(low) if low == high else f"{noun} from {_plain(low)} to {_plain(high)}"


def _choices(choices: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def _plain(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
