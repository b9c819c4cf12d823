"""Misreading: YAML that a parser accepts and reads as something else than was meant. Knows no key of the language."""

import re
from typing import Final

from voicekit.problems import Place, Problem

NO_DASH_SPACE: Final = r" *(?P<dash>-)(?P<value>[^\s\d-].*)"


def swallowed_item(lines: list[str], first: int, last: int, file: str) -> Problem | None:
    """Return the problem of plain text over several lines, from 0, of which one was to be a list item."""
    for number in range(first + 1, min(last + 1, len(lines))):
        column = len(lines[number]) - len(lines[number].lstrip(" "))
        if lines[number].startswith("- ", column):
            said = "this item is indented further than the one above, and is read as its text"
            place = Place(file, number + 1, column + 1, column + 2)
            return Problem("yaml-syntax", said, place, "begin the items of a list in one column")
    return None


def missing_space(text: str, place: Place) -> Problem | None:
    """Return the problem of a plain value that begins a line as a list item would, but for a space."""
    if not re.fullmatch(NO_DASH_SPACE, text):
        return None
    first = text.split(" -", maxsplit=1)[0][1:]
    hint = f"- {first}" if len(first) < 60 else "write '- '"
    at = Place(place.file, place.line, place.column, place.column + 1)
    return Problem("yaml-syntax", "a space is missing after '-'", at, hint)


def not_a_key(line: str, place: Place, key: Place) -> Problem:
    """Return the problem of a list or mapping that stands where a key does: nearly always a placeholder.

    Args:
        line: The line on which the mapping with this key begins, without secrets.
        place: Where that mapping begins.
        key: Where the key begins.
    """
    braces = re.match(r"\{\{[^{}]*\}\}", line[place.column - 1 :])
    if braces is None:
        return Problem("bad-key", "a list or a mapping cannot be a key", key, "a key is text")
    at = Place(place.file, place.line, place.column, place.column + len(braces[0]))
    entry = re.search(r"([\w-]+): *$", line[: place.column - 1])
    hint = f'{entry[1]}: "{braces[0]}"' if entry else f'"{braces[0]}"'
    return Problem("bad-key", "this is a mapping, not a placeholder", at, hint)


def comment(line: str, place: Place) -> str:
    """Return the comment behind a value, from its '#' on, or an empty text."""
    found = re.match(r"\s+(#.*)", line[place.column - 1 :])
    return found[1].rstrip() if found else ""
