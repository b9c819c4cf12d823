"""Typist: a caller who writes, over a host's /ws. The agent answers in text and is not heard."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from pipecat.evals.serializer import EVAL_CONFIGURE_MESSAGE_TYPE, EvalConnectionFlags, eval_connect_message
from pipecat.processors.frameworks.rtvi import models as rtvi
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

# The agent's own page is told the names of tools only; whoever writes is at its console.
_CONFIGURE: Final = {"t": EVAL_CONFIGURE_MESSAGE_TYPE, "d": {"function_call_report_level": {"*": "full"}}}


class Typist:
    """One conversation.

    Args:
        connection: To the host, open.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._sent = 0

    async def say(self, text: str) -> None:
        """Send what is written. What the agent is saying is broken off."""
        options = rtvi.SendTextOptions(run_immediately=True, audio_response=False)
        await self._send("send-text", rtvi.SendTextData(content=text, options=options).model_dump())

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the RTVI messages of the agent until the call ends."""
        try:
            async for message in self._connection:
                yield json.loads(message)
        except ConnectionClosed:
            return

    async def _send(self, kind: str, data: dict[str, Any]) -> None:
        self._sent += 1
        await self._connection.send(rtvi.Message(type=kind, id=str(self._sent), data=data).model_dump_json())


@asynccontextmanager
async def typing(address: str) -> AsyncIterator[Typist]:
    """Open a conversation with a host, for as long as the context is open.

    Args:
        address: `127.0.0.1:PORT`.
    """
    async with connect(f"ws://{address}/ws") as connection:
        await connection.send(eval_connect_message(EvalConnectionFlags(skip_tts=True)))
        typist = Typist(connection)
        await typist._send("client-ready", {"version": rtvi.PROTOCOL_VERSION, "about": {"library": "voicekit"}})
        await typist._send("client-message", _CONFIGURE)
        yield typist
