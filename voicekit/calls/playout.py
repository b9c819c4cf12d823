"""Playout: what has arrived, played at real time. An ear hears what is played, not what has arrived."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import numpy as np

from voicekit.calls.ear import Ear
from voicekit.calls.microphone import FRAME_SECS, Samples


class Playout:
    """A buffer, as a telephone network or an app has one.

    Args:
        hz: The rate of what is played.
        ear: Who hears it.
    """

    def __init__(self, hz: int, ear: Ear) -> None:
        self._hz = hz
        self._ear = ear
        self._size = int(hz * FRAME_SECS)
        # Sound, and marks between it.
        self._queue: deque[Samples | str] = deque()

    def add(self, samples: Samples) -> None:
        """Put sound at the end."""
        if len(samples):
            self._queue.append(samples)

    def mark(self, name: str) -> None:
        """Put a mark at the end: it is reached when all before it has been played."""
        self._queue.append(name)

    def clear(self) -> list[str]:
        """Drop what has not been played, and return the marks in it."""
        marks = [each for each in self._queue if isinstance(each, str)]
        self._queue.clear()
        return marks

    async def run(self, reached: Callable[[str], Awaitable[None]]) -> None:
        """Play, silence where there is nothing, until it is cancelled; `reached` is told of each mark."""
        began, played = time.monotonic(), 0
        while True:
            due = began + played * FRAME_SECS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            samples, marks = self._next()
            self._ear.hear(samples, self._hz, due)
            for name in marks:
                await reached(name)
            played += 1

    def _next(self) -> tuple[Samples, list[str]]:
        """Return the next frame, and the marks that it reaches."""
        frame, filled, marks = np.zeros(self._size, dtype=np.int16), 0, list[str]()
        while self._queue and (filled < self._size or isinstance(self._queue[0], str)):
            first = self._queue.popleft()
            if isinstance(first, str):
                marks.append(first)
                continue
            taken = first[: self._size - filled]
            frame[filled : filled + len(taken)] = taken
            filled += len(taken)
            if len(taken) < len(first):
                self._queue.appendleft(first[len(taken) :])
        return frame, marks
