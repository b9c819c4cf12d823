"""Quoting: one line of YAML, `key: value` or `- value`, with its value written in quotes. For help lines; pure."""

import re
from typing import Final

_ENTRY: Final = r"(?P<lead> *(?:- +)*)(?P<key>[^\s:#'\"{\[][^:#]*?|\"[^\"]*\"|'[^']*') *: +(?P<value>\S.*)"
_ITEM: Final = r" *(?:- +)+(?P<value>\S.*)"
_COMMENT: Final = r"\s+#.*"


def quote(text: str) -> str:
    """Return a text in quotes: double ones, or single ones where double ones would need escapes."""
    return f'"{text}"' if '"' not in text and "\\" not in text else single_quote(text)


def single_quote(text: str) -> str:
    """Return a text in single quotes, in which nothing is an escape."""
    return "'" + text.replace("'", "''") + "'"


def quote_value(line: str) -> str:
    """Return `key: "value"` or `- "value"` for a line, or an empty text where it is neither."""
    prefix, value = _parts(line)
    return f"{prefix} {quote(_bare(value))}" if prefix else ""


def single_quote_value(line: str) -> str:
    """Return a line with a value that stood in double quotes in single ones, or an empty text."""
    prefix, value = _parts(line)
    closed = len(value) > 1 and value[0] == value[-1] == '"'
    return f"{prefix} {single_quote(value[1:-1])}" if prefix and closed else ""


def close_quote(line: str) -> str:
    """Return `key: "value"` for a line whose opening quote is not closed on it, or an empty text."""
    prefix, value = _parts(line)
    return f"{prefix} {value}{value[0]}" if prefix and value[0] in "'\"" else ""


def value_start(line: str) -> int:
    """Return the column, from 0, in which the value of a line begins; -1 where the line is no entry."""
    found = re.fullmatch(_ENTRY, line) or re.fullmatch(_ITEM, line)
    return found.start("value") if found else -1


def without_comment(text: str) -> str:
    """Return a text without the comment behind it."""
    return re.sub(_COMMENT, "", text, count=1).rstrip()


def spaces(number: int) -> str:
    """Return `1 space`, `2 spaces`."""
    return f"{number} space" if number == 1 else f"{number} spaces"


def _parts(line: str) -> tuple[str, str]:
    entry = re.fullmatch(_ENTRY, line)
    item = re.fullmatch(_ITEM, line)
    if entry:
        return f"{entry['key']}:", without_comment(entry["value"])
    return ("-", without_comment(item["value"])) if item else ("", "")


def _bare(value: str) -> str:
    """Return a value without the quotes it begins and ends with: they were meant to be its quotes."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
