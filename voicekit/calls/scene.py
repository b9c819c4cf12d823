"""Scene: what the emulators of one file are told before a call: what they answer, and how badly they behave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from voicekit.calls.beside import tests_of
from voicekit.calls.emulate import Emulate
from voicekit.calls.emulate import Fault as Written
from voicekit.calls.suite import read_suite
from voicekit.emulators.faults import Fault, Latency
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.side_channel import fault_of
from voicekit.problems import Refused, has_errors


@dataclass(frozen=True, slots=True)
class Scene:
    """How the emulators behave.

    Attributes:
        script: What an emulated model answers.
        latency: How long answers take, by emulator; without one they take no time.
        faults: What goes wrong with one exchange after another, by emulator; None is a healthy one, as are
            all that come after the last.
        seed: Of the random part of the latencies.
        unannounced: What an emulator hears in speech that nobody announced.
        voices: Voices of an account, which an emulator that speaks has beside the public ones and the file's.
    """

    script: Script = field(default_factory=Script)
    latency: Mapping[str, Latency] = field(default_factory=dict)
    faults: Mapping[str, Sequence[Fault | None]] = field(default_factory=dict)
    seed: int = 0
    unannounced: str = ""
    voices: frozenset[str] = frozenset()

    def latency_of(self, emulator: str) -> Latency:
        """Return the latency of an emulator, beginning anew with the scene's seed."""
        return replace(self.latency.get(emulator, Latency()), seed=self.seed)


TALK: Final = Scene(
    Script(otherwise=Reply("I am an emulator and no model, but all of this works. I heard: {{heard}}")),
    unannounced="Hello.",
)
"""A scene for whoever talks to a file himself."""


def as_scene(emulate: Emulate) -> Scene:
    """Return what the emulators are told."""
    lines = {
        reply.heard: Reply(reply.say, tuple(ToolCall(call.name, call.args) for call in reply.calls))
        for reply in emulate.script
    }
    return Scene(
        script=Script(lines, Reply(emulate.otherwise)),
        latency={name: Latency(first_secs=ms / 1000) for name, ms in emulate.latency_ms.items()},
        faults={name: [_fault(each) for each in series] for name, series in emulate.faults.items()},
    )


def _fault(fault: Written) -> Fault | None:
    return fault_of(fault.model_dump(exclude_unset=True) or "ok")


def scene_beside(path: Path) -> tuple[Scene, Emulate]:
    """Return the scene for whoever talks to a file himself, and what its tests say of all scenarios, if it has some.

    Args:
        path: The agent's file.

    Raises:
        Refused: Something is wrong with the tests.
    """
    tests = tests_of(path)
    if not tests.exists():
        return TALK, Emulate()
    suite = read_suite(tests)
    if has_errors(suite.problems):
        raise Refused(suite.problems)
    return replace(as_scene(suite.emulate), unannounced=TALK.unannounced), suite.emulate
