"""Session: keeps a realtime service in a session: one that has died is noticed, and another goes on where it was."""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final, cast

from pipecat.processors.frame_processor import FrameProcessor
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from voicekit.config.agent import Fillers
from voicekit.config.services import Service
from voicekit.records.events import Listener, Restarted, Trouble
from voicekit.runtime.failure import Failure
from voicekit.runtime.journal import BYTES_PER_SEC, Journal
from voicekit.runtime.pulse import SIGN_SECS, Pulse
from voicekit.runtime.tries import Tries
from voicekit.runtime.wire import (
    EXPIRED,
    HEEDED,
    Dial,
    Json,
    closed_by,
    dialled,
    event_of,
    failed_by_itself,
    refuses,
)

BRIDGE_SECS: Final[float] = Fillers.model_fields["after_ms"].default / 1000
"""A caller who waits this long for a session hears a filler: as long as one who waits for an answer of a cascade."""
_TICK_SECS: Final = 0.25

# Changes nothing, and is answered.
_PROBE: Final[Json] = {"type": "session.update", "session": {"type": "realtime"}}
# What answers an item that a client has made.
_TOLD: Final = ("conversation.item.added", "conversation.item.done")
# After this many sessions without an answer to it, a turn is given up.
_MOST_UNANSWERED: Final = 2


