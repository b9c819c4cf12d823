"""ElevenLabs' multi-context speech: GET /v1/text-to-speech/{voice}/multi-stream-input, upgraded to a WebSocket.

Shapes:
https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from voicekit.emulators.conversation import Outbox, converse
from voicekit.emulators.faults import Fault, Latency, Pace, Refuse
from voicekit.emulators.voice import ENCODERS, MS_PER_CHARACTER, tone, words

Json: TypeAlias = dict[str, Any]

VOICES: Final = frozenset({"21m00Tcm4TlvDq8ikWAM", "EXAVITQu4vr4xnSDxMaL"})
# By their form, so that a new one is no mistake and a misspelt prefix is.
MODELS: Final = re.compile(r"eleven_[a-z0-9_]+")
RATES: Final = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
# At most so many contexts of one connection at a time.
CONTEXTS: Final = 5
_POLICY: Final = 1008
# Without auto_mode, text waits for this much of it or for a flush: the first of the vendor's chunk_length_schedule.
_CHUNK_CHARACTERS: Final = 120
_FAILED: Final = (1011, "internal_error")


@dataclass
class Context:
    """One context: what was sent in it and what was said.

    Attributes:
        sent: Its texts as they came, without those that only open it or keep it alive.
        spoken: What audio was made of, in order.
        settings: The voice settings it was opened with.
        closed: Whether it has been closed.
    """

    sent: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    settings: Json = field(default_factory=dict)
    closed: bool = False


@dataclass
class Speaker:
    """One connection: the voice, the parameters of the address, its contexts by id, and the client's close code."""

    voice: str
    query: dict[str, str]
    contexts: dict[str, Context] = field(default_factory=dict)
    closed: int | None = None


@dataclass
class ElevenLabsStream:
    """The emulator.

    Attributes:
        key: The only key it takes.
        voices: The voices it has.
        latency: How long the first message of a context's audio takes, and each further one; a message is a word.
        faults: One for each connection, in turn; None is a healthy one. All are healthy when there are no more.
        speakers: Every connection that was accepted, in order.
    """

    key: str
    voices: frozenset[str] = VOICES
    latency: Latency = field(default_factory=Latency)
    faults: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    speakers: list[Speaker] = field(default_factory=list)

    def routes(self) -> list[BaseRoute]:
        """Return its one route."""
        return [WebSocketRoute("/v1/text-to-speech/{voice}/multi-stream-input", self._speak)]

    def exchanges(self) -> list[Speaker]:
        """Return `speakers`."""
        return self.speakers

    async def _speak(self, websocket: WebSocket) -> None:
        fault = next(self.faults, None)
        if isinstance(fault, Refuse):
            headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
            detail = {"status": "refused", "message": "The emulator was told to refuse this connection."}
            await websocket.send_denial_response(JSONResponse({"detail": detail}, fault.status, headers))
            return
        await websocket.accept()
        outbox = Outbox(websocket, Pace(self.latency, fault), _FAILED)
        speaker = Speaker(websocket.path_params["voice"], dict(websocket.query_params))
        self.speakers.append(speaker)
        try:
            self._check(speaker, websocket.headers.get("xi-api-key", ""))
            idle_secs = _number(speaker.query, "inactivity_timeout", 20, 180)
            mouth = _Mouth(speaker, outbox)
        except _Refusal as refusal:
            await refusal.end(websocket)
            return

        def on_message(message: Message) -> None:
            try:
                if mouth.take(message.get("text") or ""):
                    outbox.close(1000)
            except _Refusal as refused:
                outbox.put(refused.body)
                outbox.close(_POLICY, refused.name)

        on_idle: Callable[[], None] = lambda: outbox.close(_POLICY, "input_timeout_exceeded")  # noqa: E731 - typed
        speaker.closed = await converse(websocket, outbox, on_message, (float(idle_secs), on_idle))

    def _check(self, speaker: Speaker, key: str) -> None:
        if key != self.key:
            raise _Refusal("invalid_api_key", "Invalid API key")
        if speaker.voice not in self.voices:
            raise _Refusal("voice_id_does_not_exist", f"A voice with voice_id {speaker.voice} does not exist.")
        model = speaker.query.get("model_id", "eleven_multilingual_v2")
        if not MODELS.fullmatch(model):
            raise _Refusal("model_not_found", f"A model with model ID {model} does not exist.")


