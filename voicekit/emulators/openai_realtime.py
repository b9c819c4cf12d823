"""OpenAI Realtime: GET /v1/realtime, upgraded to a WebSocket, in the form of general availability.

It understands no speech: a caller says what was announced, when speech is really there to be heard. The answer is the
script's, to the results of tools or the words of the last message, whichever came last; after an answer of its own, to
the instructions of the response. A model that is told to say exactly something does: see `realtime_items.dictated`.
Events: https://platform.openai.com/docs/api-reference/realtime-server-events.
"""

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from voicekit.emulators.checks import Wrong
from voicekit.emulators.conversation import Outbox, converse
from voicekit.emulators.faults import Fault, Latency, Pace, Refuse
from voicekit.emulators.hearing import Announcement
from voicekit.emulators.realtime_checks import EVENT
from voicekit.emulators.realtime_items import Item
from voicekit.emulators.realtime_responses import Responses
from voicekit.emulators.realtime_session import Channel, Session, initial, updated
from voicekit.emulators.realtime_turns import Turns
from voicekit.emulators.script import Script

Json: TypeAlias = dict[str, Any]

# By their form, so that a new one is no mistake and a misspelt one is.
MODELS: Final = re.compile(r"gpt-(4o-(mini-)?realtime-preview|realtime(-\d(\.\d+)?)?(-mini)?)(-\d{4}-\d\d-\d\d)?")
_REFUSED: Final = 4000
_AWAY: Final = 1001
_FAILED: Final = (1011, "The server had an error while processing your request.")
# What a status is called in the body of a refused handshake.
_CODES: Final[Mapping[int, tuple[str, str | None]]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}


@dataclass
class OpenAIRealtime:
    """The emulator.

    Attributes:
        key: The only key it takes.
        script: What is answered.
        models: The models it has.
        latency: How long a response takes to its first word, and from word to word.
        faults: One for each connection, in turn; None is a healthy one. All are healthy when there are no more. What
            breaks off does so after so many events of the connection; `error` closes it with 1011.
        session_secs: After how long a session expires.
        failing: So many of the responses that come fail, with the vendor's own error.
        unannounced: What speech is that nobody announced.
        sessions: Every connection that was accepted, in order.
    """

    key: str
    script: Script = field(default_factory=Script)
    models: re.Pattern[str] = MODELS
    latency: Latency = field(default_factory=Latency)
    faults: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    session_secs: float = 3600.0
    failing: int = 0
    unannounced: str = ""
    sessions: list[Session] = field(default_factory=list)
    _announced: deque[Announcement] = field(default_factory=deque, repr=False)
    _outboxes: list[Outbox] = field(default_factory=list, repr=False)
    _channels: list[Channel] = field(default_factory=list, repr=False)

    def announce(self, text: str, secs: float = 0.0) -> None:
        """Say what the next stretch of speech is.

        It is the connection's on which speech begins first. Without turn detection it is what is committed next, if
        there is speech in it.
        """
        self._announced.append(Announcement(text, secs))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the latest session, as a server does that goes away."""
        self._outboxes[-1].close(code, reason)

    def error(self, code: str, message: str) -> None:
        """Send the latest session an error event; it stays open, as after most errors of the vendor's."""
        self._channels[-1].refuse(Wrong(code, message))

    def _fails(self) -> bool:
        self.failing -= 1
        return self.failing >= 0

    def exchanges(self) -> list[Session]:
        """Return `sessions`."""
        return self.sessions

    def routes(self) -> list[BaseRoute]:
        """Return its one route."""
        return [WebSocketRoute("/v1/realtime", self._connect)]

    async def _connect(self, websocket: WebSocket) -> None:
        fault = next(self.faults, None)
        refusal = self._refusal(websocket, fault)
        if refusal:
            await websocket.send_denial_response(refusal)
            return
        await websocket.accept()
        outbox = Outbox(websocket, Pace(Latency(), fault), _FAILED)
        number = len(self.sessions) + 1
        model = websocket.query_params.get("model", "")
        session = Session(initial(number, model, int(time.time() + self.session_secs)))
        channel = Channel(number, session, outbox.put)
        self.sessions.append(session)
        self._outboxes.append(outbox)
        self._channels.append(channel)
        try:
            self._check(websocket, model)
        except Wrong as wrong:
            channel.refuse(wrong)
            outbox.close(_REFUSED, f"invalid_request_error.{wrong.code}")
            session.closed = await converse(websocket, outbox, lambda _: None)
            return
        await self._hold(websocket, channel, outbox)

    async def _hold(self, websocket: WebSocket, channel: Channel, outbox: Outbox) -> None:
        def expire() -> None:
            text = f"Your session hit the maximum duration of {self.session_secs / 60:g} minutes."
            channel.refuse(Wrong("session_expired", text))
            outbox.close(_AWAY, text)

        running: list[asyncio.Task[None]] = []
        timer = asyncio.get_running_loop().call_later(self.session_secs, expire)
        try:
            async with asyncio.TaskGroup() as group:

                def begin(work: Coroutine[Any, Any, None]) -> None:
                    running.append(group.create_task(work))

                responses = Responses(channel, self.script, self.latency, outbox.sent, self._fails)
                talk = _Talk(channel, responses, self._announced, self.unannounced, begin)
                channel.emit("session.created", session=channel.session.settings)
                channel.session.closed = await converse(websocket, outbox, talk.take)
                for task in running:
                    task.cancel()
        finally:
            timer.cancel()

    def _refusal(self, websocket: WebSocket, fault: Fault | None) -> JSONResponse | None:
        scheme, _, key = websocket.headers.get("authorization", "").partition(" ")
        if isinstance(fault, Refuse):
            headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
            return _denied(fault.status, "The emulator was told to refuse this connection.", headers)
        if scheme.lower() != "bearer" or not key:
            return _denied(401, "Missing bearer or basic authentication in header")
        if key != self.key:
            return _denied(401, "Incorrect API key provided.")
        return None

    def _check(self, websocket: WebSocket, model: str) -> None:
        if "openai-beta" in websocket.headers:
            text = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
            raise Wrong("beta_api_shape_disabled", text)
        if not model:
            raise Wrong("missing_model", "You must provide a model parameter.")
        if not self.models.fullmatch(model):
            raise Wrong("invalid_model", f'Model "{model}" is not supported in realtime mode.')


