"""Journal: what of a realtime session must survive it: what was said, and the turn, sound and answer under way.

It is kept from the events of OpenAI's protocol, as they pass in both directions, and so knows of words that a caller
has yet to hear. Pure. Events: https://platform.openai.com/docs/api-reference/realtime.
"""

import base64
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voicekit.runtime.wire import Json

EXACTLY: Final = "Say exactly this to the caller, word for word, and nothing before or after it:\n\n{line}"
"""How a model is told to say a line. Once said, that is nothing to be told again."""
GO_ON: Final = (
    "You were cut off by a technical fault while you spoke. The caller has heard what you had said. Go on from exactly "
    "there, and repeat nothing."
)
_DICTATES: Final = EXACTLY.partition("{")[0]

# 16 bit, mono, 24 kHz: all that Pipecat sends.
BYTES_PER_SEC: Final = 48000
# Of sound that nobody waits for an answer to, this much is kept: a beginning that has yet to be noticed.
_ONSET_BYTES: Final = 1 * BYTES_PER_SEC
# A turn that is longer is sent without its beginning.
_LONGEST_BYTES: Final = 60 * BYTES_PER_SEC
_PIECE_BYTES: Final = BYTES_PER_SEC // 2


@dataclass
class _Item:
    """An item of the conversation, as a client makes it, and what it consists of so far."""

    body: Json
    words: str = ""
    sound_bytes: int = 0
    complete: bool = True

    @property
    def instructs(self) -> bool:
        """Whether it tells the model what to say next."""
        return self.words == GO_ON or self.words.startswith(_DICTATES)

    def restored(self) -> Json | None:
        """Return it as a new session is told of it; None where there is nothing to tell."""
        if self.body["type"] != "message":
            return self.body if self.complete else None
        if not self.words.strip():
            return None
        kind = "output_text" if self.body["role"] == "assistant" else "input_text"
        return {**self.body, "content": [{"type": kind, "text": self.words}]}


@dataclass
class _Turn:
    """A caller's turn that has not been answered. Its events are not told twice.

    Attributes:
        item: The id of its item.
        ended: At which byte of all sound; None while he speaks.
        committed: Whether the service has ended it.
        transcribed: Whether its words have been told.
        began_again: Whether the session at hand has told its beginning.
        ended_again: Whether it has told its end.
    """

    item: str = ""
    ended: int | None = None
    committed: bool = False
    transcribed: bool = False
    began_again: bool = True
    ended_again: bool = True


