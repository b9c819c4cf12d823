"""WebSocket: a connection is opened, says in its first messages who it is, and a call begins."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pipecat.evals.serializer import parse_eval_connect
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from voicekit.problems import Refused, refuse
from voicekit.records.events import Listener, Trouble
from voicekit.runtime.call import Call
from voicekit.runtime.host import Host
from voicekit.runtime.line import Line
from voicekit.runtime.sockets import app_line, eval_line, twilio_line

FIRST_SECS: Final = 5.0
MOST_STRANGERS: Final = 200
"""Connections that have not said yet who they are; above so many, no other is accepted."""
# What a connection is closed with for each problem that is the caller's to solve (RFC 6455, 7.4.1, and IANA's list:
# a violated policy, and "try again later"); any other is ours.
_CODES: Final = {
    **dict.fromkeys(("bad-start", "bad-ticket", "missing-value"), 1008),
    **dict.fromkeys(("busy", "too-many-calls", "draining"), 1013),
}
_OURS: Final = 1011
# A close frame has room for 123 bytes.
_LONGEST_REASON: Final = 120


LetIn: TypeAlias = Callable[[str, Mapping[str, str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Start:
    """What Twilio says of a stream that begins."""

    stream: str
    call: str
    given: Mapping[str, str]


class WebSocketLines:
    """The WebSocket connections of one host.

    Args:
        host: Who answers.
        listen: Returns the listener of a new call.
        let_in: Takes the call and the `<Parameter>`s of a stream of Twilio's, and returns what came with it; None where
            none comes from outside this machine.
    """

    def __init__(self, host: Host, listen: Callable[[], Listener], let_in: LetIn | None = None) -> None:
        self._host = host
        self._listen = listen
        self._let_in = let_in
        self._transport = host.agent.transport
        self._strangers = 0

    @property
    def takes_streams(self) -> bool:
        """Whether streams of Twilio's are let in from outside this machine."""
        return self._let_in is not None

    async def app(self, socket: WebSocket, given: Mapping[str, str]) -> None:
        """Hold the call of an app, a device, or Pipecat's evals, which call any file; `given` came with it."""

        async def line(_tell: Callable[[str], None]) -> Line:
            self._host.admission.check()
            message = await _next(socket)
            flags = parse_eval_connect(_decoded(message))
            if flags is not None:
                return eval_line(socket, flags)
            if self._transport.type != "websocket":
                raise refuse("bad-start", f"only Pipecat's evals are answered here: {self._is()}")
            _unread(socket, message)
            return app_line(self._transport, socket, given)

        await self._answer(socket, line)

    async def telephone(self, socket: WebSocket) -> None:
        """Hold the call of a stream that Twilio opens."""

        async def line(tell: Callable[[str], None]) -> Line:
            if self._transport.type != "twilio":
                raise refuse("bad-start", f"no telephone is answered here: {self._is()}")
            start = await _started(socket)
            given = self._let_in(start.call, start.given) if self._let_in else start.given
            _end_with_stop(socket)
            return twilio_line(self._transport, socket, stream=start.stream, call=start.call, given=given, tell=tell)

        await self._answer(socket, line)

    async def _answer(self, socket: WebSocket, line: Callable[[Callable[[str], None]], Awaitable[Line]]) -> None:
        """Accept a connection and hold the call on it to its end; one that is refused is closed with the reason."""
        if self._strangers >= MOST_STRANGERS:
            # Before it is accepted, this is the status 403.
            await socket.close()
            return
        self._strangers += 1
        try:
            call = await self._met(socket, line)
        finally:
            self._strangers -= 1
        if call is not None:
            await self._host.hold(call)

    async def _met(self, socket: WebSocket, line: Callable[[Callable[[str], None]], Awaitable[Line]]) -> Call | None:
        """Return the call of who has connected; None where he was refused, or has gone."""
        await socket.accept()
        listener = self._listen()

        def tell(text: str) -> None:
            listener(Trouble("call", text))

        try:
            async with asyncio.timeout(FIRST_SECS):
                found = await line(tell)
            return self._host.call(found, listener)
        except TimeoutError:
            await _close(socket, refuse("bad-start", f"no call began within {FIRST_SECS:g} s"), tell)
        except Refused as refused:
            await _close(socket, refused, tell)
        except WebSocketDisconnect:
            pass
        return None

    def _is(self) -> str:
        return f"the file's transport is '{self._transport.type}'"


async def _close(socket: WebSocket, refused: Refused, tell: Callable[[str], None]) -> None:
    problem = refused.problems[0]
    tell(problem.text)
    await socket.close(_CODES.get(problem.code, _OURS), problem.text[:_LONGEST_REASON])


async def _next(socket: WebSocket) -> Message:
    """Return the next message of a connection.

    Raises:
        WebSocketDisconnect: The other side has gone.
    """
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    return message


def _decoded(message: Message) -> dict[str, Any]:
    """Return a message as a mapping, an empty one if it is none."""
    try:
        value = json.loads(message.get("text") or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


async def _started(socket: WebSocket) -> Start:
    """Return what Twilio says first: that it is connected, then what has started.

    Raises:
        Refused: It is not Twilio who speaks, or not of a telephone call.
        WebSocketDisconnect: The other side has gone.
    """
    event = _decoded(await _next(socket))
    if event.get("event") == "connected":
        event = _decoded(await _next(socket))
    start = event.get("start")
    if event.get("event") != "start" or not isinstance(start, dict):
        raise refuse("bad-start", "what was said first is no start of a stream of Twilio's")
    stream, call, given = start.get("streamSid"), start.get("callSid"), start.get("customParameters") or {}
    sound = start.get("mediaFormat")
    if not (stream and call and isinstance(stream, str) and isinstance(call, str) and isinstance(given, dict)):
        raise refuse("bad-start", "the start of a stream names no stream, or no call")
    if not isinstance(sound, dict) or (sound.get("encoding"), sound.get("sampleRate")) != ("audio/x-mulaw", 8000):
        raise refuse("bad-start", "the stream's sound is not audio/x-mulaw at 8000 Hz")
    return Start(stream, call, {str(name): str(value) for name, value in given.items()})


def _unread(socket: WebSocket, message: Message) -> None:
    """Let a message be the next one again: the line wants it, too."""
    receive, again = socket._receive, [message]

    async def first_again() -> Message:
        return again.pop() if again else await receive()

    socket._receive = first_again


def _end_with_stop(socket: WebSocket) -> None:
    """Let Twilio's `stop` be the end of a connection: the caller has hung up, and nothing follows."""
    receive = socket._receive

    async def until_stop() -> Message:
        message = await receive()
        if '"stop"' in (message.get("text") or "") and _decoded(message).get("event") == "stop":
            await socket.close()
            return {"type": "websocket.disconnect", "code": 1000}
        return message

    socket._receive = until_stop
