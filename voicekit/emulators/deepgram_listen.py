"""Deepgram's streaming transcription: GET /v1/listen, upgraded to a WebSocket.

It recognises nothing: it transcribes what was announced, when speech is really there to be heard. Shapes:
https://developers.deepgram.com/reference/speech-to-text/listen-streaming; close codes:
https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors. A parameter that is not
known passes, as it does there (https://github.com/tempo-riz/deepgram_speech_to_text/issues/7: `punctuation=true`), and
is noted; a wrong value of a known one is answered with 400 and, in a header, why
(https://github.com/deepgram/deepgram-python-sdk/issues/279).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from voicekit.emulators.conversation import Outbox, converse
from voicekit.emulators.deepgram_stream import Refusal, Stream, admit, check_flags, check_number
from voicekit.emulators.faults import Fault, Latency, Pace
from voicekit.emulators.hearing import (
    LEVELS,
    ONSET_WINDOWS,
    VOICED,
    WINDOW_SECS,
    Announced,
    Announcement,
    Progress,
    Windows,
)
from voicekit.emulators.utterance import Utterance, Word

Json: TypeAlias = dict[str, Any]

# The shortest silence that ends speech.
_PAUSE_SECS: Final = 0.3
_MODEL: Final = re.compile(r"(nova-3|nova-2|nova|enhanced|base|whisper)(-[a-z]+)*")
_FLAGS: Final = frozenset(
    {
        *("detect_entities", "diarize", "dictation", "filler_words", "interim_results", "mip_opt_out", "multichannel"),
        *("no_delay", "numerals", "profanity_filter", "punctuate", "smart_format", "vad_events"),
    }
)
_TEXTS: Final = frozenset(
    {
        *("callback", "callback_method", "channels", "diarize_model", "encoding", "endpointing", "extra", "keyterm"),
        *("keywords", "language", "language_hint", "model", "redact", "replace", "sample_rate", "search", "tag"),
        *("utterance_end_ms", "version"),
    }
)
_IDLE: Final = (1011, "NET-0001")
_FAILED: Final = (1011, "NET-0000")


@dataclass
class DeepgramListen:
    """The emulator.

    Attributes:
        key: The only key it takes.
        latency: How long each result takes: `first_secs`, as none is a part of another.
        faults: One for each connection, in turn; None is a healthy one. All are healthy when there are no more.
        idle_secs: After how long without audio or KeepAlive it closes.
        unannounced: What speech is that nobody announced.
        streams: Every connection that was accepted, in order.
    """

    key: str
    latency: Latency = field(default_factory=Latency)
    faults: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    idle_secs: float = 10.0
    unannounced: str = ""
    streams: list[Stream] = field(default_factory=list)
    _announced: Announced = field(default_factory=Announced, repr=False)

    def announce(self, text: str, secs: float = 0.0) -> None:
        """Say what the next stretch of speech is.

        It is the connection's on which speech begins first; every other waits for the next announcement.
        """
        self._announced.add(text, secs)

    def follow(self, progress: Progress) -> None:
        """Hear no more what others have heard of the caller whose progress this is."""
        self._announced.progress = progress

    def routes(self) -> list[BaseRoute]:
        """Return its one route."""
        return [WebSocketRoute("/v1/listen", self._listen)]

    def exchanges(self) -> list[Stream]:
        """Return `streams`."""
        return self.streams

    async def _listen(self, websocket: WebSocket) -> None:
        fault = next(self.faults, None)
        try:
            query = admit(websocket, self.key, fault)
            unknown = _check(query)
        except Refusal as refusal:
            await websocket.send_denial_response(refusal.response())
            return
        await websocket.accept()
        stream = Stream(query, oddities=[f"unknown query parameter '{name}'" for name in unknown])
        self.streams.append(stream)
        outbox = Outbox(websocket, Pace(self.latency, fault), _FAILED)

        def send(message: Json, announced: Announcement | None = None) -> None:
            outbox.begin()
            outbox.put(message, None if announced is None else partial(self._announced.over, announced))

        ear = _Ear(stream, len(self.streams), partial(self._announced.next, self.unannounced), send)

        def on_message(message: Message) -> None:
            audio = message.get("bytes")
            if audio is not None:
                ear.hear(audio)
            elif ear.told(message["text"]):
                outbox.close(1000)

        stream.closed = await converse(websocket, outbox, on_message, (self.idle_secs, lambda: outbox.close(*_IDLE)))


def _check(query: Mapping[str, list[str]]) -> list[str]:
    """Refuse an address that cannot be served; return the parameters that are not known."""
    check_flags(query, _FLAGS)
    one = {name: values[-1] for name, values in query.items()}
    if not _MODEL.fullmatch(one.get("model", "base")):
        raise Refusal(400, "No such model/language/tier combination found.")
    if one.get("encoding") not in LEVELS:
        raise Refusal(400, f"the emulator hears 'encoding' {', '.join(LEVELS)} only.")
    check_number(one, "sample_rate", 8000, 48000)
    check_number({"channels": "1"} | one, "channels", 1, 1)
    if one.get("endpointing", "false") not in {"false", "true"}:
        check_number(one, "endpointing", 0, 10000)
    if "utterance_end_ms" in one:
        check_number(one, "utterance_end_ms", 1000, 5000)
        if one.get("interim_results") != "true":
            raise Refusal(400, "'utterance_end_ms' needs 'interim_results=true'.")
    if "keyterm" in one and not one.get("model", "").startswith("nova-3"):
        raise Refusal(400, "'keyterm' needs a nova-3 model.")
    return [name for name in query if name not in _FLAGS | _TEXTS]


class _Ear:
    """Hears one stream. Its clock is the audio: what comes fast is heard as it would have been live."""

    def __init__(
        self, stream: Stream, number: int, announced: Callable[[], Announcement], send: Callable[..., None]
    ) -> None:
        one = {name: values[-1] for name, values in stream.query.items()}
        self._stream = stream
        self._announced = announced
        self._send = send
        self._request = f"emulated-{number}"
        self._model = one.get("model", "base")
        self._windows = Windows(one["encoding"], int(one["sample_rate"]))
        self._interim = one.get("interim_results") == "true"
        self._tells_speech = one.get("vad_events") == "true"
        given = one.get("endpointing", "true")
        self._pause_secs = None if given == "false" else 0.01 if given == "true" else int(given) / 1000
        ends = one.get("utterance_end_ms")
        self._end_secs = int(ends) / 1000 if ends else None
        self._run = 0
        self._speech: Utterance | None = None
        self._told_until = 0.0
        self._last_word_end: float | None = None

    def hear(self, audio: bytes) -> None:
        """Take audio of any length."""
        if len(audio) % self._windows.sample_bytes:
            self._stream.oddities.append(f"{len(audio)} bytes are not whole samples")
        self._stream.audio += audio
        for level in self._windows.take(audio):
            self._window(level >= VOICED)
        self._stream.ahead_secs = self._windows.ahead_secs

    def told(self, text: str) -> bool:
        """Take a message that is not audio; say whether it ends the stream."""
        try:
            kind = json.loads(text)["type"]
        except (ValueError, TypeError, KeyError):
            kind = ""
        self._stream.messages.append(str(kind))
        match kind:
            case "KeepAlive":
                pass
            case "Finalize":
                self._tell(final=True, from_finalize=True)
            case "CloseStream":
                if self._speech:
                    self._tell(final=True)
                self._send(
                    {
                        "type": "Metadata",
                        "transaction_key": "deprecated",
                        "request_id": self._request,
                        "sha256": "0" * 64,
                        "created": "2026-01-01T00:00:00.000Z",
                        "duration": self._now,
                        "channels": 1,
                    }
                )
                return True
            case _:
                self._stream.oddities.append("a message that is none of Deepgram's")
                error = {"type": "Error", "variant": "SchemaError", "description": "Could not parse the message."}
                self._send(error | {"message": text})
        return False

    @property
    def _now(self) -> float:
        return self._windows.heard_secs

    def _window(self, voiced: bool) -> None:
        self._run = self._run + 1 if voiced else 0
        if self._speech is None:
            if self._run >= ONSET_WINDOWS:
                self._begin()
            elif self._last_word_end is not None and self._end_secs is not None:
                self._end_utterance(self._last_word_end, self._end_secs)
            return
        self._speech.window(voiced, self._now)
        if self._interim and self._speech.news(self._now):
            self._tell(final=False)
        if self._pause_secs is not None and self._speech.ended(self._now, max(self._pause_secs, _PAUSE_SECS)):
            self._tell(final=True)

    def _begin(self) -> None:
        began = self._now - ONSET_WINDOWS * WINDOW_SECS
        announced = self._announced()
        self._speech = Utterance(announced, began, self._now)
        if self._tells_speech:
            self._send({"type": "SpeechStarted", "channel": [0], "timestamp": round(began, 3)})

    def _end_utterance(self, last_word_end: float, secs: float) -> None:
        if self._now - last_word_end >= secs:
            self._last_word_end = None
            self._send({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": last_word_end})

    def _tell(self, *, final: bool, from_finalize: bool = False) -> None:
        """Send what is known of the words; a final result is not told again."""
        speech, now = self._speech, self._now
        words = [_word(word) for word in speech.timed(now)] if speech else []
        over = final and (speech is None or speech.paused(now))
        alternative = {
            "transcript": " ".join(word["punctuated_word"] for word in words),
            "confidence": 0.99 if words else 0.0,
            "words": words,
        }
        self._send(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": round(now - self._told_until, 3),
                "start": self._told_until,
                "is_final": final,
                "speech_final": over,
                "from_finalize": from_finalize,
                "channel": {"alternatives": [alternative]},
                "metadata": {
                    "request_id": self._request,
                    "model_info": {"name": self._model, "version": "emulated", "arch": self._model},
                    "model_uuid": "emulated",
                },
            },
            speech.announced if speech is not None and over else None,
        )
        if not final:
            return
        self._told_until = now
        self._last_word_end = words[-1]["end"] if words else self._last_word_end
        if speech is not None:
            speech.told(len(words), now)
            self._speech = None if over else speech


def _word(word: Word) -> Json:
    return {
        "word": re.sub(r"[^\w']", "", word.text).lower(),
        "start": word.start,
        "end": word.end,
        "confidence": 0.99,
        "punctuated_word": word.text,
    }
