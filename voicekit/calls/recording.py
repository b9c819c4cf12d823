"""Recording: both sides of a call on one clock, as a stereo WAV. The caller is on the left."""

import wave
from pathlib import Path
from typing import Final

import numpy as np

from voicekit.calls.microphone import Samples, at_rate

# A frame that comes this much early or late is the next one nevertheless.
_JITTER_SECS: Final = 0.1


class Side:
    """What one side said, in order.

    Args:
        hz: The rate of its samples.
    """

    def __init__(self, hz: int) -> None:
        self.hz = hz
        self.chunks: list[tuple[float, Samples]] = []

    def take(self, samples: Samples, at: float) -> None:
        """Keep samples, the first of them of this moment."""
        self.chunks.append((at, samples))

    def track(self, began: float) -> Samples:
        """Return it from a moment on, with the silence between."""
        pieces: list[Samples] = []
        length = 0
        for at, samples in self.chunks:
            missing = round((at - began) * self.hz) - length
            if missing > _JITTER_SECS * self.hz:
                pieces.append(np.zeros(missing, dtype=np.int16))
                length += missing
            pieces.append(samples)
            length += len(samples)
        return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int16)


class Recording:
    """A call.

    Args:
        caller_hz: The rate of the caller's sound.
        agent_hz: That of the agent's.
    """

    def __init__(self, caller_hz: int, agent_hz: int) -> None:
        self.caller = Side(caller_hz)
        self.agent = Side(agent_hz)

    def write(self, path: Path) -> None:
        """Write the call: 16 bit, at the higher of the two rates."""
        hz = max(self.caller.hz, self.agent.hz)
        sides = (self.caller, self.agent)
        began = min((side.chunks[0][0] for side in sides if side.chunks), default=0.0)
        tracks = [at_rate(side.track(began), side.hz, hz) for side in sides]
        both = np.zeros((max(map(len, tracks)), 2), dtype=np.int16)
        for column, track in enumerate(tracks):
            both[: len(track), column] = track
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(hz)
            file.writeframes(both.tobytes())
