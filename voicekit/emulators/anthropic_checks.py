"""Checks: what Anthropic refuses in the body of a request for a message, in its order and words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

# fmt: off
_PARAMETERS: Final = frozenset({
    "cache_control", "compaction", "container", "context_management", "diagnostics", "fallback_credit_token",
    "fallbacks", "inference_geo", "max_tokens", "mcp_servers", "messages", "metadata", "model", "output_config",
    "service_tier", "speed", "stop_sequences", "stream", "system", "temperature", "thinking", "tool_choice", "tools",
    "top_k", "top_p",
})
_BLOCKS: Final = (
    "document", "image", "redacted_thinking", "search_result", "server_tool_use", "text", "thinking", "tool_result",
    "tool_use", "web_search_tool_result",
)
# fmt: on
_ROLES: Final = ("user", "assistant")
_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CHOICES: Final = ("auto", "any", "tool", "none")
# The models that go on with a turn of the assistant's; all since 4.6 refuse it.
_PREFILLED: Final = re.compile(r"claude-(2|3|instant|(opus|sonnet|haiku)-4(-[0-5])?(-\d{8})?$).*")


class Wrong(Exception):
    """What is refused.

    Attributes:
        status: The HTTP status.
        retry_after: Seconds, for the header of that name.
    """

    def __init__(self, message: str, status: int = 400, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says: the messages of one role that stand together.

    Attributes:
        role: `user` or `assistant`.
        last: The number of its last message.
        blocks: Its content, each with its place.
    """

    role: str
    last: int
    blocks: list[tuple[str, Json]]


def check(body: Json) -> None:
    """Refuse a body that Anthropic refuses.

    Raises:
        Wrong: It is refused.
    """
    for name in body:
        if name not in _PARAMETERS:
            raise Wrong(f"{name}: Extra inputs are not permitted")
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            raise Wrong(f"{name}: Field required")
    if not isinstance(body["model"], str):
        raise Wrong("model: Input should be a valid string")
    if not isinstance(body["max_tokens"], int) or isinstance(body["max_tokens"], bool):
        raise Wrong("max_tokens: Input should be a valid integer")
    if body["max_tokens"] < 1:
        raise Wrong("max_tokens: Input should be greater than or equal to 1")
    if not isinstance(body["messages"], list):
        raise Wrong("messages: Input should be a valid list")
    if not isinstance(body.get("system", ""), str | list):
        raise Wrong("system: Input should be a valid string or list")
    _check_tools(body)
    _check_messages(body)


def turns(messages: Sequence[Json]) -> list[Turn]:
    """Return the turns of messages that have been checked one by one."""
    found: list[Turn] = []
    for number, message in enumerate(messages):
        blocks = list(_blocks(message, number))
        if found and found[-1].role == message["role"]:
            found[-1] = Turn(message["role"], number, [*found[-1].blocks, *blocks])
        else:
            found.append(Turn(message["role"], number, blocks))
    return found


def _blocks(message: Json, number: int) -> Iterator[tuple[str, Json]]:
    content = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for index, block in enumerate(content):
        yield f"messages.{number}.content.{index}", block


def _check_tools(body: Json) -> None:
    tools = body.get("tools") or []
    for number, tool in enumerate(tools):
        match tool:
            case {"name": str(name), "input_schema": {"type": "object"}} if _TOOL_NAME.fullmatch(name):
                continue
            case {"name": str(name), "input_schema": {"type": "object"}}:
                raise Wrong(f"tools.{number}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
            case {"name": str()}:
                raise Wrong(f"tools.{number}.custom.input_schema: Field required")
        raise Wrong(f"tools.{number}.custom.name: Field required")
    names = [tool["name"] for tool in tools]
    if len({*names}) < len(names):
        raise Wrong("tools: Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not isinstance(choice, dict) or choice.get("type") not in _CHOICES:
        raise Wrong(f"tool_choice: Input should be one of: {', '.join(_CHOICES)}")
    if not tools:
        raise Wrong("tool_choice: tool_choice may only be specified while providing tools")
    if choice["type"] == "tool" and choice.get("name") not in names:
        raise Wrong(f"tool_choice: Tool '{choice.get('name')}' not found in provided tools")


def _check_messages(body: Json) -> None:
    if not body["messages"]:
        raise Wrong("messages: at least one message is required")
    for number, message in enumerate(body["messages"]):
        _check_message(message, number)
    whole = turns(body["messages"])
    asked: list[str] = []
    for turn in whole:
        _check_answers(turn, asked)
        asked = [block["id"] for _, block in turn.blocks if block["type"] == "tool_use"]
    if asked:
        raise _unanswered(whole[-1].last, asked)
    if whole[-1].role == "assistant" and not _PREFILLED.fullmatch(body["model"]):
        text = "This model does not support assistant message prefill. The conversation must end with a user message."
        raise Wrong(text)


def _check_message(message: object, number: int) -> None:
    if not isinstance(message, dict):
        raise Wrong(f"messages.{number}: Input should be a valid dictionary")
    for name in message:
        if name not in ("role", "content"):
            raise Wrong(f"messages.{number}.{name}: Extra inputs are not permitted")
    if message.get("role") == "system":
        text = 'Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system"'
        raise Wrong(f"messages: {text} as an input message role.")
    if message.get("role") not in _ROLES:
        raise Wrong(f"messages.{number}.role: Input should be 'user' or 'assistant'")
    if not isinstance(message.get("content"), str | list):
        raise Wrong(f"messages.{number}.content: Field required")
    if not message["content"]:
        raise Wrong(f"messages.{number}: {message['role']} messages must have non-empty content")
    for where, block in _blocks(message, number):
        _check_block(block, where, message["role"])


def _check_block(block: object, where: str, role: str) -> None:
    match block:
        case {"type": "text", "text": str(text)}:
            if not text.strip():
                raise Wrong("messages: text content blocks must be non-empty")
        case {"type": "tool_use", "id": str(), "name": str(), "input": dict()}:
            if role != "assistant":
                raise Wrong(f"{where}: `tool_use` blocks can only be in `assistant` messages")
        case {"type": "tool_result", "tool_use_id": str()}:
            if role != "user":
                raise Wrong(f"{where}: `tool_result` blocks can only be in `user` messages")
        case {"type": "text" | "tool_use" | "tool_result" as kind}:
            raise Wrong(f"{where}.{kind}: Field required")
        case {"type": str(kind)} if kind in _BLOCKS:
            pass
        case _:
            raise Wrong(f"{where}: Input tag does not match any of the expected tags: {', '.join(_BLOCKS)}")


def _check_answers(turn: Turn, asked: Sequence[str]) -> None:
    """Refuse a turn that does not answer all tools of the one before, or answers others."""
    answered = []
    for where, block in turn.blocks:
        if block["type"] != "tool_result":
            continue
        name = block["tool_use_id"]
        if name not in asked:
            text = f"unexpected `tool_use_id` found in `tool_result` blocks: {name}. Each `tool_result` block must"
            raise Wrong(f"{where}: {text} have a corresponding `tool_use` block in the previous message.")
        answered.append(name)
    if missing := [name for name in asked if name not in answered]:
        first = int(turn.blocks[0][0].split(".")[1])
        raise _unanswered(first - 1, missing)


def _unanswered(number: int, names: Sequence[str]) -> Wrong:
    text = f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(names)}."
    return Wrong(
        f"messages.{number}: {text} Each `tool_use` block must have a corresponding `tool_result` block in the next"
        " message."
    )
