"""One child process that works over a framed pipe.

Engines that hold the GIL, keep global state or may crash run in a process of their own. A child that misses
a time limit is killed, because nobody knows what its pipe will say next; who sees `ChildLost` takes another.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process, SubprocessStreamProtocol
from collections.abc import Sequence
from pathlib import Path

import voicekit
from voicekit.services.frames import HEADER, LONGEST, READY, REFUSED, RESET

START_SECS = 15.0
ANSWER_SECS = 5.0
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
