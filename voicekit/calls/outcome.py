"""Outcome: what came of one scenario, for whoever shows it. It imports no Pipecat."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicekit.calls.suite import Suite
from voicekit.problems import Problem
from voicekit.records.events import Event


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, and when: seconds since the call was placed."""

    secs: float
    what: Event | str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a scenario.

    Attributes:
        suite: The file it is from.
        scenario: Its name.
        secs: How long it took.
        sources: The text of each file that a problem may stand in.
        problems: What failed, each at the line that expected something else; none where it passed.
        moments: What happened, in order.
        recording: The sound of a spoken scenario, both sides, or None.
    """

    suite: Suite
    scenario: str
    secs: float
    sources: Mapping[str, str]
    problems: tuple[Problem, ...]
    moments: tuple[Moment, ...] = ()
    recording: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.problems
