"""Report: how problems are printed. Imports `voicekit.problems` only."""

import unicodedata
from collections.abc import Iterable, Mapping

from voicekit.problems import Place, Problem, Severity

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}


def render(problems: Iterable[Problem], sources: Mapping[str, str], *, colour: bool = False) -> str:
    """Return the problems as text for a terminal: sorted by place, each with its line and a caret.

    Args:
        problems: What to print.
        sources: The text of each file that a place may name.
        colour: Whether to write ANSI colours.
    """
    ordered = sorted(problems, key=_order)
    return "\n".join(_block(problem, sources, colour) for problem in ordered)


def summary(problems: Iterable[Problem], files: int) -> str:
    """Return the closing line: `1 error, 2 warnings in 3 files`, or `no problems in 1 file`."""
    found = list(problems)
    where = _count(files, "file")
    counts = [
        _count(number, severity.value)
        for severity in (Severity.ERROR, Severity.WARNING)
        if (number := sum(problem.severity is severity for problem in found))
    ]
    return f"{', '.join(counts) or 'no problems'} in {where}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _order(problem: Problem) -> tuple[bool, Place, str]:
    return problem.place is not None, problem.place or Place(""), problem.text


def _block(problem: Problem, sources: Mapping[str, str], colour: bool) -> str:
    severity = problem.severity.value
    if colour:
        severity = f"\x1b[1;{_COLOURS[problem.severity]}m{severity}\x1b[0m"
    place = problem.place
    if place is None:
        lines = [f"{severity}: {problem.text} [{problem.code}]"]
        return "\n".join([*lines, *_help("  ", problem.help)])
    lines = [f"{_where(place)}: {severity}: {problem.text} [{problem.code}]"]
    margin = " " * (len(str(place.line)) + 1)
    source = _line(sources.get(place.file, ""), place.line)
    if source:
        before = source[: place.column - 1]
        marked = source[place.column - 1 : max(place.end, place.column + 1) - 1] or " "
        lines += [
            f"{margin} |",
            f" {place.line} | {source.expandtabs(1)}",
            f"{margin} | {' ' * _width(before)}{'^' * max(1, _width(marked))}",
        ]
    return "\n".join([*lines, *_help(margin, problem.help)])


def _where(place: Place) -> str:
    # Not a file but the command line: its second `--set` is `--set 2`.
    between = " " if place.file.startswith("--") else ":"
    return f"{place.file}{between}{place.line}:{place.column}"


def _help(margin: str, text: str) -> list[str]:
    return [f"{margin}= help: {text}"] if text else []


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _width(text: str) -> int:
    """Return how many columns of a terminal the text takes: two for a wide character, none for a mark."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
