"""Anthropic's messages, streamed or whole: POST /v1/messages.

Shapes: https://platform.claude.com/docs/en/api/messages and /build-with-claude/streaming; errors:
https://platform.claude.com/docs/en/api/errors, their texts as clients have reported them. As at the vendor since the
end of 2024, a talk may begin with the assistant (https://github.com/anthropics/anthropic-sdk-typescript/issues/622)
and messages of one role after another are one turn.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from voicekit.emulators.anthropic_checks import Wrong, check, turns
from voicekit.emulators.faults import Break, Fault, Latency, Pace, Refuse
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.streamed import Exchange, Streamed, paced

Json: TypeAlias = dict[str, Any]

# By their form, so that a new one is no mistake and a misspelt prefix is.
MODELS: Final = re.compile(r"claude-[a-z0-9.-]+")
VERSIONS: Final = ("2023-06-01", "2023-01-01")
# What a status is called in the body of its error.
_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
# What a refusal without a text of its own says.
_USUAL: Final[Mapping[int, str]] = {500: "Internal server error", 529: "Overloaded"}
_PIECE_CHARACTERS: Final = 8


@dataclass
class AnthropicMessages:
    """The emulator.

    Attributes:
        key: The only key it takes.
        script: What is answered to the last turn: to the results of tools in it, else to its words.
        latency: How long that takes; a message is an event that carries a word, or a part of a tool's input.
        faults: One for each request, in turn; None is a healthy one. All are healthy when there are no more.
        received: Every request that had a body, in order.
    """

    key: str
    script: Script = field(default_factory=Script)
    latency: Latency = field(default_factory=Latency)
    faults: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    received: list[Exchange] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    def routes(self) -> list[BaseRoute]:
        """Return its one route."""
        return [Route("/v1/messages", self._create, methods=["POST"])]

    def exchanges(self) -> list[Exchange]:
        """Return `received`."""
        return self.received

    async def _create(self, request: Request) -> Response:
        fault, number = next(self.faults, None), next(self._numbers)
        exchange = Exchange({}, "refused")
        try:
            exchange.body = _parsed(await request.body())
            self.received.append(exchange)
            self._refuse(fault, exchange.body)
            self._check_headers(request.headers)
            check(exchange.body)
            if not MODELS.fullmatch(exchange.body["model"]):
                raise Wrong(f"model: {exchange.body['model']}", 404)
            reply = self.script.answer(_heard(exchange.body), _words(exchange.body.get("system")))
            _check_offered(reply.calls, exchange.body)
        except Wrong as wrong:
            return _refusal(wrong, number)
        exchange.outcome = "answering"
        events, pace = list(_events(exchange.body, reply, number)), Pace(self.latency, fault)
        if exchange.body.get("stream"):
            return Streamed(paced(map(_event, events), pace, _BROKEN), exchange, "text/event-stream")
        return Streamed(paced([json.dumps(_whole(events)).encode()], pace, _BROKEN), exchange, "application/json")

    @staticmethod
    def _refuse(fault: Fault | None, body: Json) -> None:
        if isinstance(fault, Refuse):
            usual = _USUAL.get(fault.status, "The emulator was told to refuse this request.")
            raise Wrong(usual, fault.status, fault.retry_after)
        if isinstance(fault, Break) and fault.how == "error" and not body.get("stream"):
            raise Wrong(_USUAL[500], 500)

    def _check_headers(self, headers: Headers) -> None:
        key = headers.get("x-api-key")
        if not key:
            raise Wrong("x-api-key header is required", 401)
        if key != self.key:
            raise Wrong("invalid x-api-key", 401)
        version = headers.get("anthropic-version")
        if not version:
            raise Wrong("anthropic-version: header is required")
        if version not in VERSIONS:
            raise Wrong(f'anthropic-version: "{version}" is not a valid version')


def _refusal(wrong: Wrong, number: int) -> Response:
    headers = {"request-id": f"req_{number}"}
    if wrong.retry_after is not None:
        headers["retry-after"] = f"{wrong.retry_after:g}"
    error = {"type": _TYPES.get(wrong.status, "invalid_request_error"), "message": str(wrong)}
    body = {"type": "error", "error": error, "request_id": headers["request-id"]}
    return JSONResponse(body, wrong.status, headers)


def _parsed(data: bytes) -> Json:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise Wrong("The request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise Wrong("Input should be a valid dictionary")
    return body


def _check_offered(calls: Iterable[ToolCall], body: Json) -> None:
    offered = {tool["name"] for tool in body.get("tools") or ()}
    for call in calls:
        if call.name not in offered:
            raise Wrong(f"The emulator's script calls '{call.name}', which the request does not offer.")


def _heard(body: Json) -> str:
    """Return the words of the last turn; where it has results of tools, those."""
    *_, last = turns(body["messages"])
    results = [_words(block.get("content")) for _, block in last.blocks if block["type"] == "tool_result"]
    return "\n".join(results) if results else _words([block for _, block in last.blocks])


def _words(content: object) -> str:
    if isinstance(content, list):
        return " ".join(block.get("text", "") for block in content if block.get("type") == "text")
    return str(content or "")


def _events(body: Json, reply: Reply, number: int) -> Iterator[Json]:
    """Yield what is streamed: the message, its blocks one after another, why it ended and what it cost."""
    usage = {"input_tokens": len(json.dumps(body["messages"])) // 4, "output_tokens": 1}
    head = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": body["model"], "content": []}
    yield {"type": "message_start", "message": {**head, "stop_reason": None, "stop_sequence": None, "usage": usage}}
    words = re.findall(r"\s*\S+\s*$|\s*\S+", reply.text)
    if words:
        text = [{"type": "text_delta", "text": word} for word in words]
        yield from _block(0, {"type": "text", "text": ""}, text)
    calls = reply.calls[:1] if _one_tool(body) else reply.calls
    for index, call in enumerate(calls):
        begun = {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": call.name, "input": {}}
        whole = json.dumps(call.arguments)
        pieces = (whole[first : first + _PIECE_CHARACTERS] for first in range(0, len(whole), _PIECE_CHARACTERS))
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces)]
        yield from _block(index + bool(words), begun, deltas)
    ended = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": len(words) + 8 * len(calls) + 1}}
    yield {"type": "message_stop"}


def _one_tool(body: Json) -> bool:
    """Say whether the client wants no two tools at once."""
    return bool((body.get("tool_choice") or {}).get("disable_parallel_tool_use"))


def _block(index: int, begun: Json, deltas: Iterable[Json]) -> Iterator[Json]:
    yield {"type": "content_block_start", "index": index, "content_block": begun}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _event(data: Json) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def _whole(events: Iterable[Json]) -> Json:
    """Return the answer in one piece, put together from what would be streamed."""
    message: Json = {}
    inputs: dict[int, str] = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = {**event["message"], "content": []}
            case "content_block_start":
                message["content"].append(dict(event["content_block"]))
            case "content_block_delta":
                index, delta = event["index"], event["delta"]
                if delta["type"] == "text_delta":
                    message["content"][index]["text"] += delta["text"]
                else:
                    inputs[index] = inputs.get(index, "") + delta["partial_json"]
            case "message_delta":
                message |= event["delta"]
                message["usage"] = message["usage"] | event["usage"]
    for index, text in inputs.items():
        message["content"][index]["input"] = json.loads(text)
    return message


# What is sent where an answer breaks off.
_BROKEN: Final = {
    "garbage": b'event: content_block_delta\ndata: {"type": \n\n',
    "error": _event({"type": "error", "error": {"type": "overloaded_error", "message": _USUAL[529]}}),
}
