"""OpenAI's transcription of a file: POST /v1/audio/transcriptions.

It recognises nothing: a file in which speech is heard has the words that were announced. Shapes:
https://platform.openai.com/docs/api-reference/audio/createTranscription. Only wave files are heard, and of the formats
of an answer those that are made of text and times (srt, vtt, diarized_json) are not written.
"""

import hashlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from voicekit.emulators.faults import Break, Fault, Latency, Pace
from voicekit.emulators.hearing import Announced, Announcement, Progress
from voicekit.emulators.openai_refusal import SERVER_ERROR, Refusal, check_key, told
from voicekit.emulators.streamed import Exchange, Streamed, paced
from voicekit.emulators.transcription_checks import WHISPER, Sound, checked, read_fields
from voicekit.emulators.voice import words

Json: TypeAlias = dict[str, Any]

# How much of what was announced may be missing from a file that ends with it: its last sound fades.
_FADE_SECS: Final = 0.25


@dataclass
class _Speech:
    """What was announced, since when it has been heard on the clock, and how many of its words have been told."""

    announced: Announcement
    words: list[str]
    secs: float
    began: float
    told: int = 0


@dataclass
class OpenAITranscriptions:
    """The emulator.

    A file whose answer did not arrive has the same words when it is sent again, until more is announced.

    Attributes:
        key: The only key it takes.
        latency: How long an answer takes; a message is a word where it is streamed, and else all of it.
        faults: One for each request, in turn; None is a healthy one. All are healthy when there are no more.
        unannounced: What speech is that nobody announced.
        clock: In seconds; by it, files share the words of a speech.
        received: Every request that was a form, in order: its fields, and of the file its name and length.
    """

    key: str
    latency: Latency = field(default_factory=Latency)
    faults: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    unannounced: str = ""
    clock: Callable[[], float] = time.monotonic
    received: list[Exchange] = field(default_factory=list)
    _announced: Announced = field(default_factory=Announced, repr=False)
    _speech: _Speech | None = field(default=None, repr=False)
    _heard: dict[bytes, tuple[str, Exchange]] = field(default_factory=dict, repr=False)

    def announce(self, text: str, secs: float = 0.0) -> None:
        """Say what the next speech is, and for how many seconds: files that are sent meanwhile share its words."""
        self._heard.clear()
        self._announced.add(text, secs)

    def follow(self, progress: Progress) -> None:
        """Hear no more what others have heard of the caller whose progress this is."""
        self._announced.progress = progress

    def routes(self) -> list[BaseRoute]:
        """Return its one route."""
        return [Route("/v1/audio/transcriptions", self._transcribe, methods=["POST"])]

    def exchanges(self) -> list[Exchange]:
        """Return `received`."""
        return self.received

    async def _transcribe(self, request: Request) -> Response:
        fault = next(self.faults, None)
        exchange = Exchange({}, "refused")
        try:
            form = read_fields(request.headers.get("content-type", ""), await request.body())
            file = form.pop("file", None)
            exchange.body = form
            self.received.append(exchange)
            told(fault)
            check_key(request.headers.get("authorization", ""), self.key)
            sound = checked(form, file)
            streamed = form.get("stream") == "true" and form["model"] != WHISPER
            if isinstance(fault, Break) and fault.how == "error" and not streamed:
                raise Refusal(500, SERVER_ERROR)
        except Refusal as refusal:
            return refusal.response()
        exchange.body = form | {"file": {"name": sound.name, "secs": sound.secs, "rate": sound.rate}}
        exchange.outcome = "answering"
        text = self._words_of(sound, exchange)
        pace, sent = Pace(self.latency, fault), self._once_sent()
        if streamed:
            return Streamed(paced(_events(form, text, sound), pace, _BROKEN), exchange, "text/event-stream", sent)
        body, media_type = _whole(form, text, sound)
        return Streamed(paced([body], pace, {"garbage": b'{"text": '}), exchange, media_type, sent)

    def _once_sent(self) -> Callable[[], None]:
        """Return what is to be done when an answer has arrived: a speech that has all been told is over."""
        speech = self._speech
        if speech is None or speech.told < len(speech.words):
            return lambda: None
        return partial(self._announced.over, speech.announced)

    def _words_of(self, sound: Sound, exchange: Exchange) -> str:
        digest = hashlib.sha256(sound.samples).digest()
        text, before = self._heard.get(digest, ("", None))
        if before is None or before.outcome == "answered":
            onset = sound.onset_secs()
            text = "" if onset is None else self._next_words(sound.secs - onset)
        self._heard[digest] = (text, exchange)
        return text

    def _next_words(self, spoken_secs: float) -> str:
        """Return what was said in the last seconds: of a speech in several files each has what fell into its time."""
        now = self.clock()
        speech, began = self._speech, now - spoken_secs
        if speech is None or speech.told == len(speech.words) or began >= speech.began + speech.secs:
            next_one = self._announced.next(self.unannounced)
            speech = self._speech = _Speech(next_one, next_one.text.split(), next_one.secs, began)
        known, heard_secs = len(speech.words), now - speech.began
        if heard_secs < speech.secs - _FADE_SECS:
            known = max(speech.told, int(known * heard_secs / speech.secs))
        said, speech.told = speech.words[speech.told : known], known
        return " ".join(said)