class Session:
    """Stands between Pipecat's service and the connection.

    The service is given this in place of a connection, and reads one stream of events from it that does not end with
    a session. What it sends goes through here, too. So it knows nothing of a restart but that it is asked, once more,
    for the settings of a session.

    A restart is tried at once, then again after 1 s, 2 s, 4 s … for as long as the section's `timeout_secs`. When none
    has come of that the turn has failed, as `Failure` sees to, and it begins anew.

    Args:
        service: One that is `supervised`, not yet set up.
        section: Its section in the file.
        listener: Told of restarts, and of errors that a session survives.
        failure: What the caller hears meanwhile.
        dial: Connects.
        sleep: Waits.
        now: Tells the time, in seconds.
        epoch: Tells the time, in seconds of Unix: that of the vendor, who says when a session expires.
    """

    def __init__(
        self,
        service: FrameProcessor,
        section: Service,
        listener: Listener,
        failure: Failure,
        *,
        dial: Dial = dialled,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        # It is asked for what is Pipecat's own.
        self._service = cast("Any", service)
        self._limit_secs = section.timeout_secs
        self._listener = listener
        self._failure = failure
        self._dial, self._sleep, self._now = dial, sleep, now
        self._journal = Journal()
        self._connection: ClientConnection | None = None
        self._live = self._replaying = self._over = False
        # What was sent while the last session was told again.
        self._held: list[Json] = []
        self._told_again: set[str] = set()
        self._watch: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._tries, self._pulse = Tries(section.timeout_secs, now), Pulse(section.timeout_secs, now, epoch)
        # Why there is no session, as the last one and the last try have it, and since when.
        self._ended_by = self._why = ""
        self._lost_at = now()
        self._begun = self._unanswered = 0
        self._failed_once = False
        # Since when somebody waits for a session, and whether any has done something since one was dead.
        self._waits_since: float | None = None
        self._proved = True
        self._service._connect = self._open
        self._service._ws_send = self._send

    async def _open(self) -> None:
        """Begin to keep a session; in the place of the service's own `_connect`."""
        if self._service._websocket is not None:
            return
        self._over = False
        self._lost_at = self._now()
        self._tries.begin()
        self._service._websocket = self
        self._service._receive_task = self._service.create_task(self._receive())
        self._watch = self._service.create_task(self._keep_watch())

    async def close(self) -> None:
        """End the session and begin no other: the service disconnects."""
        self._over, self._live = True, False
        connection, self._connection = self._connection, None
        for task in (*self._beside, *([self._watch] if self._watch else [])):
            await self._service.cancel_task(task)
        if connection is not None:
            await connection.close()
        if self._closing:
            await asyncio.wait(self._closing)

    async def _receive(self) -> None:
        while not self._over:
            try:
                await self._service._receive_task_handler()
            except Exception as error:  # noqa: BLE001 - whatever an event does to Pipecat, the next session goes on
                self._lose(f"what it sent cannot be taken: {type(error).__name__}")

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Give the service the events of one session after another, but those that it has had before."""
        while not self._over:
            connection = await self._reached()
            try:
                async for message in connection:
                    if connection is not self._connection:
                        break
                    if await self._take(event_of(message)):
                        yield message
                why = "it was closed"
            except ConnectionClosed as closed:
                why = closed_by(closed)
            except (ValueError, LookupError, TypeError):
                why = "what it sent cannot be read"
            if connection is self._connection:
                self._lose(why)

    async def _reached(self) -> ClientConnection:
        """Connect, however long that takes. When it takes too long, the caller is told each time."""
        while True:
            wait = self._tries.wait_secs()
            if wait is None:
                await self._give_up()
                continue
            if wait:
                await self._sleep(wait)
            self._tries.tried()
            try:
                connection = await self._dial(self._service, self._limit_secs)
            except (OSError, TimeoutError, WebSocketException) as error:
                self._why = f"cannot connect: {str(error) or type(error).__name__}"
                self._tries.refused = refuses(error)
                continue
            self._connection = connection
            self._pulse.connected()
            return connection

    async def _give_up(self) -> None:
        self._listener(Trouble("realtime", self._why))
        self._forget_what_is_due()
        if not await self._failure.unanswerable():
            # The call ends, and whoever reads is cancelled with it.
            await asyncio.get_running_loop().create_future()
        self._tries.begin()

    def _forget_what_is_due(self) -> None:
        self._journal.give_up()
        self._service._response_active = False
        self._unanswered = 0

    async def _take(self, event: Json) -> bool:
        """Take note of an event; say whether it is for the service."""
        kind = event["type"]
        self._pulse.heard()
        if kind == "error":
            return self._heed_error(event["error"])
        if kind == "session.created":
            self._pulse.expires(event["session"].get("expires_at"))
        elif kind == "session.updated":
            await self._go_on()
        elif kind in _TOLD and event["item"]["id"] in self._told_again:
            return False
        elif self._live:
            self._pulse.moved()
            self._is_well()
            return await self._heed(event)
        return True

    def _is_well(self) -> None:
        self._proved = True
        self._pulse.noticed()

    async def _heed(self, event: Json) -> bool:
        if event["type"] == "response.done":
            self._failed_once = not self._failed_once and failed_by_itself(event["response"])
            if self._failed_once:
                await self._transmit(self._journal.ask_again())
                return False
            if event["response"]["status"] == "completed":
                self._unanswered = 0
                self._tries.proved_useful()
        return self._journal.received(event)

    async def _go_on(self) -> None:
        """Tell a session that has just begun what was said before, and go on with what is due."""
        if self._live:
            self._is_well()
            return
        events = list(self._journal.replay())
        self._held, self._replaying = [], True
        self._told_again = {event["item"]["id"] for event in events if event["type"] == "conversation.item.create"}
        for event in events:
            await self._transmit(event)
        while self._held:
            await self._transmit(self._held.pop(0))
        if self._connection is None:
            return
        self._replaying, self._live = False, True
        self._pulse.moved()
        self._tries.succeeded()
        if self._begun or self._tries.several:
            secs = round(self._now() - self._lost_at, 1)
            self._listener(Restarted("realtime", self._ended_by or self._why, secs))
        self._ended_by = ""
        self._begun += 1
        # Of what the service holds back for the end of an answer that nobody gives any more.
        if not self._journal.waits:
            self._service._response_active = False
            if self._service._response_create_owed:
                self._service._response_create_owed = False
                await self._service._create_response()

    def _heed_error(self, error: Json) -> bool:
        code, text = error.get("code"), str(error.get("message"))
        if code in HEEDED:
            return True
        if code == EXPIRED or not self._live:
            self._tries.refused = not self._live and error.get("type") == "invalid_request_error" and code != EXPIRED
            self._lose(text)
            return False
        # Most do not end a session: https://platform.openai.com/docs/guides/realtime-conversations#error-handling.
        self._listener(Trouble("realtime", text))
        if error.get("event_id") and error["event_id"] == self._journal.asked:
            self._forget_what_is_due()
            self._failure.fail()
        return False

    async def _send(self, event: Json) -> None:
        """Send what the service sends, or keep it for the next session; in the place of its own `_ws_send`."""
        self._journal.sent(event)
        if event["type"] == "response.create":
            self._pulse.moved()
        elif event["type"] == "input_audio_buffer.append":
            sound = base64.b64decode(event["audio"])
            self._pulse.spoke(sound, len(sound) / BYTES_PER_SEC)
        if self._live or event["type"] == "session.update":
            await self._transmit(event)
        elif self._replaying:
            self._held.append(event)

    async def _transmit(self, event: Json) -> None:
        if self._connection is not None:
            # Whoever reads is told of it.
            with contextlib.suppress(ConnectionClosed):
                await self._connection.send(json.dumps(event))

    def _lose(self, why: str) -> None:
        """Leave the session, for a reason; whoever reads begins another."""
        connection, self._connection = self._connection, None
        now = self._now()
        self._why = why
        if self._live:
            self._lost_at, self._ended_by = now, why
            self._tries.lost()
            self._waits_since = now
        self._live = self._replaying = False
        # Of the session that is gone, and not to be truncated in the next.
        self._service._current_audio_response = None
        if connection is not None:
            self._do(connection.close(), self._closing)

    async def _keep_watch(self) -> None:
        while True:
            await self._sleep(_TICK_SECS)
            self._bridge()
            if self._connection is not None and (why := self._ails()):
                self._lose(why)

    def _ails(self) -> str:
        """Return why a session is to be left; empty where it is well."""
        if not self._live:
            return f"it has not begun within {self._limit_secs:g} s" if self._pulse.late_to_begin else ""
        if self._journal.waits and self._pulse.late_to_answer:
            return self._unanswering()
        if self._pulse.dead:
            self._proved = False
            return f"it has given no sign of life for {SIGN_SECS:g} s"
        if self._pulse.wants_sign(engaged=self._engaged):
            # Not waited for: a connection that takes nothing more is what is looked for.
            self._do(self._transmit(_PROBE), self._beside)
        return "it is about to expire" if self._pulse.ends_soon and self._is_quiet() else ""

    def _unanswering(self) -> str:
        why = f"no answer has come within {self._limit_secs:g} s"
        self._unanswered += 1
        if self._unanswered >= _MOST_UNANSWERED:
            self._listener(Trouble("realtime", why))
            self._forget_what_is_due()
            self._failure.fail()
        return why

    def _is_quiet(self) -> bool:
        talking = self._journal.waits or self._journal.speaks or self._service._current_audio_response
        return not talking and not self._service._open_function_calls

    @property
    def _engaged(self) -> bool:
        """Whether the caller speaks or waits, for all one can tell."""
        return self._journal.waits or self._journal.speaks or self._pulse.unnoticed

    def _bridge(self) -> None:
        """Have something said while there is no session, or one that seems dead to a caller who speaks or waits.

        Where there is none, nobody can tell whether he does.
        """
        if self._live and (not self._engaged or (self._proved and not self._pulse.asked)):
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self._now()
        elif self._now() - self._waits_since >= BRIDGE_SECS:
            self._do(self._failure.bridge(), self._beside)

    def _do(self, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = self._service.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
