"""Deepgram's Flux: GET /v2/listen, upgraded to a WebSocket: transcription that decides itself when a turn ends.

It recognises nothing: it transcribes what was announced, when speech is really there to be heard. Shapes:
https://developers.deepgram.com/reference/speech-to-text/listen-flux; the order of events:
https://developers.deepgram.com/docs/flux/state; ranges: https://developers.deepgram.com/docs/flux/configuration. A
setting that Flux does not have is refused at the handshake with 400 and, in a header, why; a text that cannot be
understood ends the stream (https://github.com/deepgram/deepgram-python-sdk/issues/649: KeepAlive is such a text), as
does a client that sends nothing (`INACTIVE_CLIENT`: https://github.com/livekit/agents/pull/3579).
"""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from voicekit.emulators.conversation import Outbox, converse
from voicekit.emulators.deepgram_stream import Refusal, Stream, admit
from voicekit.emulators.faults import Fault, Latency, Pace, Slow
from voicekit.emulators.flux_settings import Settings, configured, settings_of
from voicekit.emulators.hearing import ONSET_WINDOWS, VOICED, WINDOW_SECS, Announced, Announcement, Progress, Windows
from voicekit.emulators.utterance import Utterance, Word

Json: TypeAlias = dict[str, Any]

# An update is sent after so much audio in which nothing else was.
_UPDATE_SECS: Final = 0.25
# After so much of it, speech has its first word, however slow it is.
_FIRST_WORD_SECS: Final = 0.25
# How fast silence makes sure that the turn is over: 0.7, the usual threshold, is reached after 350 ms.
_CONFIDENCE_PER_SEC: Final = 2.0
_SUREST: Final = 0.99
_FAILED: Final = 1011


@dataclass
class DeepgramFlux:
    """The emulator.

    Attributes:
        key: The only key it takes.
        latency: How long each event takes: `first_secs`, as none is a part of another.
        faults: One for each connection, in turn; None is a healthy one. All are healthy when there are no more.
            The messages that are counted include `Connected` and the updates that come in silence, too.
        idle_secs: After how long without audio it closes.
        unannounced: What speech is that nobody announced.
        streams: Every connection that was accepted, in order.
    """

    key: str
    latency: Latency = field(default_factory=Latency)
    faults: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    idle_secs: float = 20.0
    unannounced: str = ""
    streams: list[Stream] = field(default_factory=list)
    _announced: Announced = field(default_factory=Announced, repr=False)

    def announce(self, text: str, secs: float = 0.0) -> None:
        """Say what the next turn is: a pause within its seconds may look like the end of it, and is none.

        It is the connection's on which speech begins first; every other waits for the next announcement.
        """
        self._announced.add(text, secs)

    def follow(self, progress: Progress) -> None:
        """Hear no more what others have heard of the caller whose progress this is."""
        self._announced.progress = progress

    def routes(self) -> list[BaseRoute]:
        """Return its one route."""
        return [WebSocketRoute("/v2/listen", self._listen)]

    def exchanges(self) -> list[Stream]:
        """Return `streams`."""
        return self.streams

    async def _listen(self, websocket: WebSocket) -> None:
        fault = next(self.faults, None)
        try:
            query = admit(websocket, self.key, fault)
            settings = settings_of(query)
        except Refusal as refusal:
            await websocket.send_denial_response(refusal.response())
            return
        await websocket.accept()
        stream = Stream(query)
        self.streams.append(stream)
        outbox = Outbox(websocket, Pace(self.latency, fault), (_FAILED, "INTERNAL_SERVER_ERROR"), _failure)
        late = self.latency.first_secs > 0 or isinstance(fault, Slow)
        line = _Line(outbox, f"emulated-{len(self.streams)}", late)
        ear = _Ear(stream, settings, partial(self._announced.next, self.unannounced), self._announced.over, line)
        line.send({"type": "Connected"})

        def on_message(message: Message) -> None:
            audio = message.get("bytes")
            if audio is not None:
                ear.hear(audio)
            else:
                ear.told(message["text"])

        idle = (self.idle_secs, lambda: line.fail("INACTIVE_CLIENT", "No audio was received for too long."))
        stream.closed = await converse(websocket, outbox, on_message, idle)


def _failure(message: Json) -> Json:
    """Return what is sent in the place of a message when the vendor fails."""
    return {
        "type": "Error",
        "sequence_id": message["sequence_id"],
        "code": "INTERNAL_SERVER_ERROR",
        "description": "An internal server error occurred while processing the request.",
    }


class _Line:
    """What goes to the client, numbered; each message takes its time where they are late."""

    def __init__(self, outbox: Outbox, request: str, late: bool) -> None:
        self._outbox = outbox
        self._request = request
        self._late = late
        self._numbers = itertools.count()

    @property
    def behind(self) -> bool:
        """Whether an update would be stale when its turn comes."""
        return self._late and not self._outbox.empty

    def send(self, message: Json, sent: Callable[[], None] | None = None) -> None:
        self._put({"request_id": self._request, **message}, sent)

    def fail(self, code: str, description: str) -> None:
        """Tell an error, which ends the connection."""
        self._put({"type": "Error", "code": code, "description": description})
        self._outbox.close(_FAILED, code)

    def _put(self, message: Json, sent: Callable[[], None] | None = None) -> None:
        self._outbox.begin()
        self._outbox.put({"sequence_id": next(self._numbers), **message}, sent)

    def close(self) -> None:
        self._outbox.close(1000)


