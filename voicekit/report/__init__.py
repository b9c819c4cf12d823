"""Report: how problems are printed, one renderer a format. Imports `voicekit.problems` only."""

from collections.abc import Callable, Mapping
from typing import Final

from voicekit.report.findings import Findings, ordered, summary
from voicekit.report.github import render_github
from voicekit.report.junit import render_junit
from voicekit.report.objects import render_json
from voicekit.report.text import render, render_text

__all__ = ["FORMATS", "Findings", "ordered", "render", "summary"]

# The formats by the names that the command line takes. A renderer's text has no line break at its end.
FORMATS: Final[Mapping[str, Callable[[Findings], str]]] = {
    "text": render_text,
    "json": render_json,
    "github": render_github,
    "junit": render_junit,
}
