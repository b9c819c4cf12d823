"""Session: one connection to OpenAI's Realtime API, its settings, and how it is told of."""

import copy
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from voicekit.emulators.checks import Wrong, missing
from voicekit.emulators.realtime_items import Conversation

Json: TypeAlias = dict[str, Any]

# What a format is called elsewhere, and its rate in Hz.
FORMATS: Final[Mapping[str, tuple[str, int]]] = {
    "audio/pcm": ("linear16", 24000),
    "audio/pcmu": ("mulaw", 8000),
    "audio/pcma": ("alaw", 8000),
}
_TURN_DETECTION: Final[Mapping[str, Json]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}
# What is replaced as a whole, though it is an object.
_WHOLE: Final = frozenset({"tool_choice", "tracing", "truncation", "prompt", "reasoning", "voice"})


@dataclass
class Session:
    """One connection.

    Attributes:
        settings: As the last `session.updated` told them.
        conversation: Its items.
        received: Every event of the client but those with audio, in order.
        errors: Every error event that it was sent.
        heard: The words of each turn of the caller; empty where nothing was announced.
        audio: All of the caller's, as it came.
        ahead_secs: By how much the audio was at most ahead of the clock: a live caller's stays near 0.
        spoken: Whether audio has been sent.
        closed: The client's close code; None when it is open, or when the emulator ended it.
    """

    settings: Json
    conversation: Conversation = field(default_factory=Conversation)
    received: list[Json] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray, repr=False)
    ahead_secs: float = 0.0
    spoken: bool = False
    closed: int | None = None


class Channel:
    """Tells a session of events.

    Args:
        number: Of the session, from 1.
        session: What is kept of it.
        put: Sends an event.
    """

    def __init__(self, number: int, session: Session, put: Callable[[Json], None]) -> None:
        self.number = number
        self.session = session
        self._put = put
        self._numbers = itertools.count(1)

    def new_id(self, kind: str) -> str:
        """Return an id that no other thing has, in any session of the emulator."""
        return f"{kind}_{self.number}_{next(self._numbers)}"

    def emit(self, kind: str, **body: Any) -> None:
        """Send an event, as things are now."""
        self._put({"type": kind, "event_id": self.new_id("event"), **copy.deepcopy(body)})

    def refuse(self, wrong: Wrong, event_id: object = None) -> None:
        """Send an error event; it quotes the client's event, if it is about one with an id."""
        error = {"type": "invalid_request_error", "code": wrong.code, "message": str(wrong), "param": wrong.param}
        self.session.errors.append(error | {"event_id": event_id if isinstance(event_id, str) else None})
        self.emit("error", error=self.session.errors[-1])


def initial(number: int, model: str, expires_at: int) -> Json:
    """Return the settings of a session that has not been updated.

    Args:
        number: Of the session, from 1.
        model: Its name.
        expires_at: Seconds since 1970.
    """
    pcm = {"type": "audio/pcm", "rate": 24000}
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": f"sess_{number}",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a helpful assistant.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": pcm,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": _TURN_DETECTION["server_vad"],
            },
            "output": {"format": pcm, "voice": "marin", "speed": 1.0},
        },
    }


def updated(settings: Json, change: Json, *, spoken: bool) -> Json:
    """Return settings with a checked change laid over them.

    Raises:
        Wrong: It changes what is fixed, or asks for what the model has not.
    """
    if change.get("model", settings["model"]) != settings["model"]:
        raise Wrong("invalid_value", "The model of a session cannot be changed.", "session.model")
    if change.get("reasoning") is not None and not settings["model"].startswith("gpt-realtime-2"):
        text = f"Unsupported option for this model: '{settings['model']}' does not reason."
        raise Wrong("invalid_value", text, "session.reasoning")
    new = _merged(settings, change)
    transcription = new["audio"]["input"]["transcription"]
    if transcription and "model" not in transcription:
        raise missing("session.audio.input.transcription.model")
    if transcription and transcription["prompt"] and transcription["model"] == "gpt-realtime-whisper":
        text = "Unsupported option for this model: 'gpt-realtime-whisper' takes no prompt."
        raise Wrong("invalid_value", text, "session.audio.input.transcription.prompt")
    if spoken and new["audio"]["output"]["voice"] != settings["audio"]["output"]["voice"]:
        raise Wrong("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.")
    return new


def _merged(old: Json, new: Json) -> Json:
    return {**old, **{name: _laid(name, old.get(name), value) for name, value in new.items()}}


def _laid(name: str, old: Any, new: Any) -> Any:
    if not isinstance(new, dict) or name in _WHOLE:
        return new
    if name == "turn_detection":
        same = isinstance(old, dict) and old["type"] == new["type"]
        return {**(old if same else _TURN_DETECTION[new["type"]]), **new}
    if name == "format":
        return {"type": "audio/pcm", "rate": 24000} if new["type"] == "audio/pcm" else new
    if name == "transcription":
        return {"language": None, "prompt": None, **(old or {}), **new}
    return _merged(old, new) if isinstance(old, dict) else new
