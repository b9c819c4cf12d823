"""Outcomes: what came of scenarios, as lines for people, as JSON and as JUnit's XML."""

import json
from collections.abc import Sequence

from voicekit.calls.outcome import Moment, Outcome
from voicekit.cli.transcript import told
from voicekit.report import render
from voicekit.report.columns import visible
from voicekit.report.junit import Case, render_cases


def as_line(outcome: Outcome) -> str:
    """Return one line: `passed   0.8 s  callcenter.test.yaml: order`."""
    word = "passed" if outcome.passed else "FAILED"
    return f"{word} {outcome.secs:6.1f} s  {outcome.suite.path}: {visible(outcome.scenario)}"


def details(outcome: Outcome, *, colour: bool = False) -> str:
    """Return what failed, where it was expected, and what happened instead."""
    blocks = [render(outcome.problems, outcome.sources, colour=colour)]
    blocks += [f"  {line}" for line in timeline(outcome)]
    if outcome.recording:
        blocks.append(f"  sound: {outcome.recording}")
    return "\n".join(blocks)


def timeline(outcome: Outcome) -> list[str]:
    """Return what happened, a line each with its time in seconds."""
    return [f"{moment.secs:7.2f}  {visible(text)}" for moment in outcome.moments if (text := _told(moment))]


def closing(outcomes: Sequence[Outcome], secs: float) -> str:
    """Return the last line: `3 passed, 1 failed in 4.2 s`."""
    failed = sum(not outcome.passed for outcome in outcomes)
    parts = [f"{len(outcomes) - failed} passed", *([f"{failed} failed"] if failed else [])]
    return f"{', '.join(parts)} in {secs:.1f} s"


def as_json(outcomes: Sequence[Outcome]) -> str:
    """Return an array with an object for each scenario, in ASCII."""
    return json.dumps([_object(outcome) for outcome in outcomes], indent=2)


def as_junit(outcomes: Sequence[Outcome]) -> str:
    """Return a test suite with a case for each scenario, in XML."""
    return render_cases([_case(outcome) for outcome in outcomes])


def _told(moment: Moment) -> str:
    return f"says    {moment.what}" if isinstance(moment.what, str) else told(moment.what)


def _object(outcome: Outcome) -> dict[str, object]:
    return {
        "file": str(outcome.suite.path),
        "agent": str(outcome.suite.agent),
        "scenario": outcome.scenario,
        "passed": outcome.passed,
        "secs": outcome.secs,
        "failures": [
            {
                "code": problem.code,
                "text": problem.text,
                "line": problem.place.line if problem.place else None,
                "column": problem.place.column if problem.place else None,
            }
            for problem in outcome.problems
        ],
        "timeline": [{"secs": moment.secs, "text": text} for moment in outcome.moments if (text := _told(moment))],
        "recording": str(outcome.recording) if outcome.recording else None,
    }


def _case(outcome: Outcome) -> Case:
    failure = None if outcome.passed else (outcome.problems[0].text, details(outcome))
    return Case(outcome.scenario, failure, "", outcome.secs, str(outcome.suite.path))
