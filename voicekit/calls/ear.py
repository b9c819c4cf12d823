"""Ear: what a caller hears, as stretches of sound with their times."""

import asyncio
import itertools
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from voicekit.calls.microphone import Samples, Taken, audible

# A longer gap ends a stretch of sound; inside a word there is none such.
GAP_SECS: Final = 0.15
# A longer one ends a turn: between two sentences it is shorter.
PAUSE_SECS: Final = 0.7


@dataclass(slots=True)
class Stretch:
    """Sound without a gap. Times are those of `time.monotonic`, as it is played."""

    start: float
    end: float
    peak: int = 0


class Ear:
    """Hears what is played to it, silence included.

    Args:
        taken: Told of all of it.
    """

    def __init__(self, taken: Taken = lambda _samples, _at: None) -> None:
        self.stretches: list[Stretch] = []
        self._taken = taken
        self._changed = asyncio.Event()

    def hear(self, samples: Samples, hz: int, at: float) -> None:
        """Take sound.

        Args:
            samples: int16, shape (n,).
            hz: Their rate.
            at: The moment of the first.
        """
        self._taken(samples, at)
        if heard := audible(samples, hz, at):
            start, end = heard
            if not self.stretches or start - self.stretches[-1].end > GAP_SECS:
                self.stretches.append(Stretch(start, end))
            stretch = self.stretches[-1]
            stretch.end = end
            stretch.peak = max(stretch.peak, int(np.abs(samples.astype(np.int32)).max()))
        self._changed.set()

    async def sound(self, since: float, within_secs: float) -> float:
        """Wait for sound that begins after a moment, and return when it began.

        Raises:
            TimeoutError: Nothing was heard.
        """
        async with asyncio.timeout(within_secs):
            while not (found := [stretch.start for stretch in self.stretches if stretch.start > since]):
                await self._next()
        return found[0]

    async def silence(self, within_secs: float) -> None:
        """Wait until nothing has been heard for a pause.

        Raises:
            TimeoutError: The sound went on.
        """
        async with asyncio.timeout(within_secs):
            while self.stretches and time.monotonic() - self.stretches[-1].end < PAUSE_SECS:
                await self._next()

    def last_before(self, moment: float) -> float | None:
        """Return when the sound ended that was on at a moment, or the last one before it."""
        ends = [stretch.end for stretch in self.stretches if stretch.start <= moment]
        return ends[-1] if ends else None

    def gaps(self, since: float) -> tuple[float, ...]:
        """Return the gaps in what has been heard since a moment, in seconds: those that can be heard, and no pauses."""
        heard = [stretch for stretch in self.stretches if stretch.start >= since]
        between = (after.start - before.end for before, after in itertools.pairwise(heard))
        return tuple(gap for gap in between if gap < PAUSE_SECS)

    async def _next(self) -> None:
        self._changed.clear()
        await self._changed.wait()
