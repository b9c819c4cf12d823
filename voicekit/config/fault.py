"""Fault: the place where a YAML parser gave up, and what stands around it. For `voicekit.config.syntax`."""

import re
from dataclasses import dataclass

import yaml

from voicekit.config import quoting
from voicekit.config.redaction import redacted
from voicekit.problems import Place, Problem, source_lines


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the parser gave up, counted from 0, and what it knew there.

    Attributes:
        file: What places call the file.
        lines: The lines of the file.
        shown: The same without secrets.
        line: The line.
        column: The column.
        found: The parser's words.
        context: What it was doing: its words.
        opened: Line and column where that began, or None.
        last: The last thing it read whole.
    """

    file: str
    lines: list[str]
    shown: list[str]
    line: int
    column: int
    found: str
    context: str
    opened: tuple[int, int] | None
    last: yaml.Event | None

    @property
    def text(self) -> str:
        """The line."""
        return self.at(self.line)

    @property
    def sign(self) -> str:
        """The character at which the parser gave up, or nothing at the end of a line."""
        return self.text[self.column : self.column + 1]

    @property
    def begun(self) -> tuple[int, int]:
        """Where the last thing read begins."""
        mark = self.last.start_mark if self.last else None
        return (mark.line, mark.column) if mark else (self.line, 0)

    def at(self, line: int) -> str:
        """Return a line of the file."""
        return self.lines[line] if line < len(self.lines) else ""

    def above(self, line: int) -> int:
        """Return the nearest line above that is neither empty nor a comment; -1 where there is none."""
        before = (number for number in range(line - 1, -1, -1))
        return next((number for number in before if self.lines[number].strip(" ")[:1] not in ("", "#")), -1)

    def problem(self, text: str, at: tuple[int, int], length: int = 1, hint: str = "") -> Problem:
        """Return a problem for a stretch of a line."""
        line, column = at
        place = Place(self.file, line + 1, column + 1, column + 1 + max(1, length))
        return Problem("yaml-syntax", text, place, hint)

    def corrected(self, line: int, written: str, otherwise: str = "") -> str:
        """Return a corrected line for a help; where the line holds a secret or much text, other words."""
        secret = line < len(self.shown) and self.shown[line] != self.lines[line]
        return otherwise if secret or not written or len(written) > 100 else written

    def quoted(self, line: int) -> str:
        """Return a line with its value in quotes."""
        return self.corrected(line, quoting.quote_value(self.at(line)), 'write the whole value in "…"')


def fault_of(error: yaml.YAMLError, text: str, file: str, last: yaml.Event | None) -> Fault:
    """Return the fault of an error that a parser raised; `last` is the last event before it."""
    lines, shown = source_lines(text), source_lines(redacted(text))
    mark, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    found = getattr(error, "problem", None) or str(error)
    return Fault(
        file=file,
        lines=lines,
        shown=shown,
        line=mark.line if mark else 0,
        column=mark.column if mark else 0,
        found=found,
        context=getattr(error, "context", None) or "",
        opened=(opened.line, opened.column) if opened else None,
        last=last,
    )


def word(text: str) -> str:
    """Return the word that a text begins with, as keys are written; or an empty text."""
    found = re.match(r"[\w.-]*", text)
    return found[0] if found else ""
