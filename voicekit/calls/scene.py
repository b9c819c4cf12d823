"""Scene: what the emulators of one file are told before a call: what they answer, and how badly they behave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from voicekit.emulators.faults import Fault, Latency
from voicekit.emulators.script import Reply, Script


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