class _Talk:
    """Does what the events of one client ask for."""

    def __init__(
        self,
        channel: Channel,
        responses: Responses,
        announced: deque[Announcement],
        unannounced: str,
        begin: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._channel = channel
        self._session = channel.session
        self._responses = responses
        self._begin = begin
        self._turns = Turns(channel, announced, unannounced, self._interrupted, lambda: self._respond({}))
        self._handlers: Final[Mapping[str, Callable[[Json], None]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": lambda event: self._turns.append(event["audio"]),
            "input_audio_buffer.commit": lambda _: self._turns.commit(),
            "input_audio_buffer.clear": lambda _: self._turns.clear(),
            "conversation.item.create": self._create,
            "conversation.item.retrieve": self._retrieve,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "response.create": lambda event: self._respond(event.get("response") or {}),
            "response.cancel": self._cancel,
        }

    def take(self, message: Message) -> None:
        """Take a message of the client."""
        event: Json = {}
        try:
            event = _parsed(message.get("text") or "")
            if event.get("type") != "input_audio_buffer.append":
                self._session.received.append(event)
            EVENT(event, "")
            self._handlers[event["type"]](event)
        except Wrong as wrong:
            self._channel.refuse(wrong, event.get("event_id"))

    def _update(self, event: Json) -> None:
        self._session.settings = updated(self._session.settings, event["session"], spoken=self._session.spoken)
        self._turns.configure()
        self._channel.emit("session.updated", session=self._session.settings)

    def _create(self, event: Json) -> None:
        given = event["item"]
        conversation = self._session.conversation
        if given["type"] == "function_call_output" and not conversation.has_call(given["call_id"]):
            text = f"Tool call ID '{given['call_id']}' not found in conversation."
            raise Wrong("invalid_tool_call_id", text)
        item = Item.of_client(given, self._channel.new_id("item"))
        before = conversation.add(item, event.get("previous_item_id"))
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._channel.emit(kind, previous_item_id=before, item=item.body)

    def _retrieve(self, event: Json) -> None:
        item = self._session.conversation.retrieve(event["item_id"])
        self._channel.emit("conversation.item.retrieved", item=item.with_audio())

    def _truncate(self, event: Json) -> None:
        place = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
        self._session.conversation.truncate(*place.values())
        self._channel.emit("conversation.item.truncated", **place)

    def _delete(self, event: Json) -> None:
        self._session.conversation.delete(event["item_id"])
        self._channel.emit("conversation.item.deleted", item_id=event["item_id"])

    def _respond(self, asked: Json) -> None:
        response = self._responses.create(asked)
        self._begin(self._responses.run(response))

    def _cancel(self, event: Json) -> None:
        if not self._responses.cancel("client_cancelled", event.get("response_id")):
            raise Wrong("response_cancel_not_active", "Cancellation failed: no active response found")

    def _interrupted(self) -> None:
        self._responses.cancel("turn_detected")


def _denied(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    kind, code = _CODES.get(status, ("server_error", None))
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": code}}, status, headers)


def _parsed(text: str) -> Json:
    try:
        event = json.loads(text)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise Wrong("invalid_event", "The event is not a JSON object.")
    return event
