"""One child process that works over a framed pipe, and a small pool of such children.

Engines that hold the GIL, keep global state or may crash run in a process of their own. A child that misses
a time limit is killed, because nobody knows what its pipe will say next; who sees `ChildLost` takes another.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
import weakref
from asyncio.subprocess import DEVNULL, PIPE, Process, SubprocessStreamProtocol
from collections import deque
from collections.abc import Coroutine, Sequence
from pathlib import Path

import voicekit
from voicekit.services.frames import HEADER, LONGEST, READY, REFUSED, RESET

START_SECS = 15.0
ANSWER_SECS = 5.0
RESTART_SECS = 0.5
IDLE_SECS = 60.0
BUFFER_BYTES = 1 << 16


class ChildLost(Exception):
    """The child is gone, or was killed because it did not answer; the text says which."""


class ChildRefused(Exception):
    """The child is well but cannot do what it was asked; the text says why."""


def worker(name: str) -> tuple[str, ...]:
    """Return the command that runs a worker module of this package, whatever the current directory holds."""
    return (sys.executable, "-P", "-m", f"{voicekit.__name__}.services.{name}")


class Child:
    """One running child. `start` makes it; everything else may raise `ChildLost`."""

    def __init__(self, process: Process, transport: asyncio.SubprocessTransport, answer_secs: float) -> None:
        self.idle_since = 0.0
        self._process = process
        self._transport = transport
        self._answer_secs = answer_secs
        self._killed = False
        # Kept over a cancelled `receive`, or the next one would take the payload for a header.
        self._header: tuple[bytes, int] | None = None

    @classmethod
    async def start(cls, command: Sequence[str], answer_secs: float = ANSWER_SECS) -> "Child":
        """Start a child and wait until it is ready.

        Args:
            command: The program and its arguments.
            answer_secs: How long an answer may take, in seconds, before the child counts as hung.

        Raises:
            ChildLost: It ended or did not become ready in `START_SECS`.
        """
        loop = asyncio.get_running_loop()
        root = str(Path(voicekit.__file__).parent.parent)
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(limit=BUFFER_BYTES, loop=loop),
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C goes to the terminal's process group, and a child that just starts cannot ignore it yet.
            start_new_session=True,
        )
        child = cls(Process(transport, protocol, loop), transport, START_SECS)
        try:
            while (await child.receive())[0] != READY:
                pass
        except ChildRefused as refused:
            child.kill()
            await child.ended()
            raise ChildLost(str(refused)) from None
        except BaseException:
            child.kill()
            await child.ended()
            raise
        child._answer_secs = answer_secs
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs, as far as is known without asking it."""
        reader = self._process.stdout
        return self._process.returncode is None and not self._killed and reader is not None and not reader.at_eof()

    async def send(self, operation: bytes, payload: bytes = b"") -> None:
        """Send one frame, waiting while the pipe is full."""
        writer = self._process.stdin
        if writer is None or not self.alive:
            raise await self._lost()
        writer.write(HEADER.pack(operation, len(payload)) + payload)
        try:
            async with asyncio.timeout(self._answer_secs):
                await writer.drain()
        except TimeoutError:
            raise self._hung() from None
        except ConnectionError:
            raise await self._lost() from None

    async def receive(self) -> tuple[bytes, bytes]:
        """Wait for the next frame: operation and payload. May be cancelled without losing its place.

        Raises:
            ChildLost: The child ended, or sent nothing in its time limit and has been killed.
            ChildRefused: The frame says that the request cannot be done.
        """
        try:
            async with asyncio.timeout(self._answer_secs):
                operation, payload = await self._read()
        except TimeoutError:
            raise self._hung() from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._lost() from None
        if operation == REFUSED:
            raise ChildRefused(payload.decode())
        return operation, payload

    async def reset(self) -> None:
        """Drop whatever is under way; nothing that was said before comes out afterwards."""
        await self.send(RESET)
        ready = False
        while not ready:
            with contextlib.suppress(ChildRefused):
                ready = (await self.receive())[0] == READY

    def kill(self) -> None:
        """End it at once, stopped or not. Safe to call twice."""
        self._killed = True
        if self._process.returncode is None:
            # Not by the transport or Popen: they look whether it has ended, and so take the exit code away
            # from the thread of asyncio's that waits for it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        for descriptor in (0, 1):
            if pipe := self._transport.get_pipe_transport(descriptor):
                pipe.close()

    async def ended(self) -> None:
        """Wait until the process is gone."""
        await self._process.wait()

    async def _read(self) -> tuple[bytes, bytes]:
        reader = self._process.stdout
        if reader is None:
            raise ConnectionError
        if self._header is None:
            self._header = HEADER.unpack(await reader.readexactly(HEADER.size))
        operation, length = self._header
        if length > LONGEST:
            self.kill()
            raise ChildLost("its answers were out of step")
        payload = await reader.readexactly(length)
        self._header = None
        return operation, payload

    def _hung(self) -> ChildLost:
        self.kill()
        return ChildLost(f"it did not answer within {self._answer_secs:g} s")

    async def _lost(self) -> ChildLost:
        # A process that closes its pipe is about to end by itself, and its exit code tells more than our kill.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self.ended()
        self.kill()
        code = self._process.returncode
        if code is not None and code < 0:
            return ChildLost(f"it was ended by {signal.Signals(-code).name}")
        return ChildLost(f"it ended with exit code {code}")


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
        room = self._limit - len(self._children) - self._coming
        for _ in range(0 if self._closed else min(wanted, room)):
            self._coming += 1
            self._do(self._start())

    async def _start(self) -> None:
        try:
            child = await Child.start(self._command, self._answer_secs)
        except (ChildLost, OSError) as error:
            self._coming -= 1
            if waiter := self._next_waiter():
                waiter.set_exception(error if isinstance(error, ChildLost) else ChildLost(str(error)))
            return
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


_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Pool]] = weakref.WeakKeyDictionary()


def shared_pool(name: str) -> Pool:
    """Return the pool of a worker module that every call of this process shares, made on first use."""
    pools = _shared.setdefault(asyncio.get_running_loop(), {})
    if name not in pools:
        pools[name] = Pool(worker(name))
    return pools[name]


async def close_shared_pools() -> None:
    """End every child of the shared pools: the last act of a server."""
    for pool in _shared.pop(asyncio.get_running_loop(), {}).values():
        await pool.close()
