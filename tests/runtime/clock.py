"""What tests of waiting share: a clock that a test moves, and a pipeline around one part, step by step."""

import asyncio
import heapq
import itertools
from dataclasses import dataclass

from pipecat.frames.frames import DataFrame, Frame

from tests.services.embedded import Line


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.time = 0.0
        self._count = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, secs: float) -> None:
        wakes: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.time + secs, next(self._count), wakes))
        await wakes

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for it to pass."""
        return any(not wakes.done() for *_, wakes in self._sleepers)

    def wake_by(self, end: float) -> bool:
        """Go to when the next sleeper wakes, if that is no later than `end`; say whether there was one."""
        while self._sleepers and self._sleepers[0][0] <= end + 1e-9:
            at, _, wakes = heapq.heappop(self._sleepers)
            if not wakes.done():
                self.time = max(self.time, at)
                wakes.set_result(None)
                return True
        self.time = end
        return False


@dataclass
class Mark(DataFrame):
    """Comes out when everything that was put in before it has been dealt with."""


class Steps:
    """A line and its clock, which go on only when everything is still."""

    def __init__(self, line: Line, clock: Clock) -> None:
        self.line, self.clock = line, clock
        self._marks = 0

    async def put(self, *frames: Frame) -> None:
        for frame in frames:
            await self.line.put(frame)
            await self.settle()

    async def settle(self) -> None:
        # Twice: what a woken task puts in comes behind the first.
        for _ in range(2):
            self._marks += 1
            mark = Mark()
            mark.interruptible = False
            await self.line.put(mark)
            await self.line.down.wait(Mark, self._marks)

    async def wait(self, secs: float) -> None:
        end = self.clock.time + secs
        await self.settle()
        while self.clock.wake_by(end):
            await self.settle()
