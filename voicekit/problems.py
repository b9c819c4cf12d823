"""Problems: what is wrong with a file or a run, and where. Imports nothing of voicekit.

Checks yield problems and never print them; `voicekit.report` is the one place that does.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# What a place calls the overrides given on the command line; its line says which of them.
OVERRIDES: Final = "--set"


class Severity(StrEnum):
    """How bad a problem is. Only errors keep a file from running."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of one line of a file. Lines and columns count from 1; `end` is the column after the last."""

    file: str
    line: int = 1
    column: int = 1
    end: int = 1

    def __str__(self) -> str:
        """Return it as every report writes it: `agent.yaml:3:13`, or `--set 2:14`."""
        separator = " " if self.file == OVERRIDES else ":"
        return f"{self.file}{separator}{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: Which kind of problem, in words joined by hyphens: `unknown-key`. Each has a golden test.
        text: What was found, in one sentence without a full stop.
        place: Where, or None when the problem has no place in a file.
        help: What to do about it, or empty.
        severity: Error, warning or note.
    """

    code: str
    text: str
    place: Place | None = None
    help: str = ""
    severity: Severity = Severity.ERROR


class Refused(Exception):
    """Work that cannot go on, with the problems that stop it. The command line prints them and exits with 1."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.text for problem in self.problems))


def source_lines(text: str) -> list[str]:
    """Return the lines that places count: they end where YAML says, at CR LF, LF, CR, U+0085, U+2028 and U+2029."""
    return re.split("\r\n|[\n\r\x85\u2028\u2029]", text)


def refuse(code: str, text: str, help: str = "") -> Refused:  # noqa: A002 - the word every report uses
    """Return a `Refused` for one problem that has no place in a file, ready to be raised."""
    return Refused([Problem(code, text, help=help)])


def each_once(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems in their order, each once: an anchored value is checked wherever it is named."""
    return list({(problem.code, problem.place, problem.text): problem for problem in reversed([*problems])}.values())[
        ::-1
    ]


def has_errors(problems: Iterable[Problem]) -> bool:
    """Say whether any of the problems keeps a file from running."""
    return any(problem.severity is Severity.ERROR for problem in problems)
