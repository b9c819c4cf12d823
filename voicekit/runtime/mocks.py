"""Mocks: what tools answer while an agent is mocked."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from voicekit.config.call_values import is_call_value
from voicekit.config.placeholders import names
from voicekit.config.request import texts
from voicekit.config.suggestions import suggest
from voicekit.config.templates import request_texts
from voicekit.config.tool import Tool
from voicekit.problems import refuse
from voicekit.runtime.filling import DROPPED, filled_value, scope
from voicekit.runtime.work import ToolFailed, Work

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_]\w*)[^}]*\}")


def mocked_work(tool: Tool, parameters: Iterable[str]) -> Work | None:
    """Return what a tool does while its agent is mocked, or None where it does what it always does.

    Args:
        tool: The tool.
        parameters: The names of its arguments.
    """
    if tool.mock is not None:
        return _answering(tool.mock, tuple(parameters))
    return _failing(unset) if (unset := _unset(tool)) else None


def check_mock(name: str, tool: Tool, parameters: Iterable[str]) -> None:
    """Check the names in a mock against parameters that only a Python function has told.

    Raises:
        Refused: One of them is none.
    """
    known = tuple(parameters)
    for placeholder in (each for _, text in texts(tool.mock) for each in names(text)):
        if placeholder.root not in known and not is_call_value(placeholder.name):
            text = f"the mock of '{name}' names '{placeholder.name}', which is no parameter of it"
            raise refuse("bad-tool", text, suggest(placeholder.root, known))


def _answering(mock: Any, parameters: tuple[str, ...]) -> Work:
    async def work(arguments: Mapping[str, Any], values: Mapping[str, object]) -> Any:
        answer = filled_value(mock, scope(values, parameters, arguments))
        return None if answer is DROPPED else answer

    return work


def _failing(unset: str) -> Work:
    async def work(*_: Mapping[str, object]) -> Any:
        raise ToolFailed("it cannot be reached", f"{unset} is not set; set it, or give the tool a mock")

    return work


def _unset(tool: Tool) -> str:
    """Return what is not set of that which a tool needs, or an empty text. A file that is run lacks nothing."""
    for text in (*(text for _, text in request_texts(tool)), *tool.with_.values()):
        if match := _VARIABLE.search(text):
            return match[1]
    return "a variable of its address" if tool.http and not tool.http.base else ""
