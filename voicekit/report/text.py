"""Text: the format for people, each problem with its line and a caret under what is wrong."""

from collections.abc import Iterable, Mapping
from typing import Final

from voicekit.problems import Problem, Severity, source_lines
from voicekit.report.columns import visible, widths
from voicekit.report.findings import Findings, ordered

_COLOURS: Final = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}
# Columns of a line that are shown, and how many of them before the caret where a line is longer.
_MOST: Final = 120
_BEFORE: Final = 60


def render(problems: Iterable[Problem], sources: Mapping[str, str], *, colour: bool = False) -> str:
    """Return the problems as text for a terminal: sorted by place, each with its line and a caret.

    Args:
        problems: What to print; identical ones are printed once.
        sources: The text of each file that a place may name.
        colour: Whether to write ANSI colours.
    """
    lines: dict[str, list[str]] = {}
    blocks = []
    for problem in ordered(problems):
        file = problem.place.file if problem.place else ""
        if file not in lines:
            lines[file] = source_lines(sources.get(file, ""))
        blocks.append(_block(problem, lines[file], colour))
    return "\n".join(blocks)


def render_text(findings: Findings) -> str:
    """Return everything that was found as text for a terminal; nothing at all is an empty text."""
    return render(findings.problems, findings.sources, colour=findings.colour)


def _block(problem: Problem, lines: list[str], colour: bool) -> str:
    severity = problem.severity.value
    if colour:
        severity = f"\x1b[1;{_COLOURS[problem.severity]}m{severity}\x1b[0m"
    place = problem.place
    where = visible(f"{place}: ") if place else ""
    block = [f"{where}{severity}: {visible(problem.text)} [{problem.code}]"]
    margin = " " * (len(str(place.line)) + 1) if place else "  "
    source = lines[place.line - 1] if place and 0 < place.line <= len(lines) else ""
    if place and source:
        shown, carets = _pointed_at(source, place.column - 1, place.end - 1)
        block += [f"{margin} |", f" {place.line} | {shown}", f"{margin} | {carets}"]
    if problem.help:
        block.append(f"{margin}= help: {visible(problem.help)}")
    return "\n".join(block)


def _pointed_at(source: str, start: int, end: int) -> tuple[str, str]:
    """Return a line and the carets below it; a long line is cut around them.

    Args:
        source: The line.
        start: The index of the first character to point at.
        end: The index after the last.
    """
    # No character needs looking at that is further away than a line is long: most take a column each.
    skipped = max(0, start - 2 * _MOST)
    part = visible(source[skipped : start + 2 * _MOST])
    start, end = min(start - skipped, len(part)), end - skipped
    columns = widths(part)
    first = 0
    if skipped or sum(columns[: max(end, start + 1)]) > _MOST:
        first = _first(columns, start)
    last = _last(columns, first)
    cut_before, cut_after = skipped + first > 0, skipped + last < len(source)
    shown = "…" * cut_before + part[first:last] + "…" * cut_after
    blank = cut_before + sum(columns[first:start])
    marked = sum(columns[start : min(max(end, start + 1), last)])
    return shown, " " * blank + "^" * max(1, marked)


def _first(columns: list[int], start: int) -> int:
    """Return the first character to show so that `_BEFORE` columns stand before the caret."""
    first, before = start, 0
    while first > 0 and before + columns[first - 1] <= _BEFORE:
        first -= 1
        before += columns[first]
    while first < start and not columns[first]:
        first += 1  # a mark stays with its letter
    return first


def _last(columns: list[int], first: int) -> int:
    """Return the character after the last one to show, `_MOST` columns from the first."""
    last, shown = first, 0
    while last < len(columns) and shown + columns[last] <= _MOST:
        shown += columns[last]
        last += 1
    return last
