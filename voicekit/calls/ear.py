"""Ear: what a caller hears, as stretches of sound with their times."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from voicekit.calls.microphone import AUDIBLE

# A longer gap ends a stretch of sound; inside a word there is none such.
GAP_SECS: Final = 0.15
# A longer one ends a turn: between two sentences it is shorter.
PAUSE_SECS: Final = 0.7


@dataclass(slots=True)
class Stretch:
    """Sound without a gap. Times are those of `time.monotonic`, at its arrival."""

    start: float
    end: float
    peak: int = 0


class Ear:
    """Listens to one track until it ends."""

    def __init__(self) -> None:
        self.stretches: list[Stretch] = []
        self._changed = asyncio.Event()

    async def listen(self, track: MediaStreamTrack) -> None:
        """Take the sound of a track as it comes."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, AudioFrame):
                self._take(frame)
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

    async def _next(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _take(self, frame: AudioFrame) -> None:
        now = time.monotonic()
        channels = len(frame.layout.channels)
        samples = np.abs(frame.to_ndarray().reshape(-1)[::channels].astype(np.int32))
        audible = np.flatnonzero(samples > AUDIBLE)
        if not len(audible):
            return
        # The frame has arrived whole: a player would begin its first sample now.
        start, end = (now + float(position) / frame.sample_rate for position in (audible[0], audible[-1]))
        if not self.stretches or start - self.stretches[-1].end > GAP_SECS:
            self.stretches.append(Stretch(start, end))
        stretch = self.stretches[-1]
        stretch.end = end
        stretch.peak = max(stretch.peak, int(samples.max()))
