"""OpenAI chat completions, streamed or whole: POST /v1/chat/completions.

Shapes: https://platform.openai.com/docs/api-reference/chat-streaming; errors as the official SDK parses them.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from voicekit.emulators.faults import Break, Fault, Latency, Pace
from voicekit.emulators.openai_refusal import SERVER_ERROR, Refusal, check_key, invalid, no_such_model, told
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.streamed import Exchange, Streamed, paced

Json: TypeAlias = dict[str, Any]

# By their form, so that a new one is no mistake and a misspelt prefix is.
MODELS: Final = re.compile(r"(chatgpt-|gpt-|o\d|ft:gpt-)[\w.:-]*")
_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")
# fmt: off
_PARAMETERS: Final = frozenset({
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "n",
    "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "reasoning_effort",
    "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
    "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
    "web_search_options",
})
# fmt: on
_FUNCTION_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass
class OpenAIChat:
    """The emulator.

    Attributes:
        key: The only key it takes.
        models: The models it has.
        path: Where its API is; a server of one's own may have it anywhere.
        script: What is answered to the last message, or to the results of tools.
        latency: How long that takes; a message is a word, or a part of a tool call.
        faults: One for each request, in turn; None is a healthy one. All are healthy when there are no more.
        received: Every request that had a body, in order.
    """

    key: str
    script: Script = field(default_factory=Script)
    models: re.Pattern[str] = MODELS
    path: str = "/v1"
    latency: Latency = field(default_factory=Latency)
    faults: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    received: list[Exchange] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    def routes(self) -> list[BaseRoute]:
        """Return its one route."""
        return [Route(f"{self.path}/chat/completions", self._complete, methods=["POST"])]

    def exchanges(self) -> list[Exchange]:
        """Return `received`."""
        return self.received

    async def _complete(self, request: Request) -> Response:
        fault = next(self.faults, None)
        chat = Exchange({}, "refused")
        try:
            chat.body = _parsed(await request.body())
            self.received.append(chat)
            told(fault)
            if isinstance(fault, Break) and fault.how == "error" and not chat.body.get("stream"):
                raise Refusal(500, SERVER_ERROR)
            check_key(request.headers.get("authorization", ""), self.key)
            self._check_model(chat.body)
            _check(chat.body)
            reply = self.script.answer(_heard(chat.body["messages"]), _instructions(chat.body["messages"]))
            _check_offered(reply.calls, chat.body)
        except Refusal as refusal:
            return refusal.response()
        chat.outcome = "answering"
        pace = Pace(self.latency, fault)
        chunks = _chunks(chat.body, self._head(chat.body), reply, next(self._numbers))
        if chat.body.get("stream"):
            events = itertools.chain((_event(json.dumps(chunk)) for chunk in chunks), [_event("[DONE]")])
            return Streamed(paced(events, pace, _BROKEN), chat, "text/event-stream")
        return Streamed(paced([json.dumps(_whole(chunks)).encode()], pace, _BROKEN), chat, "application/json")

    def _check_model(self, body: Json) -> None:
        if not isinstance(body.get("model"), str):
            raise invalid("you must provide a model parameter", "model")
        if not self.models.fullmatch(body["model"]):
            raise no_such_model(body["model"])

    def _head(self, body: Json) -> Json:
        return {
            "id": f"chatcmpl-{len(self.received)}",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": body["model"],
        }


def _parsed(data: bytes) -> Json:
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid("We could not parse the JSON body of your request.")
    return body


def _check(body: Json) -> None:
    """Refuse a body that OpenAI refuses."""
    for name in body:
        if name not in _PARAMETERS:
            raise invalid(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    if "messages" not in body:
        raise invalid("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not isinstance(body["messages"], list) or not body["messages"]:
        raise invalid("Invalid 'messages': expected an array with minimum length 1.", "messages", "invalid_type")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    for number, tool in enumerate(body.get("tools") or ()):
        _check_tool(tool, f"tools[{number}]")
    if body.get("tool_choice") and not body.get("tools"):
        raise invalid("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    waiting: list[str] = []
    for number, message in enumerate(body["messages"]):
        waiting = _check_message(message, f"messages[{number}]", waiting)
    _check_answered(waiting, "messages")


def _check_tool(tool: object, where: str) -> None:
    match tool:
        case {"type": "function", "function": {"name": str(name)}} if _FUNCTION_NAME.fullmatch(name):
            return
    raise invalid(f"Invalid '{where}.function.name'.", f"{where}.function.name", "invalid_value")


def _check_message(message: object, where: str, waiting: list[str]) -> list[str]:
    """Check one message; return the ids of the calls whose results have to follow."""
    if not isinstance(message, dict):
        raise invalid(f"Invalid type for '{where}': expected an object.", where, "invalid_type")
    role = message.get("role")
    if role not in _ROLES:
        allowed = ", ".join(f"'{name}'" for name in _ROLES)
        raise invalid(f"Invalid value: '{role}'. Supported values are: {allowed}.", f"{where}.role", "invalid_value")
    if role == "tool":
        if message.get("tool_call_id") not in waiting:
            text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            raise invalid(f"Invalid parameter: {text}", f"{where}.role")
        waiting = [call for call in waiting if call != message["tool_call_id"]]
    else:
        _check_answered(waiting, where)
        waiting = [_check_call(call, where) for call in message.get("tool_calls") or ()]
    if not waiting and not isinstance(message.get("content"), str | list) and not message.get("tool_calls"):
        text = f"Invalid value for 'content': expected a string, got {json.dumps(message.get('content'))}."
        raise invalid(text, f"{where}.content", "invalid_type")
    return waiting


def _check_call(call: object, where: str) -> str:
    match call:
        case {"id": str(name), "type": "function", "function": {"name": str(), "arguments": str()}}:
            return name
    raise invalid(f"Invalid '{where}.tool_calls'.", f"{where}.tool_calls", "invalid_value")


def _check_answered(waiting: list[str], where: str) -> None:
    if waiting:
        text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
        missing = f"The following tool_call_ids did not have response messages: {', '.join(waiting)}"
        raise invalid(f"{text} 'tool_call_id'. {missing}", where)


def _check_offered(calls: Iterable[ToolCall], body: Json) -> None:
    offered = {tool["function"]["name"] for tool in body.get("tools") or ()}
    for call in calls:
        if call.name not in offered:
            raise invalid(f"The emulator's script calls '{call.name}', which the request does not offer.", "tools")


def _heard(messages: list[Json]) -> str:
    """Return the last message's words; for results of tools, those of all that came last."""
    if messages[-1]["role"] != "tool":
        return _words(messages[-1])
    last = itertools.takewhile(lambda message: message["role"] == "tool" or message.get("tool_calls"), messages[::-1])
    return "\n".join(_words(message) for message in reversed(list(last)) if message["role"] == "tool")


