"""Brackets: what is said of a fault inside {…} or […], and of a bracket without its other half."""

import re

import yaml

from voicekit.config import quoting
from voicekit.config.fault import Fault
from voicekit.problems import Problem


def inside(fault: Fault) -> Problem | None:
    """Say why something inside {…} or […] is neither a value nor a comma."""
    line, column = fault.opened or fault.begun
    bracket = fault.at(line)[column : column + 1]
    if bracket not in ("{", "["):
        return None
    if line < fault.line and (not fault.sign or re.match(r"[\w-]+:(\s|$)", fault.text)):
        return _never_closed(fault, line, column)
    for tell in (_wrong_bracket, _braces_inside, _question, _behind_quotes_inside, _colon_inside):
        if problem := tell(fault):
            return problem
    if not fault.sign:
        return _never_closed(fault, line, column)
    before = fault.text[: fault.column].strip()
    hint = "write ','" if before else f"write ',' at the end of line {fault.above(fault.line) + 1}"
    return fault.problem("a ',' is missing before this", (fault.line, fault.column), 1, hint)


def _never_closed(fault: Fault, line: int, column: int) -> Problem:
    text = fault.at(line)
    closing = "]" if text[column] == "[" else "}"
    if comment := re.search(r"(?<=[\s\[{,])#", text[column:]):
        hint = 'write "#" in quotes, if it is a value'
        return fault.problem("'#' begins a comment here", (line, column + comment.start()), 1, hint)
    hint = fault.corrected(line, f"{text.strip().rstrip(',')}{closing}", f"write '{closing}'")
    return fault.problem(f"'{text[column]}' is never closed", (line, column), 1, hint)


def _wrong_bracket(fault: Fault) -> Problem | None:
    if not fault.sign or fault.sign not in "]}":
        return None
    opening = "[" if fault.sign == "}" else "{"
    said = f"'{opening}' is closed by '{fault.sign}'"
    return fault.problem(said, (fault.line, fault.column), 1, f"write '{']' if opening == '[' else '}'}'")


def _braces_inside(fault: Fault) -> Problem | None:
    if fault.sign != "{" or fault.begun[0] != fault.line:
        return None
    start = fault.begun[1]
    whole = re.match(r"[^,\]}]*(?:\}+|(?=[,\]]|$))", fault.text[start:])
    value = whole[0] if whole else "{"
    # The bracket that encloses the value is not part of it.
    value = value[: len(value) - max(0, value.count("}") - value.count("{"))]
    said = "a value with braces needs quotes inside {…} or […]"
    hint = f"write {quoting.quote(value)} in quotes, or put it on a line of its own"
    return fault.problem(said, (fault.line, start), len(value), fault.corrected(fault.line, hint, "write it in quotes"))


def _question(fault: Fault) -> Problem | None:
    if fault.sign != "?":
        return None
    said = "this list cannot be read: '?' before ',' or ']'"
    return fault.problem(said, (fault.line, fault.column), 1, "put each sentence on its own line, after '- '")


def _behind_quotes_inside(fault: Fault) -> Problem | None:
    last = fault.last
    if not isinstance(last, yaml.ScalarEvent) or last.style not in ("'", '"') or fault.sign in ("'", '"', "{", "["):
        return None
    rest = re.match(r"[^,\]}]*", fault.text[fault.column :])
    length = len(rest[0].rstrip()) if rest else 1
    hint = "take the whole value into the quotes, or write ','"
    return fault.problem("text stands behind the closing quote", (fault.line, fault.column), length, hint)


def _colon_inside(fault: Fault) -> Problem | None:
    if fault.sign != ":":
        return None
    hint = "write the value in quotes, or a ',' between two entries"
    return fault.problem("a ': ' inside a value needs quotes", (fault.line, fault.column), 1, hint)


def closes_nothing(fault: Fault) -> Problem | None:
    """Say that a closing bracket closes nothing, if there is one."""
    if not fault.sign or fault.sign not in "]}":
        return None
    return fault.problem(f"'{fault.sign}' closes nothing", (fault.line, fault.column), 1, "remove it")


def no_content(fault: Fault) -> Problem | None:
    """Say why no value can stand here."""
    if isinstance(fault.last, yaml.MappingStartEvent | yaml.SequenceStartEvent) and not fault.sign:
        return _never_closed(fault, *fault.begun)
    if fault.sign == ",":
        said = "a value that begins with ',' needs quotes"
        return fault.problem(said, (fault.line, fault.column), 1, fault.quoted(fault.line))
    return closes_nothing(fault)
