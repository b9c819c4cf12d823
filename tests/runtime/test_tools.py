"""Tools always answer: with their result, or with an error the model can speak of."""

import asyncio
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema

from voicekit.config.loader import load
from voicekit.problems import Refused
from voicekit.records.events import Event, ToolFinished, Trouble
from voicekit.runtime.network import Network
from voicekit.runtime.tools import Toolbox

TOOLS = '''
    """The order desk."""
    import asyncio, time

    def find(order_id: str, express: bool = False) -> dict:
        """Find an order.

        Args:
            order_id: The number.
        """
        return {"order_id": order_id, "express": express}

    async def double(number: int) -> int:
        return 2 * number

    def fails(order_id: str) -> str:
        raise RuntimeError("the desk is closed")

    async def hangs() -> str:
        await asyncio.sleep(60)

    def blocks() -> str:
        time.sleep(60)

    def exits() -> str:
        raise SystemExit(4)

    async def leaves() -> str:
        raise SystemExit(4)

    def impatient() -> str:
        raise TimeoutError

    nothing = 3
'''

FILE = """
version: 1
name: tools
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}
tts: auto
tools:
  TOOL
"""


EXITED = "it tried to end the process, with 4"


class Desk:
    """One call's tools, called as a model would."""

    def __init__(self, tmp_path: Path, tool: str) -> None:
        (tmp_path / "orders.py").write_text(textwrap.dedent(TOOLS), encoding="utf-8")
        path = tmp_path / "agent.yaml"
        path.write_text(FILE.replace("TOOL", tool), encoding="utf-8")
        agent = load(path, {}).agent
        assert agent is not None
        self.events: list[Event] = []
        self.hung_up = 0
        [self.function] = Toolbox(agent, tmp_path, Network()).functions(self._hang_up, self.events.append)

    def _hang_up(self) -> None:
        self.hung_up += 1

    async def call(self, **arguments: Any) -> Any:
        results: list[Any] = []

        async def answer(result: Any, **_: Any) -> None:
            results.append(result)

        handler: Any = self.function.handler
        await handler(SimpleNamespace(arguments=arguments, result_callback=answer))
        [result] = results
        return result

    def trouble(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Trouble)]


def properties(function: FunctionSchema) -> Mapping[str, Any]:
    return function.properties


async def test_a_function_is_described_by_its_signature(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "find: {python: orders:find}")
    assert desk.function.description == "Find an order."
    assert desk.function.required == ["order_id"]
    assert desk.function.properties == {
        "order_id": {"type": "string", "description": "The number."},
        "express": {"type": "boolean"},
    }
    assert await desk.call(order_id="42") == {"order_id": "42", "express": False}
    [finished] = desk.events
    assert isinstance(finished, ToolFinished)
    assert (finished.name, finished.failed) == ("find", False)


async def test_the_file_overrides_what_a_function_says(tmp_path: Path) -> None:
    tool = (
        "find: {python: orders:find, description: Look it up., parameters: "
        '{order_id: {type: string, pattern: "^[0-9]+$"}, express: {type: boolean, optional: true}}}'
    )
    desk = Desk(tmp_path, tool)
    assert desk.function.description == "Look it up."
    assert desk.function.required == ["order_id"]
    assert desk.function.properties["order_id"] == {"type": "string", "pattern": "^[0-9]+$"}


@pytest.mark.parametrize(
    ("tool", "arguments", "result", "trouble"),
    [
        ("t: {python: orders:double}", {"number": 3}, 6, []),
        (
            "t: {python: orders:double}",
            {"number": "many"},
            {"error": "'many' is not of type 'integer'"},
            ["it was called with a wrong argument: number"],
        ),
        (
            "t: {python: orders:double}",
            {},
            {"error": "'number' is a required property"},
            ["it was called with a wrong argument: "],
        ),
        (
            "t: {python: orders:fails}",
            {"order_id": "1"},
            {"error": "it failed"},
            ["it raised RuntimeError in orders.py, line 17"],
        ),
        (
            "t: {python: orders:hangs, timeout_secs: 0.5}",
            {},
            {"error": "it took too long"},
            ["it did not answer within 0.5 s"],
        ),
        (
            "t: {python: orders:blocks, timeout_secs: 0.5}",
            {},
            {"error": "it took too long"},
            ["it did not answer within 0.5 s"],
        ),
        ("t: {python: orders:exits}", {}, {"error": "it failed"}, [EXITED]),
        ("t: {python: orders:leaves}", {}, {"error": "it failed"}, [EXITED]),
        ("t: {python: orders:impatient}", {}, {"error": "it failed"}, ["it raised TimeoutError in orders.py, line 32"]),
    ],
)
async def test_a_tool_always_answers(
    tool: str, arguments: dict[str, Any], result: Any, trouble: list[str], tmp_path: Path
) -> None:
    desk = Desk(tmp_path, tool)
    async with asyncio.timeout(10):
        assert await desk.call(**arguments) == result
    assert desk.trouble() == trouble


async def test_a_long_result_is_cut(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "find: {python: orders:find, max_result_bytes: 256}")
    assert await desk.call(order_id="1") == {"order_id": "1", "express": False}
    cut = await desk.call(order_id="ü" * 300)
    assert cut == {
        "note": "only the first 256 bytes are here",
        "result": '{"order_id": "' + "ü" * 121,
    }
    assert desk.trouble() == []


async def test_a_default_of_the_file_is_given(tmp_path: Path) -> None:
    tool = "t: {python: orders:double, parameters: {number: {type: integer, default: 4}}}"
    assert await Desk(tmp_path, tool).call() == 8


async def test_the_built_in_tools(tmp_path: Path) -> None:
    clock = await Desk(tmp_path, "current_time: builtin").call()
    assert set(clock) == {"time", "date", "iso"}
    assert clock["time"].endswith(("AM", "PM"))
    desk = Desk(tmp_path, "leave: {builtin: end_call}")
    assert await desk.call() == {"status": "the call ends after your next words"}
    assert desk.hung_up == 1


@pytest.mark.parametrize(
    ("tool", "text", "hint"),
    [
        (
            "t: {python: nowhere:find}",
            "no module 'nowhere' beside the file, and none is installed",
            "write nowhere.py with a function find",
        ),
        (
            "t: {python: orders:fnd}",
            "the module 'orders' has no function 'fnd'",
            "it has blocks, double, exits, fails, find",
        ),
        ("t: {python: orders:nothing}", "the module 'orders' has no function 'nothing'", None),
        (
            "t: {python: orders:find, parameters: {order_id: {type: string, minLength: -1}}}",
            "the parameters of 't' are no JSON Schema: -1 is less than the minimum of 0",
            None,
        ),
    ],
)
async def test_what_cannot_be_used_is_told_at_the_start(tool: str, text: str, hint: str | None, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        Desk(tmp_path, tool)
    [problem] = refused.value.problems
    assert (problem.code, problem.text) == ("bad-tool", text)
    assert hint is None or problem.help == hint


async def test_a_module_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0", encoding="utf-8")
    with pytest.raises(Refused, match="the module 'broken' cannot be imported: ZeroDivisionError: division by zero"):
        Desk(tmp_path, "t: {python: broken:find}")
