"""Items: what an OpenAI Realtime conversation consists of, and what of it a model is to answer."""

import base64
import binascii
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from voicekit.emulators.checks import Wrong

Json: TypeAlias = dict[str, Any]

_EXACTLY: Final = re.compile(r"\bsay exactly\b[^\n:]*:\s*(?P<words>.+)", re.IGNORECASE | re.DOTALL)


@dataclass
class Item:
    """One item.

    Attributes:
        body: As it is on the wire, without audio.
        words: What a model understands of it: text, a transcript, a tool's result.
        audio: A caller's, as it came.
        audio_ms: How long its audio is; of an answer, how much of it has been sent and not truncated.
    """

    body: Json
    words: str = ""
    audio: bytes = b""
    audio_ms: int = 0

    @classmethod
    def of_client(cls, given: Json, usual_id: str) -> "Item":
        """Return an item that a client made, under the id it gave or the usual one.

        Raises:
            Wrong: There is audio in it that is not base64.
        """
        body: Json = {"id": usual_id, "object": "realtime.item", "status": "completed", **given}
        if body["type"] == "message":
            words = " ".join(part.get("text") or part.get("transcript") or "" for part in body["content"])
            audio = b"".join(decoded(part.get("audio", ""), "item.content") for part in body["content"])
            body["content"] = [{name: part[name] for name in part if name != "audio"} for part in body["content"]]
            return cls(body, words, audio)
        return cls(body, str(body.get("output", "")))

    @property
    def name(self) -> str:
        """Return its id."""
        return str(self.body["id"])

    def with_audio(self) -> Json:
        """Return its body with the caller's audio in it."""
        if not self.audio:
            return self.body
        sound = {"audio": base64.b64encode(self.audio).decode()}
        return {**self.body, "content": [{**part, **sound} for part in self.body["content"]]}


@dataclass
class Conversation:
    """The items of one conversation, in order."""

    items: list[Item] = field(default_factory=list)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item in.

        Args:
            item: It.
            after: The id of the one before it, `root` for the beginning; None is the end.

        Returns:
            The id of the one before it, if there is one.

        Raises:
            Wrong: There is none of that id, or already one of the same.
        """
        if any(other.name == item.name for other in self.items):
            text = f"Error adding item: an item with id '{item.name}' already exists."
            raise Wrong("item_create_duplicate_item_id", text, "item.id")
        index = len(self.items)
        if after is not None:
            index = 0 if after == "root" else self.items.index(self._find(after, "create", "previous_item_id")) + 1
        self.items.insert(index, item)
        return self.items[index - 1].name if index else None

    def before(self, item: Item) -> str | None:
        """Return the id of the item before one, if there is one."""
        index = self.items.index(item)
        return self.items[index - 1].name if index else None

    def retrieve(self, name: str) -> Item:
        """Return an item.

        Raises:
            Wrong: There is none of that id.
        """
        return self._find(name, "retrieve", "item_id")

    def delete(self, name: str) -> None:
        """Remove an item.

        Raises:
            Wrong: There is none of that id.
        """
        self.items.remove(self._find(name, "delete", "item_id"))

    def truncate(self, name: str, content_index: int, audio_end_ms: int) -> None:
        """Forget what a caller has not heard of an answer, and all its words: nobody knows which were.

        Raises:
            Wrong: It is no answer in audio, or not as long.
        """
        item = self._find(name, "truncate", "item_id")
        if item.body.get("role") != "assistant" or not item.audio_ms:
            raise Wrong("unsupported_content_type", "Only model output audio messages can be truncated")
        if content_index != 0:
            raise Wrong("invalid_value", f"Invalid value: {content_index}. Value must be 0.", "content_index")
        if audio_end_ms > item.audio_ms:
            raise Wrong("invalid_value", f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms")
        item.audio_ms, item.words = audio_end_ms, ""
        for part in item.body["content"]:
            part["transcript"] = None

    def has_call(self, call_id: str) -> bool:
        """Say whether a model has asked for a tool under this id."""
        return any(item.body["type"] == "function_call" and item.body.get("call_id") == call_id for item in self.items)

    def _find(self, name: str, doing: str, param: str) -> Item:
        for item in self.items:
            if item.name == name:
                return item
        text = f"Error: the item with id '{name}' does not exist."
        code = f"item_{doing}_invalid_{'previous_' if param == 'previous_item_id' else ''}item_id"
        raise Wrong(code, text, param)


def decoded(audio: str, path: str) -> bytes:
    """Return audio that stands at a path.

    Raises:
        Wrong: It is not base64.
    """
    try:
        return base64.b64decode(audio, validate=True)
    except binascii.Error as error:
        raise Wrong("invalid_value", f"Invalid '{path}'. Expected base64-encoded audio bytes.", path) from error


def heard(items: Sequence[Item], instructions: str) -> str:
    """Return what a response is to answer.

    Args:
        items: Those the model is shown.
        instructions: Those of this response alone.

    Returns:
        The results of tools, if they came last; else the words of the last message, if it is not the model's own; else
        the instructions.
    """
    results = list(itertools.takewhile(lambda item: item.body["type"] == "function_call_output", reversed(items)))
    if results:
        return "\n".join(item.words for item in reversed(results))
    if items and items[-1].body.get("role") in ("user", "system"):
        return items[-1].words
    return instructions


def dictated(items: Sequence[Item], instructions: str) -> str | None:
    """Return the words that a model is told to say and not to choose, or None.

    A model that is told "say exactly …:" says what follows the colon, to the end and without quotation marks around it:
    where the instructions of the response say so, or its last message.
    """
    told = items[-1].words if items and items[-1].body["type"] == "message" else ""
    for text in (instructions, told):
        if found := _EXACTLY.search(text):
            words = found["words"].strip()
            return words[1:-1] if words[0] + words[-1] in ('""', "“”") else words
    return None