class Journal:
    """Follows one call's sessions, one after another."""

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}
        self._sound: deque[bytes] = deque()
        # From which to which byte of all.
        self._from = self._to = 0
        self._turn: _Turn | None = None
        # The response that was asked for and is not over, and the turn that the one under way answers.
        self._asked: Json | None = None
        self._answers: _Turn | None = None
        self._response = False
        self._saying = ""
        # Items of the caller's whose words a former session has told.
        self._known_words: set[str] = set()

    @property
    def speaks(self) -> bool:
        """Whether the caller is in the middle of a turn."""
        return self._turn is not None and self._turn.ended is None

    @property
    def waits(self) -> bool:
        """Whether a response is due or under way."""
        return self._response or self._asked is not None or self._turn_is_over

    @property
    def _turn_is_over(self) -> bool:
        return self._turn is not None and self._turn.ended is not None

    @property
    def asked(self) -> str:
        """The id of the event that asked for a response which is due; empty where none did."""
        return str(self._asked.get("event_id", "")) if self._asked else ""

    def ask_again(self) -> Json:
        """Return the event that asks once more for a response that has failed."""
        return self._asked or {"type": "response.create", "event_id": uuid.uuid4().hex}

    def give_up(self) -> None:
        """Nothing is due any more: it cannot be answered."""
        self._turn = self._asked = self._answers = None
        self._response, self._saying = False, ""
        self._forget_sound(self._to)

    def sent(self, event: Json) -> None:
        """Take note of an event of the client, whether it arrives or not."""
        match event["type"]:
            case "input_audio_buffer.append":
                self._keep(base64.b64decode(event["audio"]))
            case "input_audio_buffer.clear":
                # What is sent next is the beginning of a turn whose end a detector of ours will tell.
                self._begin("")
                self._forget_sound(self._to)
            case "input_audio_buffer.commit":
                self._turn = self._turn or _Turn()
                self._turn.ended, self._turn.committed = self._to, True
            case "conversation.item.create":
                self._made(event["item"])
            case "conversation.item.truncate":
                self._cut(event["item_id"], event["audio_end_ms"])
            case "response.create":
                self._asked = event
            case "response.cancel":
                self._interrupted()

    def received(self, event: Json) -> bool:
        """Take note of an event of the server; say whether it is new, and nothing that a former session has told."""
        new = self._is_new(event)
        self._heed(event)
        if self._turn is None:
            self._forget_sound(self._to - _ONSET_BYTES)
        return new

    def replay(self) -> Iterator[Json]:
        """Return the events that bring a new session to where the last one was; it is then to be asked what is due."""
        answered = False
        items: list[Json] = []
        for name, item in reversed(self._items.items()):
            body = item.restored()
            ours = self._turn is not None and name == self._turn.item
            if body is None or ours or (answered and item.instructs):
                continue
            answered = answered or (body.get("role") == "assistant" and name != self._saying)
            items.insert(0, body)
        yield from ({"type": "conversation.item.create", "item": item} for item in items)
        yield from self._sound_again()
        yield from self._due_again()

    def _sound_again(self) -> Iterator[Json]:
        sound = b"".join(self._sound)
        for at in range(0, len(sound), _PIECE_BYTES):
            audio = base64.b64encode(sound[at : at + _PIECE_BYTES]).decode()
            yield {"type": "input_audio_buffer.append", "audio": audio}

    def _due_again(self) -> Iterator[Json]:
        self._response = False
        if self._turn:
            self._turn.began_again, self._turn.ended_again = False, self._turn.ended is None
            self._items.pop(self._turn.item, None)
            if self._turn.committed:
                yield {"type": "input_audio_buffer.commit"}
        if self._saying:
            self._saying = ""
            event = {"type": "conversation.item.create", "item": _told(GO_ON)}
            self.sent(event)
            yield event
            self._asked = {"type": "response.create", "event_id": uuid.uuid4().hex}
        if self._asked:
            yield self._asked

    def _is_new(self, event: Json) -> bool:
        turn = self._turn
        match event["type"]:
            case "input_audio_buffer.speech_started" if turn and not turn.began_again:
                turn.began_again = True
                self._is_ours(turn, event["item_id"])
                return False
            case "input_audio_buffer.speech_stopped" if turn and not turn.ended_again:
                turn.ended_again = True
                return False
            case kind if kind.startswith("conversation.item.input_audio_transcription."):
                return event["item_id"] not in self._known_words
        return True

    def _is_ours(self, turn: _Turn, item: str) -> None:
        turn.item = item
        if turn.transcribed:
            self._known_words.add(item)

    def _heed(self, event: Json) -> None:
        match event["type"]:
            case "input_audio_buffer.speech_started":
                if self._turn is None or self._turn.item != event["item_id"]:
                    self._begin(event["item_id"])
            case "input_audio_buffer.speech_stopped" if self._turn and self._turn.ended is None:
                self._turn.ended = self._to
            case "input_audio_buffer.committed" if self._turn:
                self._is_ours(self._turn, event["item_id"])
            case "conversation.item.added":
                self._added(event["item"])
            case "conversation.item.input_audio_transcription.completed":
                self._word(event["item_id"], event["transcript"], whole=True)
                if self._turn and self._turn.item == event["item_id"]:
                    self._turn.transcribed = True
            case "response.function_call_arguments.done":
                self._called(event["item_id"], event["arguments"])
            case kind if kind.startswith("response."):
                self._heed_response(event)

    def _heed_response(self, event: Json) -> None:
        match event["type"]:
            case "response.created":
                self._response = True
                self._answers = self._turn if self._turn_is_over else None
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                self._word(event["item_id"], event["delta"])
                self._begun(event["item_id"])
            case "response.output_audio.delta":
                self._items.setdefault(event["item_id"], _Item(_message("assistant", event["item_id"])))
                self._items[event["item_id"]].sound_bytes += len(event["delta"]) * 3 // 4
                self._begun(event["item_id"])
            case "response.done":
                self._response, self._saying, self._asked = False, "", None
                if event["response"]["status"] != "cancelled":
                    self._answered()

    def _begin(self, item: str) -> None:
        self._interrupted()
        self._forget_sound(self._to - _ONSET_BYTES)
        self._turn = _Turn(item)

    def _interrupted(self) -> None:
        """The response under way is not to be gone on with."""
        self._asked, self._response, self._saying = None, False, ""

    def _begun(self, item: str) -> None:
        if self._response:
            self._saying = item
        self._answered()

    def _answered(self) -> None:
        if self._answers is not None and self._turn is self._answers:
            self._turn = None
            self._forget_sound(self._answers.ended or 0)
        self._answers = None

    def _made(self, item: Json) -> None:
        words = " ".join(str(part.get("text") or "") for part in item.get("content") or ())
        self._items[item["id"]] = _Item(dict(item), words)

    def _added(self, item: Json) -> None:
        if item["id"] in self._items:
            return
        if item["type"] == "message":
            self._items[item["id"]] = _Item(_message(item["role"], item["id"]))
        elif item["type"] == "function_call":
            kept = {name: item[name] for name in ("id", "type", "name", "call_id")}
            self._items[item["id"]] = _Item(kept, complete=False)

    def _called(self, name: str, arguments: str) -> None:
        if name in self._items:
            self._items[name].body["arguments"] = arguments
            self._items[name].complete = True
            self._answered()

    def _word(self, name: str, words: str, *, whole: bool = False) -> None:
        item = self._items.setdefault(name, _Item(_message("user" if whole else "assistant", name)))
        item.words = words if whole else item.words + words

    def _cut(self, name: str, heard_ms: int) -> None:
        """Leave of an answer what was heard: nobody tells which words these were."""
        item = self._items.get(name)
        if item and item.sound_bytes:
            words = item.words.split(" ")
            share = heard_ms / 1000 * BYTES_PER_SEC / item.sound_bytes
            item.words = " ".join(words[: round(len(words) * min(1.0, share))])

    def _keep(self, sound: bytes) -> None:
        self._sound.append(sound)
        self._to += len(sound)
        self._forget_sound(self._to - _LONGEST_BYTES)

    def _forget_sound(self, until: int) -> None:
        while self._from < until:
            self._from += len(self._sound.popleft())


def _message(role: str, name: str) -> Json:
    return {"id": name, "type": "message", "role": role}


def _told(words: str) -> Json:
    return {**_message("system", uuid.uuid4().hex), "content": [{"type": "input_text", "text": words}]}