class _Ear:
    """Hears one stream. Its clock is the audio: what comes fast is heard as it would have been live."""

    def __init__(
        self,
        stream: Stream,
        settings: Settings,
        announced: Callable[[], Announcement],
        over: Callable[[Announcement], None],
        line: _Line,
    ) -> None:
        self._stream = stream
        self._settings = settings
        self._announced = announced
        self._over = over
        self._line = line
        self._windows = Windows(settings.encoding, settings.rate)
        self._run = 0
        self._utterance: Utterance | None = None
        self._began = 0.0
        # How many of its words are known, and how many of those an earlier turn had.
        self._known = 0
        self._given = 0
        self._turn = 0
        self._from = 0.0
        self._begun = False
        # How many words the end of the turn was predicted with.
        self._predicted: int | None = None
        self._told_at = 0.0

    def hear(self, audio: bytes) -> None:
        """Take audio of any length."""
        if len(audio) % self._windows.sample_bytes:
            self._stream.oddities.append(f"{len(audio)} bytes are not whole samples")
        self._stream.audio += audio
        for level in self._windows.take(audio):
            self._window(level >= VOICED)
        self._stream.ahead_secs = self._windows.ahead_secs

    def told(self, text: str) -> None:
        """Take a message that is not audio."""
        try:
            message = json.loads(text)
            kind = message["type"]
        except (ValueError, TypeError, KeyError):
            message, kind = {}, ""
        self._stream.messages.append(str(kind))
        match kind:
            case "CloseStream":
                self._line.close()
            case "ForceEndTurn":
                if self._begun:
                    self._end("manual")
            case "Configure":
                self._settings, answer = configured(self._settings, message)
                self._line.send(answer)
            case _:
                self._stream.oddities.append("a message that is none of Flux's")
                self._line.fail("UNPARSABLE_CLIENT_MESSAGE", "The message matches none of the expected formats.")

    @property
    def _now(self) -> float:
        return self._windows.heard_secs

    def _window(self, voiced: bool) -> None:
        self._run = self._run + 1 if voiced else 0
        if self._utterance is None and self._run >= ONSET_WINDOWS:
            self._began = self._now - ONSET_WINDOWS * WINDOW_SECS
            self._utterance = Utterance(self._announced(), self._began, self._now)
            self._known, self._given = 0, 0
        if self._utterance is not None:
            self._utterance.window(voiced, self._now)
            self._follow(self._utterance)
        if self._now - self._told_at >= _UPDATE_SECS and not self._line.behind:
            self._tell("Update")

    def _follow(self, utterance: Utterance) -> None:
        """Send what has become of the turn."""
        silence = utterance.silence_secs(self._now)
        pausing = utterance.going_on(self._now) and silence > 0
        # What is still going on has no new words while it pauses.
        self._known = max(self._known, utterance.known(self._now - silence if pausing else self._now))
        if not self._begun:
            self._begin(utterance)
        if not self._begun:
            return
        if self._predicted is not None and (self._run >= ONSET_WINDOWS or self._known > self._predicted):
            self._predicted = None
            self._tell("TurnResumed")
        if self._predicted is None and self._confidence() >= (self._settings.eager_eot_threshold or 1.0):
            self._predicted = self._known
            self._tell("EagerEndOfTurn")
        if self._confidence() >= self._settings.eot_threshold:
            self._end("model")
        elif silence >= self._settings.eot_timeout_ms / 1000:
            self._end("timeout")

    def _begin(self, utterance: Utterance) -> None:
        """Begin a turn with its first word; speech without words is noise, and begins none."""
        if not self._known and self._now - self._began >= _FIRST_WORD_SECS and utterance.first(1):
            self._known = 1
        if self._known > self._given:
            self._begun = True
            self._tell("StartOfTurn")
        elif utterance.paused(self._now):
            self._utterance = None

    def _end(self, trigger: str) -> None:
        """End the turn; what is still being said goes on in the next one."""
        utterance = self._utterance
        if utterance is not None and not utterance.paused(self._now):
            self._tell("EndOfTurn", trigger)
            utterance.told(self._known - self._given, self._now)
            self._given = self._known
        else:
            self._tell("EndOfTurn", trigger, None if utterance is None else partial(self._over, utterance.announced))
            self._utterance = None
        self._turn += 1
        self._from = self._now
        self._begun, self._predicted = False, None

    def _confidence(self) -> float:
        """Return how sure it is that the turn is over."""
        if self._utterance is None or not self._begun:
            return 0.0
        sure = round(self._utterance.silence_secs(self._now) * _CONFIDENCE_PER_SEC, 4)
        surest = _SUREST
        if self._utterance.going_on(self._now):
            surest = min(surest, self._settings.eot_threshold - 0.01)
        return max(0.0, min(sure, surest))

    def _tell(self, event: str, trigger: str = "", sent: Callable[[], None] | None = None) -> None:
        self._told_at = self._now
        words = self._utterance.first(self._known) if self._utterance else []
        self._line.send(
            {
                "type": "TurnInfo",
                "event": event,
                "turn_index": self._turn,
                "audio_window_start": self._from,
                "audio_window_end": self._now,
                "transcript": " ".join(word.text for word in words),
                "words": [_word(word) for word in words],
                "end_of_turn_confidence": self._confidence(),
            }
            | ({"trigger": trigger} if trigger else {})
            | self._settings.languages(bool(words)),
            sent,
        )


def _word(word: Word) -> Json:
    return {"word": word.text, "confidence": 0.99, "start": word.start, "end": word.end}
