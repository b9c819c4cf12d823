"""WebSocket: a connection is opened, says in its first message who it is, and a call begins."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from pipecat.evals.fastapi_transport import EvalFastAPIWebsocketTransport
from pipecat.evals.serializer import EvalSerializer, parse_eval_connect
from starlette.websockets import WebSocket, WebSocketDisconnect

from voicekit.problems import Refused, refuse
from voicekit.records.events import Listener, Trouble
from voicekit.runtime.host import Host
from voicekit.runtime.line import Line
from voicekit.runtime.transport import eval_params

FIRST_SECS: Final = 5.0
# What a connection is closed with for each problem that is the caller's to solve (RFC 6455, 7.4.1, and IANA's list:
# a violated policy, and "try again later"); any other is ours.
_CODES: Final = {"bad-start": 1008, "busy": 1013}
_OURS: Final = 1011
# A close frame has room for 123 bytes.
_LONGEST_REASON: Final = 120


class WebSocketLines:
    """The WebSocket connections of one host.

    Args:
        host: Who answers.
        listen: Returns the listener of a new call.
    """

    def __init__(self, host: Host, listen: Callable[[], Listener]) -> None:
        self._host = host
        self._listen = listen

    async def answer(self, socket: WebSocket) -> None:
        """Accept a connection and hold the call on it to its end; one that is refused is closed with the reason."""
        await socket.accept()
        listener = self._listen()
        try:
            call = self._host.call(await self._line(socket), listener)
        except Refused as refused:
            problem = refused.problems[0]
            listener(Trouble("call", problem.text))
            await socket.close(_CODES.get(problem.code, _OURS), problem.text[:_LONGEST_REASON])
        except WebSocketDisconnect:
            pass
        else:
            await self._host.hold(call)

    async def _line(self, socket: WebSocket) -> Line:
        flags = parse_eval_connect(decoded(await first(socket)))
        if flags is None:
            raise refuse("bad-start", "only Pipecat's evals are answered here")
        params = eval_params()
        params.serializer = EvalSerializer()
        return Line(EvalFastAPIWebsocketTransport(socket, params, flags))


async def first(socket: WebSocket) -> str | bytes:
    """Return the next message of a connection.

    Raises:
        Refused: Nothing came.
        WebSocketDisconnect: The other side has gone.
    """
    try:
        async with asyncio.timeout(FIRST_SECS):
            message = await socket.receive()
    except TimeoutError:
        raise refuse("bad-start", f"nothing was said within {FIRST_SECS:g} s") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    return message.get("text") or message.get("bytes") or ""


def decoded(message: str | bytes) -> dict[str, Any]:
    """Return a message as a mapping, an empty one if it is none."""
    try:
        value = json.loads(message)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
