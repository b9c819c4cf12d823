"""JUnit: the format `junit`, a test case for each file that was checked, in XML that CI servers show.

Errors make the one failure of a file; what keeps no file from running is its `system-out`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from voicekit.problems import Problem, Severity
from voicekit.report.columns import visible
from voicekit.report.findings import Findings, ordered, summary
from voicekit.report.text import render

# What XML 1.0 cannot hold, even escaped: https://www.w3.org/TR/xml/#charsets
# Compiled when it is needed: that takes as long as checking a file.
_NOT_XML: Final = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


@dataclass(frozen=True, slots=True)
class Case:
    """One test case.

    Attributes:
        name: What was tested.
        failure: What failed, a line for a list and the whole of it; None where it passed.
        output: What there is to say besides, or empty.
        secs: How long it took; None where nobody measured it.
        group: What it belongs to: a file, say.
    """

    name: str
    failure: tuple[str, str] | None = None
    output: str = ""
    secs: float | None = None
    group: str = "voicekit"


def render_junit(findings: Findings) -> str:
    """Return one test suite as XML."""
    return render_cases([_case(name, problems, findings) for name, problems in findings.checked.items()])


def render_cases(cases: Sequence[Case]) -> str:
    """Return one test suite of these cases as XML."""
    failed = sum(case.failure is not None for case in cases)
    counts = f'tests="{len(cases)}" failures="{failed}" errors="0"'
    if any(case.secs is not None for case in cases):
        counts += f' time="{sum(case.secs or 0 for case in cases):.2f}"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {counts}>",
            f'<testsuite name="voicekit" {counts}>',
            *(line for case in cases for line in _lines(case)),
            "</testsuite>",
            "</testsuites>",
        ]
    )


def _case(name: str, problems: Sequence[Problem], findings: Findings) -> Case:
    errors = _errors(problems)
    others = [problem for problem in ordered(problems) if problem.severity is not Severity.ERROR]
    failure = (summary(errors, 1), render(errors, findings.sources)) if errors else None
    return Case(name, failure, render(others, findings.sources) if others else "")


def _lines(case: Case) -> list[str]:
    lines = []
    if case.failure is not None:
        message, text = map(_escaped, case.failure)
        lines.append(f'<failure type="error" message="{message}">{text}</failure>')
    if case.output:
        lines.append(f"<system-out>{_escaped(case.output)}</system-out>")
    start = f'<testcase classname="{_escaped(visible(case.group))}" name="{_escaped(visible(case.name))}"'
    if case.secs is not None:
        start += f' time="{case.secs:.2f}"'
    return [f"{start}>", *lines, "</testcase>"] if lines else [f"{start}/>"]


def _errors(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in ordered(problems) if problem.severity is Severity.ERROR]


def _escaped(text: str) -> str:
    return re.sub(_NOT_XML, "", text).translate(_ENTITIES)
