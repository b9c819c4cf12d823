"""Microphone: a caller's sound, sent at real time, and when its last word left."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import soxr

RATE: Final = 48000
"""Of speech as it is given to a microphone, in Hz."""
FRAME_SECS: Final = 0.02

# Louder than a room, quieter than any syllable: of 32767.
AUDIBLE: Final = 300

Samples: TypeAlias = npt.NDArray[np.int16]
Taken: TypeAlias = Callable[[Samples, float], None]
"""Takes samples, and the moment of the first of them: that of `time.monotonic`."""


class Microphone:
    """Gives silence until it is given speech: 16 bit, mono, a frame every 20 ms.

    Args:
        hz: Of its frames.
        taken: Told of every frame.

    Attributes:
        first_audible: The moment of the first sample of the last speech that could be heard, or None.
        last_audible: That of the last.
    """

    def __init__(self, hz: int, taken: Taken = lambda _samples, _at: None) -> None:
        self.hz = hz
        self.first_audible: float | None = None
        self.last_audible: float | None = None
        self._taken = taken
        self._size = int(hz * FRAME_SECS)
        self._speech: Samples = np.zeros(0, dtype=np.int16)
        self._given = 0
        self._began: float | None = None
        self._spoken = asyncio.Event()

    async def speak(self, speech: Samples) -> None:
        """Send speech and wait until its last sample has left.

        Args:
            speech: int16 samples at 48 kHz, shape (n,).
        """
        self.first_audible = self.last_audible = None
        self._spoken.clear()
        self._speech = at_rate(speech, RATE, self.hz)
        await self._spoken.wait()

    async def frame(self) -> Samples:
        """Return the next frame when its time has come."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        due = self._began + self._given / self.hz
        if due > now:
            await asyncio.sleep(due - now)
        samples = self._next(due)
        self._given += self._size
        self._taken(samples, due)
        return samples

    def _next(self, due: float) -> Samples:
        samples = np.zeros(self._size, dtype=np.int16)
        taken = self._speech[: self._size]
        self._speech = self._speech[self._size :]
        samples[: len(taken)] = taken
        if heard := audible(samples, self.hz, due):
            self.first_audible = heard[0] if self.first_audible is None else self.first_audible
            self.last_audible = heard[1]
        if not len(self._speech):
            self._spoken.set()
        return samples


def audible(samples: Samples, hz: int, at: float) -> tuple[float, float] | None:
    """Return the moments of the first and the last sample that can be heard, or None where none can."""
    found = np.flatnonzero(np.abs(samples.astype(np.int32)) > AUDIBLE)
    return (at + float(found[0]) / hz, at + float(found[-1]) / hz) if len(found) else None


def at_rate(samples: Samples, hz: int, wanted: int) -> Samples:
    """Return whole sound at another rate."""
    if hz == wanted or not len(samples):
        return samples
    return np.asarray(np.clip(soxr.resample(samples.astype(np.float32), hz, wanted), -32768, 32767), dtype=np.int16)
