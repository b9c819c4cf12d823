"""Findings: what a run found, in the order in which every format tells it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from voicekit.problems import Place, Problem, Severity, each_once


@dataclass(frozen=True, slots=True)
class Findings:
    """What was checked and what is wrong with it.

    Attributes:
        checked: The problems of each file by its name, in no order; none where all is well. A problem may stand
            in another file, which the checked one includes or extends.
        sources: The text of each file that a place may name.
        colour: Whether to write ANSI colours, where the format has them.
    """

    checked: Mapping[str, Sequence[Problem]]
    sources: Mapping[str, str]
    colour: bool = False

    @property
    def problems(self) -> list[Problem]:
        """Every problem once, sorted."""
        return ordered(problem for problems in self.checked.values() for problem in problems)


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems sorted by place, those without one first; identical ones are told once."""
    return sorted(each_once(problems), key=_order)


def summary(problems: Iterable[Problem], files: int) -> str:
    """Return the closing line: `1 error, 2 warnings in 3 files`, or `no problems in 1 file`. A note is no problem."""
    severities = [problem.severity for problem in ordered(problems)]
    counted = (Severity.ERROR, Severity.WARNING)
    counts = [_count(number, severity.value) for severity in counted if (number := severities.count(severity))]
    return f"{', '.join(counts) or 'no problems'} in {_count(files, 'file')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _order(problem: Problem) -> tuple[bool, Place, str]:
    return problem.place is not None, problem.place or Place(""), problem.text
