"""Objects: the format `json`, an array with an object for each problem.

A problem without a place has null for `file`, `line`, `column` and `end_column`. Lines and columns count from 1 in
characters; `end_column` is the one after the last.
"""

import json

from voicekit.problems import Problem
from voicekit.report.findings import Findings


def render_json(findings: Findings) -> str:
    """Return the problems as JSON in ASCII, which every terminal and pipe can carry."""
    return json.dumps([_object(problem) for problem in findings.problems], indent=2)


def _object(problem: Problem) -> dict[str, str | int | None]:
    place = problem.place
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "end_column": place.end if place else None,
        "severity": problem.severity.value,
        "code": problem.code,
        "text": problem.text,
        "help": problem.help,
    }
