"""Caller: what every simulated caller has, whatever the line: a microphone, an ear, and what the agent's side told."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, Self

from voicekit.calls.ear import Ear
from voicekit.calls.microphone import Microphone
from voicekit.calls.recording import Recording

CONNECT_SECS: Final = 10.0
# What a client says when it is ready to be spoken to.
READY: Final = {
    "label": "rtvi-ai",
    "type": "client-ready",
    "id": "1",
    "data": {"version": "2.2.0", "about": {"library": "voicekit"}},
}


class CallFailed(Exception):
    """The call did not come about, or ended too early; the text says why."""


class Caller(ABC):
    """One call; at the end of an `async with` block the caller hangs up. The lines are its subclasses.

    Args:
        speaks_hz: The rate of the caller's sound on the line.
        hears_hz: That of the agent's.
        record: A WAV to write when the call is over.

    Attributes:
        microphone: Sends silence unless it speaks.
        ear: Hears what is played.
        messages: The RTVI messages of the agent's side. A telephone carries none.
        arrivals: The moment of each.
        cuts: The moments at which the agent's side said that it was interrupted.
    """

    def __init__(self, speaks_hz: int, hears_hz: int, record: Path | None = None) -> None:
        self._recording = Recording(speaks_hz, hears_hz)
        self._record = record
        self.microphone = Microphone(speaks_hz, self._recording.caller.take if record else _nothing)
        self.ear = Ear(self._recording.agent.take if record else _nothing)
        self.messages: list[dict[str, Any]] = []
        self.arrivals: list[float] = []
        self.cuts: list[float] = []
        self._arrived = asyncio.Event()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()

    async def message(self, kind: str, since: int, within_secs: float) -> int:
        """Wait for a message of the agent's side, and return its position in `messages`.

        Args:
            kind: Its RTVI type.
            since: The position to look from.
            within_secs: How long to wait.

        Raises:
            CallFailed: It did not come.
        """
        try:
            async with asyncio.timeout(within_secs):
                while True:
                    for position in range(since, len(self.messages)):
                        if self.messages[position].get("type") == kind:
                            return position
                    await self._news()
        except TimeoutError:
            raise CallFailed(f"no '{kind}' came within {within_secs:g} s") from None

    async def cut(self, since: float, within_secs: float) -> float:
        """Wait until the agent's side says that it was interrupted, after a moment; return when it said so.

        Raises:
            CallFailed: It did not.
        """
        try:
            async with asyncio.timeout(within_secs):
                while not self.cuts or self.cuts[-1] < since:
                    await self._news()
        except TimeoutError:
            raise CallFailed(f"the agent was not interrupted within {within_secs:g} s") from None
        return next(moment for moment in self.cuts if moment >= since)

    async def until_ended(self, within_secs: float) -> None:
        """Wait until the agent has hung up.

        Raises:
            CallFailed: It did not.
        """
        try:
            async with asyncio.timeout(within_secs):
                await self._ended.wait()
        except TimeoutError:
            raise CallFailed(f"the agent did not hang up within {within_secs:g} s") from None

    async def hang_up(self) -> None:
        """End the call, and write what was recorded."""
        for task in self._tasks:
            task.cancel()
        await self._close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        if self._record:
            self._recording.write(self._record)

    @abstractmethod
    async def _close(self) -> None:
        """Close the line, whatever has become of it."""

    def _take(self, message: dict[str, Any]) -> None:
        """Keep a message that has come."""
        self.messages.append(message)
        self.arrivals.append(time.monotonic())
        if message.get("type") == "bot-interrupted":
            self.cuts.append(self.arrivals[-1])
        self._arrived.set()

    def _cut_off(self) -> None:
        """Keep the moment of an interruption that no message tells."""
        self.cuts.append(time.monotonic())
        self._arrived.set()

    async def _news(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _nothing(_samples: object, _at: float) -> None:
    """Keep nothing: nobody asked for a recording."""
