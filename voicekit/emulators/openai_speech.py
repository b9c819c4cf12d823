"""OpenAI's speech: POST /v1/audio/speech.

Shapes: https://platform.openai.com/docs/api-reference/audio/createSpeech. A body is checked there by pydantic, whose
list of errors is the text of the message. The sound is 24 kHz, as the vendor's is. What only an encoder makes (mp3,
opus, aac, flac) is refused: it would prove nothing.
"""

import base64
import itertools
import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from voicekit.emulators.faults import Break, Fault, Latency, Pace
from voicekit.emulators.openai_refusal import (
    SERVER_ERROR,
    Refusal,
    check_key,
    invalid,
    invalid_field,
    no_such_model,
    told,
)
from voicekit.emulators.streamed import Exchange, Streamed, paced
from voicekit.emulators.voice import ENCODERS, MS_PER_CHARACTER, tone, words

Json: TypeAlias = dict[str, Any]

RATE: Final = 24000
LONGEST: Final = 4096
_MODEL: Final = re.compile(r"tts-1(-hd)?|gpt-[\w.-]+-tts(-\d{4}-\d\d-\d\d)?")
_VOICES: Final = ("nova", "shimmer", "echo", "onyx", "fable", "alloy", "ash", "sage", "coral")
_NEWER_VOICES: Final = ("ballad", "verse", "marin", "cedar")
_FORMATS: Final = ("mp3", "opus", "aac", "flac", "wav", "pcm")
_MADE: Final[Mapping[str, str]] = {"wav": "audio/wav", "pcm": "audio/pcm"}
# A header of a stream whose length nobody knows yet.
_WAV: Final = struct.pack(
    "<4sI4s4sIHHIIHH4sI", b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data", 0xFFFFFFFF
)
_OPTIONS: Final = frozenset({"instructions", "response_format", "speed", "stream_format"})
_REQUIRED: Final = ("model", "input", "voice")


@dataclass
class OpenAISpeech:
    """The emulator. Every word of its voice is a tone.

    Attributes:
        key: The only key it takes.
        latency: How long an answer takes; a message is the sound of a word.
        faults: One for each request, in turn; None is a healthy one. All are healthy when there are no more.
        received: Every request that had a body, in order.
    """

    key: str
    latency: Latency = field(default_factory=Latency)
    faults: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    received: list[Exchange] = field(default_factory=list)

    def routes(self) -> list[BaseRoute]:
        """Return its one route."""
        return [Route("/v1/audio/speech", self._speak, methods=["POST"])]

    def exchanges(self) -> list[Exchange]:
        """Return `received`."""
        return self.received

    async def _speak(self, request: Request) -> Response:
        fault = next(self.faults, None)
        exchange = Exchange({}, "refused")
        try:
            exchange.body = _parsed(await request.body())
            self.received.append(exchange)
            told(fault)
            check_key(request.headers.get("authorization", ""), self.key)
            _check(exchange.body)
            fault = _failing(fault, exchange.body)
        except Refusal as refusal:
            return refusal.response()
        exchange.outcome = "answering"
        return _answer(exchange, Pace(self.latency, fault))


def _failing(fault: Fault | None, body: Json) -> Fault | None:
    """Return a fault as this API shows it: sound that has begun has no way to tell an error, it stops.

    Raises:
        Refusal: Nothing has begun.
    """
    if not isinstance(fault, Break) or fault.how != "error":
        return fault
    if not fault.after:
        raise Refusal(500, SERVER_ERROR)
    return fault if body.get("stream_format") == "sse" else Break("drop", fault.after)


def _parsed(data: bytes) -> Json:
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid("We could not parse the JSON body of your request.")
    return body


def _check(body: Json) -> None:
    """Refuse a body that OpenAI refuses, or that asks for what is not made here."""
    if not isinstance(body.get("model"), str):
        raise invalid("you must provide a model parameter", "model")
    if not _MODEL.fullmatch(body["model"]):
        raise no_such_model(body["model"])
    for name in _REQUIRED:
        if name not in body:
            raise invalid_field("missing", name, "Field required", body)
    for name in body:
        if name not in (*_REQUIRED, *_OPTIONS):
            raise invalid_field("extra_forbidden", name, "Extra inputs are not permitted", body[name])
    newer = not body["model"].startswith("tts-1")
    _check_input(body["input"])
    _check_choice("voice", body["voice"], (*_VOICES, *_NEWER_VOICES) if newer else _VOICES)
    _check_choice("stream_format", body.get("stream_format", "audio"), ("audio", "sse") if newer else ("audio",))
    _check_choice("response_format", body.get("response_format", "mp3"), _FORMATS)
    _check_speed(body.get("speed", 1.0))
    if body.get("response_format") not in _MADE:
        raise invalid(f"the emulator makes 'response_format' {' and '.join(_MADE)} only.", "response_format")


def _check_input(given: object) -> None:
    if not isinstance(given, str):
        raise invalid_field("string_type", "input", "Input should be a valid string", given)
    if not given:
        raise invalid_field("string_too_short", "input", "String should have at least 1 character", given)
    if len(given) > LONGEST:
        raise invalid_field("string_too_long", "input", f"String should have at most {LONGEST} characters", given)


def _check_choice(name: str, given: object, known: tuple[str, ...]) -> None:
    if given not in known:
        *most, last = (f"'{each}'" for each in known)
        listed = f"{', '.join(most)} or {last}" if most else last
        raise invalid_field("enum", name, f"Input should be {listed}", given)


def _check_speed(given: object) -> None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise invalid_field("float_type", "speed", "Input should be a valid number", given)
    if given < 0.25:
        raise invalid_field("greater_than_equal", "speed", "Input should be greater than or equal to 0.25", given)
    if given > 4:
        raise invalid_field("less_than_equal", "speed", "Input should be less than or equal to 4", given)


def _answer(exchange: Exchange, pace: Pace) -> Response:
    body = exchange.body
    sounds = (_sound(word, body.get("speed", 1.0)) for word in words(body["input"]))
    if body["response_format"] == "wav":
        sounds = (piece if at else _WAV + piece for at, piece in enumerate(sounds))
    if body.get("stream_format") == "sse":
        used = len(body["input"]) // 4 + 1
        usage = {"input_tokens": used, "output_tokens": used * 8, "total_tokens": used * 9}
        done = [_event({"type": "speech.audio.done", "usage": usage})]
        deltas = (_event({"type": "speech.audio.delta", "audio": base64.b64encode(each).decode()}) for each in sounds)
        return Streamed(paced(itertools.chain(deltas, done), pace, _BROKEN_EVENTS), exchange, "text/event-stream")
    return Streamed(paced(sounds, pace, _BROKEN), exchange, _MADE[body["response_format"]])


def _sound(word: str, speed: float) -> bytes:
    return ENCODERS["linear16"](tone(word, RATE, MS_PER_CHARACTER / speed))


def _event(event: Json) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


# What is sent where an answer breaks off; half a sample is none.
_BROKEN: Final = {"garbage": b"\x7f"}
_BROKEN_EVENTS: Final = {
    "garbage": b'data: {"type": \n\n',
    "error": _event({"error": {"message": SERVER_ERROR, "type": "server_error"}}),
}
