"""Tools: what a file's agent can do, as Pipecat functions that always answer.

A tool that raises, hangs or is called wrongly answers `{"error": "…"}`; the model, or a rule's `failed` line,
tells the caller. The reason goes to the listener and not to the model.
"""

import asyncio
import copy
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import jsonschema
from pipecat.adapters.llm.schemas.direct_function import tool_options
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.services.llm_service import FunctionCallParams

from voicekit.config.agent import Agent
from voicekit.config.placeholders import as_text
from voicekit.config.tool import Tool
from voicekit.problems import refuse
from voicekit.records.events import Listener, ToolFinished, Trouble
from voicekit.records.facts import Facts
from voicekit.runtime.functions import describe, find
from voicekit.runtime.http_tool import sending
from voicekit.runtime.mocks import check_mock, mocked_work
from voicekit.runtime.network import Network
from voicekit.runtime.python_tool import calling
from voicekit.runtime.remember import PARAMETERS, noting
from voicekit.runtime.threads import ToolExitedError
from voicekit.runtime.tool_lines import ToolLines
from voicekit.runtime.work import ToolFailed, Work
from voicekit.services.llm_rules import Values

_BUILTIN_TEXTS: Final = {
    "current_time": "Tell the current time and date.",
    "end_call": "End the call, after a goodbye. Only when the caller wants to finish.",
    "remember": "Note a fact about the caller for later calls, such as a name, a wish or how a matter stands. Never "
    "numbers of cards or documents, passwords or codes, and nothing the caller does not want kept.",
}


class Toolbox:
    """The tools of one agent, found and described once; each call takes its own functions from it.

    Args:
        agent: The file.
        folder: Its folder, where Python modules are looked for first.
        network: What requests go through.
        mocked: Whether tools answer with their `mock`, where they have one.
        facts: Where notes are kept.

    Raises:
        Refused: A function cannot be imported, its parameters are no JSON Schema, or the file gives it what it does
            not take.
    """

    def __init__(
        self, agent: Agent, folder: Path, network: Network, *, mocked: bool = False, facts: Facts | None = None
    ) -> None:
        self._found = {name: _described(name, tool, folder, network, facts) for name, tool in agent.tools.items()}
        self._tools = agent.tools
        if mocked:
            for name, (text, schema, work) in self._found.items():
                self._found[name] = text, schema, mocked_work(agent.tools[name], schema["properties"]) or work

    def functions(
        self,
        hang_up: Callable[[], None],
        listener: Listener,
        values: Values = dict,
        admit: Callable[[], str] | None = None,
    ) -> list[FunctionSchema]:
        """Return the tools for one call.

        Args:
            hang_up: Ends the call once the answer under way has been said.
            listener: Told of each call of a tool.
            values: Gives what templates may name of the call.
            admit: Returns why a tool may not be called now, or nothing. To end the call is never refused.
        """
        return [self._function(name, hang_up, listener, values, admit or _always) for name in self._found]

    def _function(
        self,
        name: str,
        hang_up: Callable[[], None],
        listener: Listener,
        values: Values,
        admit: Callable[[], str],
    ) -> FunctionSchema:
        text, schema, work = self._found[name]
        tool = self._tools[name]
        if tool.builtin == "end_call":
            admit = _always
        return FunctionSchema(
            name=name,
            description=text,
            properties=schema.get("properties", {}),
            required=schema.get("required", []),
            handler=_handler(
                name,
                tool,
                schema,
                work or _builtin(tool.builtin, hang_up),
                listener=listener,
                values=values,
                admit=admit,
            ),
        )


def _always() -> str:
    return ""


def _described(
    name: str, tool: Tool, folder: Path, network: Network, facts: Facts | None
) -> tuple[str, dict[str, Any], Work | None]:
    text, schema, work = _BUILTIN_TEXTS.get(tool.builtin or "", ""), _object({}), None
    if tool.python:
        function = find(tool.python, folder)
        text, schema = describe(function)
        work = calling(name, tool, function)
    if tool.builtin == "remember" and facts:
        schema, work = _object(PARAMETERS), noting(facts)
    if tool.http:
        work = sending(tool, tool.http, network)
    if tool.parameters is not None:
        schema = _object(tool.parameters)
    schema = _without(schema, tool.with_)
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise refuse("bad-tool", f"the parameters of '{name}' are no JSON Schema: {error.message}") from error
    check_mock(name, tool, schema["properties"])
    return tool.description or text, schema, work