class _Refusal(Exception):
    """The vendor accepts the connection first, and says then why it ends it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.body = {"message": text, "error": name, "code": _POLICY}

    async def end(self, websocket: WebSocket) -> None:
        await websocket.send_text(json.dumps(self.body))
        await websocket.close(_POLICY, self.name)


def _number(query: dict[str, str], name: str, usual: int, most: int) -> int:
    text = query.get(name, str(usual))
    if not text.isdecimal() or not 0 < int(text) <= most:
        raise _Refusal("invalid_parameters", f"'{name}' is a number from 1 to {most}, not '{text}'.")
    return int(text)


class _Mouth:
    """Turns the texts of one connection into audio."""

    def __init__(self, speaker: Speaker, outbox: Outbox) -> None:
        self._contexts = speaker.contexts
        self._outbox = outbox
        self._at_once = speaker.query.get("auto_mode") == "true"
        self._rate, self._encode = _format(speaker.query.get("output_format", "mp3_44100_128"))
        self._waiting: dict[str, str] = {}

    def take(self, text: str) -> bool:
        """Take a message of the client; say whether it ends the connection."""
        message = _parsed(text)
        if message.get("close_socket"):
            for waiting in self._waiting:
                self._flush(waiting)
            return True
        name = message.get("context_id")
        if name is None:
            if message.get("text") != "":
                raise _Refusal("invalid_input_message", "A message needs a 'context_id'.")
            return False
        context = self._context(str(name), message)
        if context is None or context.closed:
            return False
        self._add(str(name), context, message.get("text", ""))
        if message.get("flush") or message.get("close_context"):
            self._flush(str(name))
        if message.get("close_context"):
            context.closed = True
            self._outbox.put({"isFinal": True, "contextId": name})
        return False

    def _context(self, name: str, message: Json) -> Context | None:
        """Return the context of a message, which opens it where it has text; None where there is none."""
        if name in self._contexts:
            if message.get("voice_settings") and not self._contexts[name].closed:
                raise _Refusal("invalid_input_message", "'voice_settings' go with the first message of a context only.")
            return self._contexts[name]
        if not message.get("text"):
            return None
        if sum(not context.closed for context in self._contexts.values()) >= CONTEXTS:
            text = f"Maximum simultaneous contexts per WebSocket connection exceeded ({CONTEXTS})."
            raise _Refusal("max_active_conversations", text)
        context = self._contexts[name] = Context(settings=message.get("voice_settings") or {})
        self._waiting[name] = ""
        return context

    def _add(self, name: str, context: Context, text: str) -> None:
        if not text.strip():
            return
        context.sent.append(text)
        self._waiting[name] += text
        if self._at_once or len(self._waiting[name]) >= _CHUNK_CHARACTERS:
            self._flush(name)

    def _flush(self, name: str) -> None:
        text, self._waiting[name] = self._waiting[name], ""
        if not text.strip():
            return
        context = self._contexts[name]
        # Between two texts there is a space, whether it was sent or not.
        text = f" {text}" if context.spoken and not text[0].isspace() else text
        if not context.spoken:
            self._outbox.begin()
        context.spoken.append(text)
        for word in words(text):
            self._outbox.put(self._said(name, word))

    def _said(self, name: str, word: str) -> Json:
        """Return a word's audio; its times begin at 0, as in each of the vendor's messages."""
        alignment = {
            "chars": list(word),
            "charStartTimesMs": [index * MS_PER_CHARACTER for index in range(len(word))],
            "charDurationsMs": [MS_PER_CHARACTER] * len(word),
        }
        audio = self._encode(tone(word, self._rate))
        return {
            "audio": base64.b64encode(audio).decode(),
            "alignment": alignment,
            "normalizedAlignment": alignment,
            "contextId": name,
        }


def _parsed(text: str) -> Json:
    try:
        message = json.loads(text)
    except ValueError:
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("text", ""), str):
        said = "Could not parse input message, make sure it is a json and follows the schema outlined in protocol."
        raise _Refusal("invalid_input_message", said)
    return message


def _format(name: str) -> tuple[int, Callable[[Any], bytes]]:
    """Return an output format's sample rate, and what makes bytes of samples."""
    kind, _, rate = name.partition("_")
    if kind == "pcm" and rate.isdecimal() and int(rate) in RATES:
        return int(rate), ENCODERS["linear16"]
    if name == "ulaw_8000":
        return 8000, ENCODERS["mulaw"]
    raise _Refusal("invalid_output_format", f"The emulator speaks pcm_* and ulaw_8000 only, not '{name}'.")
