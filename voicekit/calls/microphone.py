"""Microphone: a caller's sound, sent at real time, and when its last word left."""

import asyncio
import fractions
import time
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

RATE: Final = 48000
FRAME_SECS: Final = 0.02
SAMPLES: Final = int(RATE * FRAME_SECS)

# Louder than a room, quieter than any syllable: of 32767.
AUDIBLE: Final = 300


Samples: TypeAlias = npt.NDArray[np.int16]


class Microphone(MediaStreamTrack):
    """Sends silence until it is given speech; 48 kHz, 16 bit, mono, a frame every 20 ms."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._speech: Samples = np.zeros(0, dtype=np.int16)
        self._samples_sent = 0
        self._began: float | None = None
        self._spoken = asyncio.Event()
        self.first_audible: float | None = None
        self.last_audible: float | None = None

    async def speak(self, speech: Samples) -> None:
        """Send speech and wait until its last sample has left.

        Args:
            speech: int16 samples at 48 kHz, shape (n,).
        """
        self.first_audible = self.last_audible = None
        self._spoken.clear()
        self._speech = speech
        await self._spoken.wait()

    async def recv(self) -> AudioFrame:
        """Return the next frame when its time has come."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        due = self._began + self._samples_sent / RATE
        if due > now:
            await asyncio.sleep(due - now)
        samples = self._next(self._began + self._samples_sent / RATE)
        frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._samples_sent
        frame.time_base = fractions.Fraction(1, RATE)
        self._samples_sent += SAMPLES
        return frame

    def _next(self, due: float) -> Samples:
        samples = np.zeros(SAMPLES, dtype=np.int16)
        taken = self._speech[:SAMPLES]
        self._speech = self._speech[SAMPLES:]
        samples[: len(taken)] = taken
        audible = np.flatnonzero(np.abs(samples.astype(np.int32)) > AUDIBLE)
        if len(audible):
            if self.first_audible is None:
                self.first_audible = due + audible[0] / RATE
            self.last_audible = due + audible[-1] / RATE
        if not len(self._speech):
            self._spoken.set()
        return samples
