"""Hearing: audio as an emulator hears it: how loud it is, window by window, and what was announced to be in it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WINDOW_SECS: Final = 0.02
# Mean magnitude of 16-bit samples from which a window counts as speech, and how many of them make a beginning.
VOICED: Final = 150
ONSET_WINDOWS: Final = 3


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a caller is about to say, and for how many seconds: pauses within them do not end it.

    Attributes:
        number: Of those that were announced; None for what was not.
    """

    text: str
    secs: float = 0.0
    number: int | None = None


@dataclass
class Progress:
    """How far a caller has come: how many announcements have been transcribed by somebody to the end."""

    over: int = 0


class Announced:
    """What is about to be said, one thing after another, as one emulator hears it.

    Attributes:
        progress: That of all who are told the same of the same caller. What one of them has transcribed is over for
            all; what it failed at may be heard by the one that takes over.
    """

    def __init__(self) -> None:
        self.progress = Progress()
        self._all: list[Announcement] = []
        self._next = 0

    def add(self, text: str, secs: float) -> None:
        """Say what comes after what has been announced."""
        self._all.append(Announcement(text, secs, len(self._all)))

    def next(self, otherwise: str) -> Announcement:
        """Return what is said in speech that begins, or these words where nothing was announced."""
        # Who was told less, was told alone.
        if self.progress.over <= len(self._all):
            self._next = max(self._next, self.progress.over)
        if self._next == len(self._all):
            return Announcement(otherwise)
        self._next += 1
        return self._all[self._next - 1]

    def over(self, announcement: Announcement) -> None:
        """Take it that something has been transcribed to its end, and that the client knows."""
        if announcement.number is not None:
            self.progress.over = max(self.progress.over, announcement.number + 1)


class Windows:
    """Cuts audio of any length into windows. Its clock is the audio: what comes fast is heard as it would be live.

    Args:
        encoding: One of `LEVELS`.
        rate: In Hz.
        since: Seconds of audio that were heard before.

    Attributes:
        sample_bytes: The size of a sample.
        heard_secs: How much has been heard; not what is too little for a window.
        ahead_secs: By how much the audio was at most ahead of the clock: a live caller's stays near 0.
    """

    def __init__(self, encoding: str, rate: int, since: float = 0.0) -> None:
        self.sample_bytes = 2 if encoding == "linear16" else 1
        self.heard_secs = since
        self.ahead_secs = 0.0
        self._level = LEVELS[encoding]
        self._bytes_per_sec = rate * self.sample_bytes
        self._since = since
        self._cut = 0
        self._waiting = bytearray()
        self._began_at: float | None = None

    def take(self, audio: bytes) -> Iterator[float]:
        """Yield the mean magnitude of each window that is full, in 16-bit samples; `heard_secs` is then its end."""
        now = time.monotonic()
        self._began_at = now if self._began_at is None else self._began_at
        self._waiting += audio
        length = (self._cut + len(self._waiting)) / self._bytes_per_sec
        self.ahead_secs = max(self.ahead_secs, length - (now - self._began_at))
        size = int(self._bytes_per_sec * WINDOW_SECS / self.sample_bytes) * self.sample_bytes
        while len(self._waiting) >= size:
            window = bytes(self._waiting[:size])
            del self._waiting[:size]
            self._cut += size
            self.heard_secs = round(self._since + self._cut / self._bytes_per_sec, 3)
            yield self._level(window)


def _linear16(audio: bytes) -> float:
    return _mean(np.frombuffer(audio, "<i2"))


def _mulaw(audio: bytes) -> float:
    codes = ~np.frombuffer(audio, np.uint8)
    steps = ((codes & 0x0F).astype(np.int32) << 3) + 0x84
    return _mean((steps << ((codes & 0x70) >> 4)) - 0x84)


def _alaw(audio: bytes) -> float:
    codes = np.frombuffer(audio, np.uint8) ^ 0x55
    segments = ((codes & 0x70) >> 4).astype(np.int32)
    steps = ((codes & 0x0F).astype(np.int32) << 4) + np.where(segments == 0, 8, 0x108)
    return _mean(steps << np.maximum(segments - 1, 0))


def _mean(samples: NDArray[Any]) -> float:
    return float(np.abs(samples.astype(np.float64)).mean())


LEVELS: Final[Mapping[str, Callable[[bytes], float]]] = {"linear16": _linear16, "mulaw": _mulaw, "alaw": _alaw}
