"""Python tool: a function of the user's, what the file gives it besides the model's arguments, and where it runs."""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from voicekit.config.placeholders import fill, names
from voicekit.config.suggestions import suggest
from voicekit.config.tool import Tool
from voicekit.problems import refuse
from voicekit.runtime.filling import filled_texts, scope
from voicekit.runtime.threads import ToolExitedError, in_thread
from voicekit.runtime.work import ToolFailed, Work


def calling(name: str, tool: Tool, function: Callable[..., Any]) -> Work:
    """Return what a tool of the kind `python` does.

    Args:
        name: Of the tool.
        tool: The tool.
        function: What its `python` names.

    Raises:
        Refused: `with` or `thread` does not suit the function.
    """
    if inspect.iscoroutinefunction(function) and "thread" in tool.model_fields_set:
        text = f"'thread' does nothing in tools.{name}: {tool.python} is an async function, which needs no thread"
        raise refuse("unused-key", text, "remove it")
    given = _giving(name, tool, function)

    async def work(arguments: Mapping[str, Any], values: Mapping[str, object]) -> Any:
        return await _run(function, {**arguments, **given(values)}, in_loop=not tool.thread)

    return work


async def _run(function: Callable[..., Any], arguments: Mapping[str, Any], *, in_loop: bool) -> Any:
    if not in_loop and not inspect.iscoroutinefunction(function):
        return await in_thread(lambda: function(**arguments))
    try:
        result = function(**arguments)
        return await result if inspect.isawaitable(result) else result
    except SystemExit as error:
        raise ToolExitedError(error.code) from error


def _giving(
    name: str, tool: Tool, function: Callable[..., Any]
) -> Callable[[Mapping[str, object]], Mapping[str, object]]:
    """Return what gives the arguments of `with`, each text read as its parameter is annotated."""
    readers = _readers(name, tool, function)
    wanted = {key for key, parameter in _parameters(function).items() if parameter.default is inspect.Parameter.empty}
    for parameter, template in tool.with_.items():
        # A variable may be unset while the agent is mocked.
        if not names(template) and "${" not in template and _unreadable(fill(template, {}), readers[parameter]):
            text = f"what 'with' of '{name}' gives as '{parameter}' does not suit its annotation"
            raise refuse("bad-tool", text)

    def give(values: Mapping[str, object]) -> Mapping[str, object]:
        texts = filled_texts(tool.with_, scope(values, (), {}))
        missing = next((key for key in tool.with_ if key in wanted and key not in texts), None)
        if missing:
            raise ToolFailed("it failed", f"the call has no value for '{missing}', which 'with' gives it")
        wrong = next((key for key, text in texts.items() if _unreadable(text, readers[key])), None)
        if wrong:
            raise ToolFailed("it failed", f"what 'with' gives as '{wrong}' does not suit its annotation")
        return {key: readers[key].validate_strings(text) for key, text in texts.items()}

    return give


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _readers(name: str, tool: Tool, function: Callable[..., Any]) -> Mapping[str, TypeAdapter[Any]]:
    parameters, hints = _parameters(function), typing.get_type_hints(function)
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    for parameter in tool.with_:
        if parameter not in parameters and not takes_all:
            text = f"'with' of '{name}' gives '{parameter}', and {tool.python} has no such parameter"
            raise refuse("bad-tool", text, suggest(parameter, parameters))
    return {parameter: TypeAdapter(hints.get(parameter, str)) for parameter in tool.with_}


def _unreadable(text: str, reader: TypeAdapter[Any]) -> bool:
    """Say whether a text is no value of a type. What pydantic says of it might quote it, and it may be a secret."""
    try:
        reader.validate_strings(text)
    except ValidationError:
        return True
    return False
