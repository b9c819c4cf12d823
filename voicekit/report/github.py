"""GitHub: the format `github`, workflow commands that mark lines of a pull request.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands: a message must not hold %, CR or LF,
a property neither `:` nor `,`; each is written as % and its number.
"""

from collections.abc import Mapping
from typing import Final

from voicekit.problems import OVERRIDES, Place, Problem, Severity
from voicekit.report.columns import visible
from voicekit.report.findings import Findings

_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_MESSAGE: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = _MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def render_github(findings: Findings) -> str:
    """Return a workflow command a line; none at all is an empty text."""
    return "\n".join(_command(problem) for problem in findings.problems)


def _command(problem: Problem) -> str:
    properties = {**_where(problem.place), "title": problem.code}
    written = ",".join(f"{name}={value.translate(_PROPERTY)}" for name, value in properties.items())
    # The log of a job shows the message and no property, so the place is told in both.
    message = visible(f"{problem.place}: {problem.text}" if problem.place else problem.text)
    if problem.help:
        message += f"\nhelp: {visible(problem.help)}"
    return f"::{_COMMANDS[problem.severity]} {written}::{message.translate(_MESSAGE)}"


def _where(place: Place | None) -> Mapping[str, str]:
    if place is None or place.file == OVERRIDES:
        return {}
    end = max(place.end, place.column)
    return {"file": visible(place.file), "line": str(place.line), "col": str(place.column), "endColumn": str(end)}
