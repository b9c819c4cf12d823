"""Conversation: a WebSocket on which an emulator listens at all times, and sends in order and at its pace."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import Message
from starlette.websockets import WebSocket

from voicekit.emulators.faults import Broken, Pace

_GARBAGE: Final = '{"type": '


@dataclass(frozen=True, slots=True)
class _Due:
    message: dict[str, Any]
    sent: Callable[[], None] | None


class Outbox:
    """What is to be sent.

    Args:
        websocket: An accepted one.
        pace: When each message is due.
        failure: Close code and reason of the vendor when it fails by itself.
        told: Makes, of a message that is not sent any more, what the vendor tells of its failure before it closes.
    """

    def __init__(
        self,
        websocket: WebSocket,
        pace: Pace,
        failure: tuple[int, str],
        told: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self._websocket = websocket
        self._pace = pace
        self._failure = failure
        self._told = told
        # A message, the beginning of an answer, or the code and the reason of a close.
        self._waiting: asyncio.Queue[_Due | tuple[int, str] | None] = asyncio.Queue()

    def begin(self) -> None:
        """Send the next message as the first of an answer: it takes as long as that does."""
        self._waiting.put_nowait(None)

    def put(self, message: dict[str, Any], sent: Callable[[], None] | None = None) -> None:
        """Send a message after those before it.

        Args:
            message: What is sent.
            sent: Called when it has been, and not where something else was sent in its place.
        """
        self._waiting.put_nowait(_Due(message, sent))

    def close(self, code: int, reason: str = "") -> None:
        """Close the connection after what waits has been sent."""
        self._waiting.put_nowait((code, reason))

    @property
    def empty(self) -> bool:
        """Whether nothing waits; what is being sent does not."""
        return self._waiting.empty()

    async def sent(self) -> None:
        """Wait until nothing waits."""
        await self._waiting.join()

    async def run(self) -> None:
        """Send until the connection is to end. A return without a close drops it."""
        while True:
            item = await self._waiting.get()
            if isinstance(item, tuple):
                return await self._websocket.close(*item)
            if item is None:
                self._pace.begin()
            elif not await self._sends(item):
                return None
            self._waiting.task_done()

    async def _sends(self, due: _Due) -> bool:
        """Send a message when it is due; say whether the connection goes on."""
        try:
            await self._pace.step()
            await self._websocket.send_text(json.dumps(due.message))
            if due.sent is not None:
                due.sent()
        except Broken as broken:
            if broken.how == "drop":
                return False
            if broken.how == "error":
                if self._told is not None:
                    await self._websocket.send_text(json.dumps(self._told(due.message)))
                await self._websocket.close(*self._failure)
                return False
            await self._websocket.send_text(_GARBAGE)
        return True


async def converse(
    websocket: WebSocket,
    outbox: Outbox,
    on_message: Callable[[Message], None],
    idle: tuple[float, Callable[[], None]] = (math.inf, lambda: None),
) -> int | None:
    """Listen and send until one side ends it.

    Args:
        websocket: An accepted one.
        outbox: What is sent.
        on_message: Called with each message of the client.
        idle: After how many seconds without a message what is called, once; by default nothing.

    Returns:
        The code with which the client closed, or None where this side ended it.
    """
    sending = asyncio.create_task(outbox.run())
    listening = asyncio.create_task(_listen(websocket, on_message, *idle))
    try:
        await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
        # A client answers a close with one: both may have ended by now.
        ended_here = sending.done() and sending.exception() is None
        return listening.result() if listening.done() and not ended_here else None
    finally:
        for task in (sending, listening):
            task.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)


async def _listen(
    websocket: WebSocket, on_message: Callable[[Message], None], idle_secs: float, on_idle: Callable[[], None]
) -> int:
    timer = asyncio.get_running_loop().call_later(idle_secs, on_idle)
    try:
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            timer.cancel()
            timer = asyncio.get_running_loop().call_later(idle_secs, on_idle)
            on_message(message)
        return int(message["code"])
    finally:
        timer.cancel()
