"""Streamed: an HTTP answer that is sent piece by piece, at its pace, and breaks off where it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voicekit.emulators.faults import Broken, Pace

Json: TypeAlias = dict[str, Any]
Outcome: TypeAlias = Literal["answering", "answered", "refused", "broken", "left"]


@dataclass
class Exchange:
    """One request as it came, and what became of it. `left` is a client that did not wait for the end."""

    body: Json
    outcome: Outcome = "answering"


async def paced(pieces: Iterable[bytes], pace: Pace, broken: Mapping[str, bytes]) -> AsyncIterator[bytes]:
    """Yield each piece when it is due.

    Args:
        pieces: What is sent.
        pace: When.
        broken: What is sent instead of the rest where the answer breaks off, by how it does.

    Raises:
        Broken: It has broken off.
    """
    try:
        for piece in pieces:
            await pace.step()
            yield piece
    except Broken as reason:
        if reason.how in broken:
            yield broken[reason.how]
        raise


class Streamed(Response):
    """Sends a body piece by piece, notices when the client leaves, and notes how it ended.

    Args:
        pieces: The body; may raise `Broken`.
        exchange: Whose outcome is noted.
        media_type: Of the body.
        sent: Called when all of it has been.
    """

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        exchange: Exchange,
        media_type: str,
        sent: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._pieces = pieces
        self._exchange = exchange
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        server = scope["app"].state
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_left(receive))
        ending = asyncio.create_task(server.ended.wait())
        tasks = {writing, leaving, ending}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                self._exchange.outcome = "left"
            if not writing.done() or not writing.result():
                server.drop(scope["client"])
                await leaving
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, send: Callable[[Json], Any]) -> bool:
        """Send the pieces; say whether the connection outlives them."""
        try:
            async for piece in self._pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            self._exchange.outcome = "answered"
            self._sent()
        except Broken as broken:
            self._exchange.outcome = "broken"
            if broken.how == "drop":
                return False
        await send({"type": "http.response.body", "body": b""})
        return True


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