def _whole(form: Json, text: str, sound: Sound) -> tuple[bytes, str]:
    """Return an answer in one piece, and its type."""
    kind = form.get("response_format", "json")
    if kind == "text":
        return f"{text}\n".encode(), "text/plain; charset=utf-8"
    answer = {"text": text, "usage": _usage(form, text, sound)} | _more(form, text)
    if kind == "verbose_json":
        answer |= _times(form, text, sound)
    return json.dumps(answer).encode(), "application/json"


def _usage(form: Json, text: str, sound: Sound) -> Json:
    if form["model"] == WHISPER:
        return {"type": "duration", "seconds": int(sound.secs + 0.999)}
    asked, said = len(form.get("prompt", "")) // 4, len(text) // 4 + 1
    heard = int(sound.secs * 10) + 1
    return {
        "type": "tokens",
        "input_tokens": asked + heard,
        "input_token_details": {"text_tokens": asked, "audio_tokens": heard},
        "output_tokens": said,
        "total_tokens": asked + heard + said,
    }


def _more(form: Json, text: str) -> Json:
    """Return what some models tell beside the text."""
    more: Json = {}
    if form["model"].startswith("gpt-transcribe"):
        more["languages"] = [{"code": form.get("language", "en")}] if text else []
    if "logprobs" in form.get("include", ()):
        more["logprobs"] = [_logprob(word) for word in words(text)]
    return more


def _logprob(word: str) -> Json:
    return {"token": word, "logprob": -0.01, "bytes": list(word.encode())}


def _times(form: Json, text: str, sound: Sound) -> Json:
    """Return what Whisper tells of times: one segment, and each word's equal share of it."""
    granularities = form.get("timestamp_granularities") or ["segment"]
    onset = sound.onset_secs() or 0.0
    spoken = words(text)
    each = (sound.secs - onset) / max(1, len(spoken))
    segment = {
        "id": 0,
        "seek": 0,
        "start": onset,
        "end": sound.secs,
        "text": text,
        "tokens": list(range(len(spoken))),
        "temperature": float(form.get("temperature", 0)),
        "avg_logprob": -0.01,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.01,
    }
    timed = [
        {"word": word.strip(), "start": round(onset + at * each, 3), "end": round(onset + (at + 1) * each, 3)}
        for at, word in enumerate(spoken)
    ]
    times: Json = {"task": "transcribe", "language": "english", "duration": sound.secs}
    times |= {"segments": [segment] if text else []} if "segment" in granularities else {}
    return times | ({"words": timed} if "word" in granularities else {})


def _events(form: Json, text: str, sound: Sound) -> Iterator[bytes]:
    """Yield a streamed answer: a word at a time, and all of it."""
    probable = "logprobs" in form.get("include", ())
    deltas: Iterator[Json] = (
        {"type": "transcript.text.delta", "delta": word} | ({"logprobs": [_logprob(word)]} if probable else {})
        for word in words(text)
    )
    done = {"type": "transcript.text.done", "text": text, "usage": _usage(form, text, sound)} | _more(form, text)
    return (_event(each) for each in itertools.chain(deltas, [done]))


def _event(event: Json) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


# What is sent where a streamed answer breaks off.
_BROKEN: Final = {
    "garbage": b'data: {"type": \n\n',
    "error": _event({"error": {"message": SERVER_ERROR, "type": "server_error"}}),
}
