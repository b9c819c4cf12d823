r"""Placeholders: `{{name}}` in a text, filled during a call. Pure.

    {{name}}  {{name.field}}  {{list.0}}   a value, or one inside it
    {{name:-words}}                        the words where the value is missing or empty
    \{{                                     the characters {{ themselves

A value is filled in as it is: what stands in it is never read as a placeholder again.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_OPENING: Final = re.compile(r"\\?\{\{")
_INSIDE: Final = re.compile(r"\s*([A-Za-z_][\w-]*(?:\.[\w-]+)*)\s*(?::-(.*))?", re.DOTALL | re.ASCII)


class PlaceholderError(ValueError):
    """A placeholder that cannot be read.

    Attributes:
        message: What is wrong, in one sentence without a full stop.
        start: Offset of its first brace.
        end: Offset after its last character.
    """

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end


class MissingValueError(LookupError):
    """A placeholder without a default for which there is no value. `name` is its dotted name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no value for '{name}'")
        self.name = name


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A placeholder and where it stands.

    Attributes:
        name: The dotted name.
        default: The words after `:-`, or None where there are none.
        start: Offset of its first brace.
        end: Offset after its last brace.
    """

    name: str
    default: str | None
    start: int
    end: int

    @property
    def has_default(self) -> bool:
        """Whether it can be filled without a value."""
        return self.default is not None

    @property
    def root(self) -> str:
        """The name up to its first dot."""
        return self.name.partition(".")[0]


def names(template: str) -> tuple[Placeholder, ...]:
    """Return the placeholders of a text, in order.

    Raises:
        PlaceholderError: One of them cannot be read.
    """
    return tuple(part for part in _parts(template) if isinstance(part, Placeholder))


def fill(
    template: str, values: Mapping[str, object], missing: str | None = None, encode: Callable[[str], str] = str
) -> str:
    """Fill the placeholders of a text.

    Args:
        template: The text.
        values: Values by name; a dotted name looks into mappings and lists. A text is filled in as it is,
            everything else as JSON. None and what is absent are missing, and so is an empty text where there
            is a default.
        missing: What stands for a missing value; None raises instead.
        encode: Takes what is filled in and returns what stands in the text for it.

    Raises:
        MissingValueError: A value without a default is missing.
        PlaceholderError: A placeholder cannot be read.
    """
    parts = _parts(template)
    return "".join(part if isinstance(part, str) else encode(_filled(part, values, missing)) for part in parts)


def as_text(value: object) -> str:
    """Return a value as it is filled in: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def look_up(name: str, values: Mapping[str, object]) -> object:
    """Return the value of a dotted name, or None where there is none."""
    value: object = values
    for step in name.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, Sequence) and not isinstance(value, str) and step.isdecimal():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value


def _parts(template: str) -> list[str | Placeholder]:
    parts: list[str | Placeholder] = []
    at = 0
    while opening := _OPENING.search(template, at):
        parts.append(template[at : opening.start()])
        at = opening.end()
        if opening[0].startswith("\\"):
            parts.append("{{")
            continue
        placeholder = _read(template, opening.start())
        parts.append(placeholder)
        at = placeholder.end
    return [*parts, template[at:]]


def _read(template: str, start: int) -> Placeholder:
    end = template.find("}}", start)
    if end < 0:
        raise PlaceholderError("'{{' is never closed by '}}'", start, start + 2)
    match = _INSIDE.fullmatch(template, start + 2, end)
    if match is None:
        raise PlaceholderError(f"'{template[start : end + 2]}' names no value", start, end + 2)
    return Placeholder(match[1], match[2], start, end + 2)


def _filled(placeholder: Placeholder, values: Mapping[str, object], missing: str | None) -> str:
    value = look_up(placeholder.name, values)
    if placeholder.default is not None and (value is None or value == ""):
        return placeholder.default
    if value is None and missing is not None:
        return missing
    if value is None:
        raise MissingValueError(placeholder.name)
    return as_text(value)
