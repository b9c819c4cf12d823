"""A pool of child processes, some of them kept warm."""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Sequence

from voicekit.services.child import ANSWER_SECS, START_SECS, Child, ChildLost

RESTART_SECS = 0.5
IDLE_SECS = 60.0


class Pool:
    """Children of one kind, some of them kept warm.

    `acquire` takes a warm child when there is one; whoever acquired it calls `release`, in whatever state the
    child is: it is reset, or buried and replaced, in the background.

    Args:
        command: What a child runs: see `worker`.
        spare: How many idle children to keep ready.
        limit: How many children there may be in all.
        answer_secs: How long an answer of a child may take, in seconds.
    """

    def __init__(
        self, command: Sequence[str], spare: int = 1, *, limit: int = 32, answer_secs: float = ANSWER_SECS
    ) -> None:
        self._command = command
        self._spare = spare
        self._limit = limit
        self._answer_secs = answer_secs
        self._children: set[Child] = set()
        self._idle: list[Child] = []
        self._coming = 0
        self._starting = 0
        self._waiters: deque[asyncio.Future[Child]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._trimming: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The process ids of all children that are ready or at work."""
        return sorted(child.pid for child in self._children)

    @property
    def idle(self) -> int:
        """How many children are ready and not at work."""
        return len(self._idle)

    async def warm(self) -> None:
        """Wait until a child is ready, so that the first caller does not.

        Raises:
            ChildLost: It cannot be started.
        """
        # The child that warms up is the spare one: another beside it would only take memory.
        spare, self._spare = self._spare, 0
        try:
            child = await self.acquire()
        finally:
            self._spare = spare
        self.release(child)

    async def acquire(self) -> Child:
        """Take a child that is ready. Give it back with `release`.

        Raises:
            ChildLost: None can be started, or none came free in `START_SECS`.
        """
        if self._closed:
            raise ChildLost("the pool is closed")
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                self._fill()
                return child
        waiter: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._fill()
        try:
            async with asyncio.timeout(START_SECS):
                return await waiter
        except TimeoutError:
            self._forget(waiter)
            raise ChildLost(f"none was free within {START_SECS:g} s") from None
        except asyncio.CancelledError:
            self._forget(waiter)
            raise

    def release(self, child: Child) -> None:
        """Give a child back, busy, idle or dead."""
        self._coming += 1
        self._do(self._clean(child))

    async def close(self) -> None:
        """End all children, and whoever waits for one."""
        self._closed = True
        if self._trimming:
            self._trimming.cancel()
        for waiter in self._waiters:
            waiter.cancel()
        for child in self._children:
            child.kill()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _forget(self, waiter: asyncio.Future[Child]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        if waiter.done() and not waiter.cancelled() and not waiter.exception():
            self.release(waiter.result())

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fill(self) -> None:
        wanted = self._spare + len(self._waiters) - len(self._idle) - self._coming
        room = self._limit - len(self._children) - self._starting
        for _ in range(0 if self._closed else min(wanted, room)):
            self._coming += 1
            self._starting += 1
            self._do(self._start())

    async def _start(self) -> None:
        try:
            child = await Child.start(self._command, self._answer_secs)
        except (ChildLost, OSError) as error:
            self._coming -= 1
            self._starting -= 1
            if waiter := self._next_waiter():
                waiter.set_exception(error if isinstance(error, ChildLost) else ChildLost(str(error)))
            return
        self._starting -= 1
        self._children.add(child)
        self._do(self._watch(child))
        self._deliver(child)

    async def _clean(self, child: Child) -> None:
        try:
            await child.reset()
        except ChildLost:
            self._coming -= 1
            self._fill()
        else:
            self._deliver(child)

    async def _watch(self, child: Child) -> None:
        await child.ended()
        self._children.discard(child)
        if child in self._idle:
            self._idle.remove(child)
        # A child that dies as soon as it is ready must not keep the machine busy.
        if not self._closed:
            await asyncio.sleep(RESTART_SECS)
        self._fill()

    def _deliver(self, child: Child) -> None:
        self._coming -= 1
        if self._closed:
            child.kill()
        elif waiter := self._next_waiter():
            waiter.set_result(child)
            self._fill()
        else:
            child.idle_since = time.monotonic()
            self._idle.append(child)
            self._trim_later()

    def _next_waiter(self) -> asyncio.Future[Child] | None:
        while self._waiters:
            if not (waiter := self._waiters.popleft()).done():
                return waiter
        return None

    def _trim_later(self) -> None:
        if self._trimming is None and len(self._idle) > self._spare:
            self._trimming = asyncio.get_running_loop().call_later(IDLE_SECS, self._trim)

    def _trim(self) -> None:
        self._trimming = None
        long_ago = time.monotonic() - IDLE_SECS
        while len(self._idle) > self._spare and self._idle[0].idle_since <= long_ago:
            self._idle.pop(0).kill()
        self._trim_later()
