"""Conversation: the messages of a Pipecat context as the events that the rules answer.

How a tool's result is written down is Pipecat's: `llm_response_universal.LLMAssistantAggregator`,
`async_tool_messages` for calls that an interruption does not cancel, and two templates of `LLMService` for a
tool that raised or is not there.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pipecat.processors.aggregators import async_tool_messages
from pipecat.processors.aggregators.llm_context import LLMContextMessage, LLMSpecificMessage
from pipecat.services.llm_service import LLMService

from voicekit.services.dialogue import Called, Event, Heard, Prompted, Said, Told

_RUNNING: Final = "IN_PROGRESS"
_WITHOUT_RESULT: Final = "COMPLETED"
_CANCELLED: Final = "CANCELLED"
_CANCELLED_LATER: Final = "CANCELLED: "
_FAILURES: Final = (
    LLMService.FUNCTION_CALL_ERROR_MESSAGE_TEMPLATE,
    LLMService.MISSING_FUNCTION_CALL_MESSAGE_TEMPLATE,
)


def events(messages: Iterable[LLMContextMessage]) -> Iterator[Event]:
    """Yield the events of a conversation. System messages and those meant for one provider are none."""
    tools: dict[str, str] = {}
    for message in messages:
        if isinstance(message, LLMSpecificMessage):
            continue
        fields: Mapping[str, Any] = message
        role = fields.get("role")
        if role == "user":
            yield from _heard(fields.get("content"))
        elif role == "assistant":
            for call in fields.get("tool_calls") or ():
                tools[call["id"]] = call["function"]["name"]
                yield Called(call["id"], call["function"]["name"])
            if fields.get("content"):
                yield Said()
        elif role in {"tool", "developer"}:
            yield from _told(fields, tools)


def _heard(content: Any) -> Iterator[Heard]:
    if isinstance(content, str):
        yield Heard(content)
    elif isinstance(content, list):
        texts = [part["text"] for part in content if part.get("type") == "text"]
        if texts:
            yield Heard(" ".join(texts))


def _told(message: Mapping[str, Any], tools: Mapping[str, str]) -> Iterator[Event]:
    # The parameter is a union of OpenAI's TypedDicts; only reading is done.
    later = async_tool_messages.parse_message(message)  # type: ignore[arg-type]
    if later is not None:
        if later.kind == "final":
            yield _result(later.tool_call_id, later.result or _WITHOUT_RESULT, tools)
    elif message["role"] == "developer":
        yield Prompted()
    elif message["content"] != _RUNNING:
        yield _result(message["tool_call_id"], message["content"], tools)


def _result(call: str, content: str, tools: Mapping[str, str]) -> Told:
    """Read what was written down of a result. A text stands in quotes, unlike Pipecat's own words."""
    if content == _CANCELLED or content.startswith(_CANCELLED_LATER):
        return Told(call, None, failed=True)
    if content == _WITHOUT_RESULT:
        return Told(call, None)
    try:
        result = json.loads(content)
    except json.JSONDecodeError:
        result = content
    return Told(call, result, failed=result in _failures(tools.get(call, "")))


def _failures(tool: str) -> list[str]:
    return [template.format(function_name=tool) for template in _FAILURES]