def _instructions(messages: list[Json]) -> str:
    return "\n".join(_words(message) for message in messages if message["role"] in ("system", "developer"))


def _words(message: Json) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def _chunks(body: Json, head: Json, reply: Reply, number: int) -> Iterator[Json]:
    """Yield what is streamed: the role, words, one piece of one tool call at a time, the end, the usage."""

    def chunk(delta: Json, finish: str | None = None) -> Json:
        return {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    words = re.findall(r"\s*\S+\s*$|\s*\S+", reply.text)
    yield chunk({"role": "assistant", "content": "" if words else None, "refusal": None})
    for word in words:
        yield chunk({"content": word})
    for index, call in enumerate(reply.calls):
        begun = {"index": index, "id": f"call_{number}_{index}", "type": "function"}
        yield chunk({"tool_calls": [begun | {"function": {"name": call.name, "arguments": ""}}]})
        arguments = json.dumps(call.arguments)
        for first in range(0, len(arguments), 8):
            piece = {"index": index, "function": {"arguments": arguments[first : first + 8]}}
            yield chunk({"tool_calls": [piece]})
    yield chunk({}, "tool_calls" if reply.calls else "stop")
    if not body.get("stream") or (body.get("stream_options") or {}).get("include_usage"):
        asked, said = len(json.dumps(body["messages"])) // 4, len(words) + 8 * len(reply.calls)
        usage = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        yield {**head, "choices": [], "usage": usage}


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def _whole(chunks: Iterable[Json]) -> Json:
    """Return the answer in one piece, put together from what would be streamed."""
    *parts, last = chunks
    deltas = [part["choices"][0]["delta"] for part in parts]
    text = "".join(delta.get("content") or "" for delta in deltas)
    calls: dict[int, Json] = {}
    for piece in itertools.chain.from_iterable(delta.get("tool_calls", ()) for delta in deltas):
        if "id" in piece:
            calls[piece["index"]] = {"id": piece["id"], "type": "function", "function": dict(piece["function"])}
        else:
            calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    message: Json = {"role": "assistant", "content": text or None, "refusal": None}
    message |= {"tool_calls": list(calls.values())} if calls else {}
    finish = parts[-1]["choices"][0]["finish_reason"]
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
    return {**last, "object": "chat.completion", "choices": choices}


# What is sent where an answer breaks off.
_BROKEN: Final = {
    "garbage": _event('{"choices": ['),
    "error": _event(json.dumps({"error": {"message": SERVER_ERROR, "type": "server_error"}})),
}
