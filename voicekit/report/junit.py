"""JUnit: the format `junit`, a test case for each file that was checked, in XML that CI servers show.

Errors make the one failure of a file; what keeps no file from running is its `system-out`.
"""

import re
from collections.abc import Sequence
from typing import Final

from voicekit.problems import Problem, Severity
from voicekit.report.columns import visible
from voicekit.report.findings import Findings, ordered, summary
from voicekit.report.text import render

# What XML 1.0 cannot hold, even escaped: https://www.w3.org/TR/xml/#charsets
# Compiled when it is needed: that takes as long as checking a file.
_NOT_XML: Final = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def render_junit(findings: Findings) -> str:
    """Return one test suite as XML."""
    failed = sum(bool(_errors(problems)) for problems in findings.checked.values())
    counts = f'tests="{len(findings.checked)}" failures="{failed}" errors="0"'
    cases = [line for name, problems in findings.checked.items() for line in _case(name, problems, findings)]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {counts}>",
            f'<testsuite name="voicekit" {counts}>',
            *cases,
            "</testsuite>",
            "</testsuites>",
        ]
    )


def _case(name: str, problems: Sequence[Problem], findings: Findings) -> list[str]:
    errors = _errors(problems)
    others = [problem for problem in ordered(problems) if problem.severity is not Severity.ERROR]
    lines = []
    if errors:
        text = _escaped(render(errors, findings.sources))
        lines.append(f'<failure type="error" message="{_escaped(summary(errors, 1))}">{text}</failure>')
    if others:
        lines.append(f"<system-out>{_escaped(render(others, findings.sources))}</system-out>")
    start = f'<testcase classname="voicekit" name="{_escaped(visible(name))}"'
    return [f"{start}>", *lines, "</testcase>"] if lines else [f"{start}/>"]


def _errors(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in ordered(problems) if problem.severity is Severity.ERROR]


def _escaped(text: str) -> str:
    return re.sub(_NOT_XML, "", text).translate(_ENTITIES)