def _object(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of named parameters: required unless `optional: true` or with a default."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, written in parameters.items():
        own = {"type": written} if isinstance(written, str) else dict(written)
        if not own.pop("optional", False) and "default" not in own:
            required.append(name)
        properties[name] = own
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _without(schema: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON Schema of parameters without those that the file gives."""
    properties = {name: own for name, own in schema["properties"].items() if name not in given}
    return schema | {"properties": properties, "required": [name for name in schema["required"] if name in properties]}


def _builtin(name: str | None, hang_up: Callable[[], None]) -> Work:
    async def current_time(*_: Mapping[str, object]) -> dict[str, str]:
        now = datetime.now().astimezone()
        hour = now.strftime("%I").lstrip("0")
        return {
            "time": f"{hour}:{now:%M %p}",
            "date": f"{now:%A}, {now.day} {now:%B} {now.year}",
            "iso": now.isoformat(timespec="seconds"),
        }

    async def end_call(*_: Mapping[str, object]) -> dict[str, str]:
        hang_up()
        return {"status": "the call ends after your next words"}

    works: Mapping[str | None, Work] = {"current_time": current_time, "end_call": end_call}
    return works[name]


def _handler(
    name: str,
    tool: Tool,
    schema: Mapping[str, Any],
    work: Work,
    *,
    listener: Listener,
    values: Values,
    admit: Callable[[], str],
) -> Callable[[FunctionCallParams], Awaitable[None]]:
    lines = ToolLines(tool)

    async def handle(params: FunctionCallParams) -> None:
        if refusal := admit():
            listener(ToolFinished(name, True, 0))
            await params.result_callback({"error": refusal})
            return
        async with lines.running(params):
            began = time.monotonic()
            result, reason = await _answer(tool, schema, work, params.arguments, values)
            ms = round((time.monotonic() - began) * 1000)
        if reason:
            listener(Trouble(f"tool {name}", reason))
        listener(ToolFinished(name, bool(reason), ms))
        await lines.ended(params, failed=bool(reason))
        # Pipecat takes what is false for no result, and does not ask the model again.
        await params.result_callback(result or {"result": result})

    return tool_options(handle, cancel_on_interruption=tool.cancel_on_interruption)  # type: ignore[no-any-return] # Pipecat does not annotate it


async def _answer(
    tool: Tool, schema: Mapping[str, Any], work: Work, arguments: Mapping[str, Any], values: Values
) -> tuple[Any, str]:
    """Return a tool's result, and the reason when it failed."""
    arguments = _defaults(schema) | dict(arguments)
    wrong = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(arguments)), None)
    if wrong is not None:
        # The message names the value, which belongs to the caller: the model may have it, a log may not. The names of
        # parameters are the file's, and those inside of one may be the caller's again.
        return {"error": wrong.message}, f"it was called with a wrong argument: {next(iter(wrong.path), '')}"
    try:
        async with asyncio.timeout(tool.timeout_secs) as limit:
            return _fitted(await work(arguments, values()), tool.max_result_bytes), ""
    except ToolFailed as failed:
        return {"error": failed.said}, failed.reason
    except ToolExitedError as error:
        return {"error": "it failed"}, str(error)
    except Exception as error:  # noqa: BLE001 - a tool is the user's code, which may raise anything
        if isinstance(error, TimeoutError) and limit.expired():
            return {"error": "it took too long"}, f"it did not answer within {tool.timeout_secs:g} s"
        return {"error": "it failed"}, f"it raised {_where(error)}"


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    return {name: copy.deepcopy(own["default"]) for name, own in properties.items() if "default" in own}


def _fitted(result: Any, most: int) -> Any:
    """Return a result that is at most so many bytes long, as text or JSON; one that was cut says so."""
    data = as_text(result).encode(errors="replace")
    if len(data) <= most:
        return result
    return {"note": f"only the first {most} bytes are here", "result": data[:most].decode(errors="ignore")}


def _where(error: Exception) -> str:
    """Return an exception's type and place. Its text stays out: it may quote the caller."""
    frames = traceback.extract_tb(error.__traceback__)
    name = type(error).__name__
    return f"{name} in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else name
