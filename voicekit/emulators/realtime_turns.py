"""Turns: how an OpenAI Realtime session hears: when a caller begins and ends, and what was said."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from voicekit.emulators.checks import Wrong
from voicekit.emulators.hearing import ONSET_WINDOWS, VOICED, WINDOW_SECS, Announcement, Windows
from voicekit.emulators.realtime_items import Item, decoded
from voicekit.emulators.realtime_session import FORMATS, Channel
from voicekit.emulators.voice import words

Json: TypeAlias = dict[str, Any]

# The vendor's longest waits of semantic detection. What sounds finished waits for a small part of them.
_LONGEST_SECS: Final[Mapping[str, float]] = {"low": 8.0, "medium": 4.0, "auto": 4.0, "high": 2.0}
_FINISHED: Final = 1 / 8
_FINISHES: Final = ("", ".", "?", "!", "…", "。", "\uff1f", "\uff01")
_PREFIX_SECS: Final = 0.3
_LEAST_SECS: Final = 0.1


@dataclass
class _Speech:
    item_id: str
    announced: Announcement | None
    text: str
    began: float
    voiced_until: float

    @property
    def secs(self) -> float:
        return self.announced.secs if self.announced else 0.0


class Turns:
    """Hears one session, in the time of its audio.

    Args:
        channel: Its.
        announced: What is going to be said, on whichever connection speech begins first.
        unannounced: What speech is that nobody announced.
        interrupt: Called when a caller begins to speak and an answer is to stop.
        respond: Called when a caller has spoken and is to be answered.
    """

    def __init__(
        self,
        channel: Channel,
        announced: deque[Announcement],
        unannounced: str,
        interrupt: Callable[[], None],
        respond: Callable[[], None],
    ) -> None:
        self._channel = channel
        self._session = session = channel.session
        self._announced = announced
        self._unannounced = unannounced
        self._interrupt = interrupt
        self._respond = respond
        self._format = session.settings["audio"]["input"]["format"]["type"]
        self._windows = Windows(*FORMATS[self._format])
        self._buffer = bytearray()
        self._buffer_from = 0.0
        self._run = 0
        self._onset = False
        self._speech: _Speech | None = None

    def configure(self) -> None:
        """Follow settings that have changed."""
        kind = self._input["format"]["type"]
        if kind != self._format:
            self._format = kind
            self._windows = Windows(*FORMATS[kind], since=self._windows.heard_secs)
            self._empty()
        if not self._input["turn_detection"]:
            self._give_back()

    def append(self, audio: str) -> None:
        """Take audio.

        Raises:
            Wrong: It is not base64, or not whole samples.
        """
        sound = decoded(audio, "audio")
        if len(sound) % self._windows.sample_bytes:
            text = f"Invalid 'audio'. {len(sound)} bytes are not whole samples of {self._format}."
            raise Wrong("invalid_value", text, "audio")
        self._session.audio += sound
        self._buffer += sound
        threshold = (self._input["turn_detection"] or {}).get("threshold", 0.5)
        for level in self._windows.take(sound):
            self._window(level >= 2 * VOICED * threshold)
        self._session.ahead_secs = max(self._session.ahead_secs, self._windows.ahead_secs)

    def commit(self) -> None:
        """Make a message of what is in the buffer.

        Raises:
            Wrong: There is too little in it.
        """
        secs = self._secs(len(self._buffer))
        if secs < _LEAST_SECS:
            text = f"Expected at least 100ms of audio, but buffer only has {secs * 1000:.2f}ms of audio."
            code = "input_audio_buffer_commit_empty"
            raise Wrong(code, f"Error committing input audio buffer: buffer too small. {text}")
        speech = self._speech or (self._begun() if self._onset else None)
        item = self._committed(speech, bytes(self._buffer), secs)
        self._empty()
        self._speech = None
        self._transcribe(item)

    def clear(self) -> None:
        """Forget what is in the buffer. What was announced is still to be said."""
        self._give_back()
        self._empty()
        self._channel.emit("input_audio_buffer.cleared")

    @property
    def _input(self) -> Json:
        settings: Json = self._session.settings["audio"]["input"]
        return settings

    def _secs(self, count: int) -> float:
        return count / self._windows.sample_bytes / FORMATS[self._format][1]

    def _window(self, voiced: bool) -> None:
        self._run = self._run + 1 if voiced else 0
        self._onset = self._onset or self._run >= ONSET_WINDOWS
        detection = self._input["turn_detection"]
        if not detection:
            return
        if self._speech is None:
            if self._run >= ONSET_WINDOWS:
                self._begin(detection)
            return
        now = self._windows.heard_secs
        if voiced:
            self._speech.voiced_until = now
        over = now - self._speech.voiced_until >= _wait_secs(detection, self._speech.text)
        if over and now - self._speech.began >= self._speech.secs:
            self._end(detection, self._speech)

    def _begun(self) -> _Speech:
        announced = self._announced.popleft() if self._announced else None
        now = self._windows.heard_secs
        text = announced.text if announced else self._unannounced
        began = now - ONSET_WINDOWS * WINDOW_SECS
        return _Speech(self._channel.new_id("item"), announced, text, began, now)

    def _begin(self, detection: Json) -> None:
        self._speech = speech = self._begun()
        # What is heard of the beginning is kept from here on.
        start = max(self._buffer_from, speech.began - detection.get("prefix_padding_ms", 1000 * _PREFIX_SECS) / 1000)
        self._drop(start)
        self._channel.emit(
            "input_audio_buffer.speech_started", audio_start_ms=round(start * 1000), item_id=speech.item_id
        )
        if detection["interrupt_response"]:
            self._interrupt()

    def _end(self, detection: Json, speech: _Speech) -> None:
        now = self._windows.heard_secs
        self._channel.emit("input_audio_buffer.speech_stopped", audio_end_ms=round(now * 1000), item_id=speech.item_id)
        sound = self._drop(now)
        item = self._committed(speech, sound, self._secs(len(sound)))
        self._speech = None
        self._onset = False
        if detection["create_response"]:
            try:
                self._respond()
            except Wrong as wrong:
                self._channel.refuse(wrong)
        self._transcribe(item)

    def _committed(self, speech: _Speech | None, sound: bytes, secs: float) -> Item:
        body: Json = {
            "id": speech.item_id if speech else self._channel.new_id("item"),
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        item = Item(body, speech.text if speech else "", sound, round(secs * 1000))
        self._session.heard.append(item.words)
        before = self._session.conversation.add(item)
        self._channel.emit("input_audio_buffer.committed", previous_item_id=before, item_id=item.name)
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._channel.emit(kind, previous_item_id=before, item=body)
        return item

    def _transcribe(self, item: Item) -> None:
        transcription = self._input["transcription"]
        if not transcription:
            return
        place = {"item_id": item.name, "content_index": 0}
        kind = "conversation.item.input_audio_transcription"
        # The older model tells all words at once.
        for delta in [item.words] if transcription["model"] == "whisper-1" else words(item.words):
            self._channel.emit(f"{kind}.delta", **place, delta=delta)
        item.body["content"][0]["transcript"] = item.words
        usage = {"type": "duration", "seconds": item.audio_ms / 1000}
        self._channel.emit(f"{kind}.completed", **place, transcript=item.words, usage=usage)

    def _drop(self, until: float) -> bytes:
        """Take what is in the buffer up to a time out of it."""
        samples = round((until - self._buffer_from) * FORMATS[self._format][1])
        taken = bytes(self._buffer[: samples * self._windows.sample_bytes])
        del self._buffer[: len(taken)]
        self._buffer_from = until
        return taken

    def _empty(self) -> None:
        self._buffer.clear()
        self._buffer_from = self._windows.heard_secs
        self._run = 0
        self._onset = False

    def _give_back(self) -> None:
        if self._speech and self._speech.announced:
            self._announced.appendleft(self._speech.announced)
        self._speech = None


def _wait_secs(detection: Json, text: str) -> float:
    """Return how long a caller has to be silent to have ended."""
    if detection["type"] == "server_vad":
        return float(detection["silence_duration_ms"]) / 1000
    finished = text.rstrip()[-1:] in _FINISHES
    return _LONGEST_SECS[detection["eagerness"]] * (_FINISHED if finished else 1)
