"""Responses: what an OpenAI Realtime session answers, event by event, and how it is cut short."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, Final, TypeAlias

from voicekit.emulators.checks import Wrong
from voicekit.emulators.faults import Latency
from voicekit.emulators.realtime_items import Item, dictated, heard
from voicekit.emulators.realtime_session import FORMATS, Channel
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.voice import ENCODERS, MS_PER_CHARACTER, tone, words

Json: TypeAlias = dict[str, Any]

# As OpenAI counts tokens of audio.
_CALLER_MS_PER_TOKEN: Final = 100
_MODEL_MS_PER_TOKEN: Final = 50
_SERVER_ERROR: Final[Json] = {
    "type": "server_error",
    "code": None,
    "message": "The server had an error while processing your request. Sorry about that!",
}


class Responses:
    """Answers one session.

    Args:
        channel: Its.
        script: What is answered to what.
        latency: How long that takes; a step is a word, or a part of a tool call's arguments.
        sent: Waits until all events have been sent.
        fails: Says whether the response that begins is to fail.
    """

    def __init__(
        self,
        channel: Channel,
        script: Script,
        latency: Latency,
        sent: Callable[[], Awaitable[None]],
        fails: Callable[[], bool],
    ) -> None:
        self._channel = channel
        self._session = channel.session
        self._script = script
        self._latency = latency
        self._sent = sent
        self._fails = fails
        self._going: list[Response] = []
        self._cached: tuple[int, int] = (0, 0)

    def create(self, asked: Json) -> "Response":
        """Begin a response; `run` makes the rest of it.

        Args:
            asked: The checked parameters of a `response.create`.

        Raises:
            Wrong: The conversation is being answered.
        """
        self._going = [response for response in self._going if not response.over]
        active = next((response for response in self._going if not response.beside), None)
        if active and asked.get("conversation") != "none":
            text = f"Conversation already has an active response in progress: {active.body['id']}."
            code = "conversation_already_has_active_response"
            raise Wrong(code, f"{text} Wait until the response is finished before creating a new one.")
        items = self._shown(asked)
        voice = asked.get("audio", {}).get("output", {}).get("voice")
        if voice not in (None, self._session.settings["audio"]["output"]["voice"]) and self._session.spoken:
            raise Wrong("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.")
        reply, usage = self._reply(asked, items), self._usage(asked, items)
        response = Response(self._channel, asked, reply, usage, fails=self._fails())
        self._going.append(response)
        return response

    def cancel(self, reason: str, name: str | None = None) -> bool:
        """Cut a response short: that of this id, else the one in the conversation; say whether it was going on."""
        for response in self._going:
            if not response.over and (response.body["id"] == name if name else not response.beside):
                response.cancel(reason)
                return True
        return False

    async def run(self, response: "Response") -> None:
        """Make a response, at the pace of the latency and of the connection."""
        await self._pause(self._latency.first_secs)
        while next(response.steps, False):
            await self._pause(self._latency.each_secs)

    async def _pause(self, median_secs: float) -> None:
        await asyncio.sleep(self._latency.draw(median_secs))
        await self._sent()

    def _shown(self, asked: Json) -> Sequence[Item]:
        """Return the items a response is to be made of."""
        if "input" not in asked:
            return self._session.conversation.items
        return [
            self._session.conversation.retrieve(given["id"])
            if given["type"] == "item_reference"
            else Item.of_client(given, self._channel.new_id("item"))
            for given in asked["input"]
        ]

    def _reply(self, asked: Json, items: Sequence[Item]) -> Reply:
        instructions = asked.get("instructions", "")
        if (exact := dictated(items, instructions)) is not None:
            return Reply(exact)
        reply = self._script.answer(heard(items, instructions))
        choice = asked.get("tool_choice", self._session.settings["tool_choice"])
        return Reply(reply.text) if choice == "none" else reply

    def _usage(self, asked: Json, items: Sequence[Item]) -> Json:
        text = len(str(asked.get("instructions", self._session.settings["instructions"]))) // 4
        audio = 0
        for item in items:
            text += 0 if item.audio_ms else len(item.words) // 4
            mine = item.body.get("role") == "assistant"
            audio += item.audio_ms // (_MODEL_MS_PER_TOKEN if mine else _CALLER_MS_PER_TOKEN)
        cached_text, cached_audio = min(self._cached[0], text), min(self._cached[1], audio)
        self._cached = (text, audio)
        return {
            "input_tokens": text + audio,
            "input_token_details": {
                "text_tokens": text,
                "audio_tokens": audio,
                "image_tokens": 0,
                "cached_tokens": cached_text + cached_audio,
                "cached_tokens_details": {"text_tokens": cached_text, "audio_tokens": cached_audio, "image_tokens": 0},
            },
        }


class Response:
    """One response. Its steps send its events; a response that is cancelled sends the rest at once.

    Attributes:
        body: As it is on the wire.
        steps: What is still to be done, a pause before each; true while there is more.
        beside: Whether it is no part of the conversation.
        over: Whether `response.done` has been sent.
    """

    def __init__(self, channel: Channel, asked: Json, reply: Reply, usage: Json, *, fails: bool) -> None:
        self._channel = channel
        self._session = session = channel.session
        self._reply = reply
        self._usage = usage
        self._fails = fails
        self._reason = ""
        settings = session.settings
        output = {**settings["audio"]["output"], **asked.get("audio", {}).get("output", {})}
        self._speed = output.pop("speed")
        self._encoding, self._rate = FORMATS[output["format"]["type"]]
        self.beside = asked.get("conversation") == "none"
        tools: list[Json] = asked["tools"] if "tools" in asked else settings["tools"]
        self._offered = {str(tool["name"]) for tool in tools}
        choice = asked.get("tool_choice", settings["tool_choice"])
        self._wanted = choice["name"] if isinstance(choice, dict) else ""
        self._must_call = choice == "required" or bool(self._wanted)
        self.body: Json = {
            "object": "realtime.response",
            "id": channel.new_id("resp"),
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": None if self.beside else f"conv_{channel.number}",
            "output_modalities": asked.get("output_modalities", settings["output_modalities"]),
            "max_output_tokens": asked.get("max_output_tokens", settings["max_output_tokens"]),
            "audio": {"output": output},
            "usage": None,
            "metadata": asked.get("metadata"),
        }
        self.over = False
        self._text_tokens = 0
        self._samples = 0
        channel.emit("response.created", response=self.body)
        self.steps = self._steps()
        # From here on it can be cut short.
        next(self.steps, False)

    def cancel(self, reason: str) -> None:
        """Say what has been made of it, and that no more comes."""
        self._reason = reason
        self.steps.close()

    def _steps(self) -> Generator[bool, None, None]:
        if self._fails:
            self._done("failed", error=_SERVER_ERROR)
            return
        if wrong := self._impossible():
            error = {"type": "invalid_request_error", "code": "invalid_script", "message": wrong}
            self._done("failed", error=error)
            return
        spoken = words(self._reply.text)
        most = self.body["max_output_tokens"]
        # A word counts as a token.
        said = spoken if most == "inf" else spoken[:most]
        parts = [self._message(said, cut=said != spoken)] if spoken else []
        # What has been cut asks for no tool any more.
        parts += [self._call(call) for call in self._reply.calls if said == spoken]
        try:
            yield True
            for part in parts:
                yield from part
        except GeneratorExit:
            self._done("cancelled", reason=self._reason)
            raise
        if said != spoken:
            self._done("incomplete", reason="max_output_tokens")
        else:
            self._done("completed")

    def _impossible(self) -> str:
        called = {call.name for call in self._reply.calls}
        for name in sorted(called - self._offered):
            return f"The emulator's script calls '{name}', which the session does not offer."
        if (self._must_call and not called) or (self._wanted and called != {self._wanted}):
            return "The emulator's script does not call the tool that 'tool_choice' asks for."
        return ""

    def _message(self, said: Sequence[str], *, cut: bool) -> Generator[bool, None, None]:
        item = self._begun({"type": "message", "role": "assistant", "content": []})
        place = {**self._place(item), "content_index": 0}
        aloud = self.body["output_modalities"] == ["audio"]
        part = {"type": "audio", "transcript": ""} if aloud else {"type": "text", "text": ""}
        self._channel.emit("response.content_part.added", **place, part=part)
        status = "incomplete"
        try:
            for word in said:
                self._say(item, place, word, aloud=aloud)
                yield True
            status = "incomplete" if cut else "completed"
        finally:
            if aloud:
                self._channel.emit("response.output_audio.done", **place)
                self._channel.emit("response.output_audio_transcript.done", **place, transcript=item.words)
            else:
                self._channel.emit("response.output_text.done", **place, text=item.words)
            key = "transcript" if aloud else "text"
            self._channel.emit("response.content_part.done", **place, part={**part, key: item.words})
            item.body["content"] = [{"type": f"output_{part['type']}", key: item.words}]
            self._ended(item, status)

    def _say(self, item: Item, place: Json, word: str, *, aloud: bool) -> None:
        item.words += word
        self._text_tokens += 1
        if not aloud:
            self._channel.emit("response.output_text.delta", **place, delta=word)
            return
        samples = tone(word, self._rate, MS_PER_CHARACTER / self._speed)
        self._channel.emit("response.output_audio_transcript.delta", **place, delta=word)
        sound = base64.b64encode(ENCODERS[self._encoding](samples)).decode()
        self._channel.emit("response.output_audio.delta", **place, delta=sound)
        self._session.spoken = True
        # Of all samples: a client that adds up what it got must not find more.
        self._samples += len(samples)
        item.audio_ms = self._samples * 1000 // self._rate

    def _call(self, call: ToolCall) -> Generator[bool, None, None]:
        call_id = self._channel.new_id("call")
        item = self._begun({"type": "function_call", "name": call.name, "call_id": call_id, "arguments": ""})
        place = {**self._place(item), "call_id": call_id}
        arguments = json.dumps(call.arguments)
        status = "incomplete"
        try:
            for first in range(0, len(arguments), 8):
                piece = arguments[first : first + 8]
                item.body["arguments"] += piece
                self._text_tokens += 2
                self._channel.emit("response.function_call_arguments.delta", **place, delta=piece)
                yield True
            status = "completed"
        finally:
            made = {"name": call.name, "arguments": item.body["arguments"]}
            self._channel.emit("response.function_call_arguments.done", **place, **made)
            self._ended(item, status)

    def _place(self, item: Item) -> Json:
        return {
            "response_id": self.body["id"],
            "item_id": item.name,
            "output_index": len(self.body["output"]),
        }

    def _begun(self, body: Json) -> Item:
        head = {"id": self._channel.new_id("item"), "object": "realtime.item", "status": "in_progress"}
        item = Item(head | body)
        place = {"response_id": self.body["id"], "output_index": len(self.body["output"])}
        self._channel.emit("response.output_item.added", **place, item=item.body)
        if not self.beside:
            before = self._session.conversation.add(item)
            self._channel.emit("conversation.item.added", previous_item_id=before, item=item.body)
        return item

    def _ended(self, item: Item, status: str) -> None:
        item.body["status"] = status
        place = {"response_id": self.body["id"], "output_index": len(self.body["output"])}
        self.body["output"].append(item.body)
        self._channel.emit("response.output_item.done", **place, item=item.body)
        if item in self._session.conversation.items:
            before = self._session.conversation.before(item)
            self._channel.emit("conversation.item.done", previous_item_id=before, item=item.body)

    def _done(self, status: str, **details: Any) -> None:
        self.over = True
        audio = self._samples * 1000 // self._rate // _MODEL_MS_PER_TOKEN
        made = {"text_tokens": self._text_tokens, "audio_tokens": audio}
        tokens = self._text_tokens + audio
        self.body["status"] = status
        self.body["status_details"] = {"type": status, **details} if details else None
        self.body["usage"] = {
            **self._usage,
            "output_tokens": tokens,
            "output_token_details": made,
            "total_tokens": self._usage["input_tokens"] + tokens,
        }
        self._channel.emit("response.done", response=self.body)
        limits = [
            {"name": name, "limit": limit, "remaining": limit - used, "reset_seconds": 0.1}
            for name, limit, used in (("requests", 10000, 1), ("tokens", 1000000, self.body["usage"]["total_tokens"]))
        ]
        self._channel.emit("rate_limits.updated", rate_limits=limits)
