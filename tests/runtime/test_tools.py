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
from voicekit.runtime.host import Host
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

    import datetime, threading

    def book(seats: int, caller: str, day: datetime.date = datetime.date(2020, 1, 1), **more: str) -> list:
        return [seats, caller, str(day), more]

    async def note(text: str, shop: str = "none") -> str:
        return f"{text} in {shop}"

    def whose() -> bool:
        return threading.current_thread() is threading.main_thread()
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


NONE: Mapping[str, str] = {}


class Desk:
    """One call's tools, called as a model would."""

    def __init__(
        self,
        tmp_path: Path,
        tool: str,
        variables: Mapping[str, str] = NONE,
        *,
        mocked: bool = False,
        refusal: str = "",
        **values: Any,
    ) -> None:
        (tmp_path / "orders.py").write_text(textwrap.dedent(TOOLS), encoding="utf-8")
        path = tmp_path / "agent.yaml"
        path.write_text(FILE.replace("TOOL", tool), encoding="utf-8")
        agent = load(path, variables).agent
        assert agent is not None
        self.events: list[Event] = []
        self.hung_up = 0
        toolbox = Toolbox(agent, tmp_path, Network(), mocked=mocked)
        [self.function] = toolbox.functions(self._hang_up, self.events.append, lambda: values, lambda: refusal)

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


async def test_a_tool_that_is_refused_does_not_run_and_says_why(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "find: {python: orders:find}", refusal="no more of them")
    assert await desk.call(order_id="42") == {"error": "no more of them"}
    assert desk.events == [ToolFinished("find", True, 0)]


async def test_to_end_the_call_is_never_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "leave: {builtin: end_call}", refusal="no more of them")
    assert "error" not in await desk.call()
    assert desk.hung_up == 1


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


async def test_the_log_names_a_parameter_and_nothing_inside_of_it(tmp_path: Path) -> None:
    tool = "t: {python: orders:find, parameters: {order_id: {type: object, additionalProperties: {type: integer}}}}"
    desk = Desk(tmp_path, tool)
    assert await desk.call(order_id={"private-4711": "x"}) == {"error": "'x' is not of type 'integer'"}
    assert desk.trouble() == ["it was called with a wrong argument: order_id"]


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
            "it has blocks, book, double, exits, fails",
        ),
        ("t: {python: orders:nothing}", "the module 'orders' has no function 'nothing'", None),
        (
            "t: {python: orders:find, with: {express: true, ordr_id: x}}",
            "'with' of 't' gives 'ordr_id', and orders:find has no such parameter",
            "did you mean 'order_id'?",
        ),
        (
            "t: {python: orders:book, with: {seats: SECRET}}",
            "what 'with' of 't' gives as 'seats' does not suit its annotation",
            "",
        ),
        (
            "t: {python: orders:hangs, thread: false}",
            "'thread' does nothing in tools.t: orders:hangs is an async function, which needs no thread",
            "remove it",
        ),
        (
            't: {python: orders:find, mock: {id: "{{order_id}}", at: "{{time}}", n: ["{{oder_id}}"]}}',
            "the mock of 't' names 'oder_id', which is no parameter of it",
            "did you mean 'order_id'?",
        ),
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
    assert (problem.code, problem.text) == ("unused-key" if "'thread'" in text else "bad-tool", text)
    assert hint is None or problem.help == hint


async def test_a_module_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0", encoding="utf-8")
    with pytest.raises(Refused, match="the module 'broken' cannot be imported: ZeroDivisionError: division by zero"):
        Desk(tmp_path, "t: {python: broken:find}")


CALL: Mapping[str, Any] = {"caller": {"number": "+4930", "name": ""}, "today": "2026-11-25", "time": "12:05"}


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ('{caller: "{{caller.number}}"}', [2, "+4930", "2020-01-01", {}]),
        ('{caller: "a {{caller.name:-friend}}", day: "{{today}}"}', [2, "a friend", "2026-11-25", {}]),
        ('{caller: x, day: "{{caller.name}}", shop: "${SHOP:-}{{time}}"}', [2, "x", "2020-01-01", {"shop": "12:05"}]),
        ("{caller: \\{{x}}", [2, "{{x}}", "2020-01-01", {}]),
    ],
)
async def test_a_file_gives_arguments_that_the_model_does_not_see(given: str, result: Any, tmp_path: Path) -> None:
    given = given.replace("\\{{x}}", "'\\{{x}}'}")
    desk = Desk(tmp_path, f"t: {{python: orders:book, with: {given}}}", **CALL)
    assert "caller" not in properties(desk.function)
    assert desk.function.required == ["seats"]
    assert await desk.call(seats=2) == result
    assert desk.trouble() == []


async def test_the_model_cannot_set_what_the_file_gives(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "t: {python: orders:note, with: {shop: north}}")
    assert properties(desk.function) == {"text": {"type": "string"}}
    assert await desk.call(text="hello") == "hello in north"
    assert await desk.call(text="hello", shop="south") == {
        "error": "Additional properties are not allowed ('shop' was unexpected)"
    }
    # Nor by the parameters that a file writes out.
    desk = Desk(tmp_path, "t: {python: orders:note, with: {shop: north}, parameters: {text: string, shop: string}}")
    assert (list(properties(desk.function)), desk.function.required) == (["text"], ["text"])
    assert await desk.call(text="hello") == "hello in north"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("{caller: '{{caller.name}}'}", "the call has no value for 'caller', which 'with' gives it"),
        (
            "{caller: x, day: '{{caller.number}}'}",
            "what 'with' gives as 'day' does not suit its annotation",
        ),
    ],
)
async def test_a_value_of_the_call_that_does_not_fit_is_told(given: str, reason: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, f"t: {{python: orders:book, with: {given}}}", **CALL)
    assert await desk.call(seats=2) == {"error": "it failed"}
    assert desk.trouble() == [reason]


async def test_a_plain_function_runs_in_a_thread_unless_the_file_says_no(tmp_path: Path) -> None:
    assert await Desk(tmp_path, "t: {python: orders:whose}").call() == {"result": False}
    assert await Desk(tmp_path, "t: {python: orders:whose, thread: false}").call() is True
    desk = Desk(tmp_path, "t: {python: orders:exits, thread: false}")
    assert await desk.call() == {"error": "it failed"}
    assert desk.trouble() == [EXITED]


@pytest.mark.parametrize(
    ("tool", "arguments", "result"),
    [
        ("{python: orders:fails, mock: {status: sent, at: '{{time}}'}}", {"order_id": "4"},
         {"status": "sent", "at": "12:05"}),
        ("{python: orders:fails, mock: 'Order {{order_id}}'}", {"order_id": "4"}, "Order 4"),
        ("{python: orders:double, mock: ['{{number}}', 012, 3.10, no, true, null, '5', 1e3, '{{var.none}}']}",
         {"number": 4}, [4, 12, 3.1, "no", True, None, "5", 1000.0]),
        ("{python: orders:double, mock: '{{var.none}}'}", {"number": 4}, None),
        ("{python: orders:double, mock: 0}", {"number": 4}, 0),
        ("{python: orders:double, mock: false}", {"number": 4}, False),
        ("{python: orders:double, mock: {}}", {"number": 4}, {}),
        ("{python: orders:double, mock: 1}", {"number": "four"}, {"error": "'four' is not of type 'integer'"}),
        ("{python: orders:note, with: {shop: x}, mock: '{{text}} {{caller.number}}'}", {"text": "{{time}}"},
         "{{time}} +4930"),
        ("{builtin: current_time, mock: {time: noon}}", {}, {"time": "noon"}),
        ("{http: GET https://example.org, description: d, parameters: {id: string}, result: $.a, mock: {id: '{{id}}'}}",
         {"id": "4"}, {"id": "4"}),
        ("{http: 'GET ${UNSET}/a', description: d, headers: {X-Key: '${ALSO}'}, mock: [1]}", {}, [1]),
        ("{python: orders:double}", {"number": 4}, 8),
    ],
)  # fmt: skip
async def test_a_mock_answers_while_the_agent_is_mocked(
    tool: str, arguments: dict[str, Any], result: Any, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, f"t: {tool}", mocked=True, **CALL)
    # What is false would be no result to Pipecat.
    assert await desk.call(**arguments) == (result or {"result": result})


async def test_a_mock_is_cut_like_a_result_and_hangs_nobody_up(tmp_path: Path) -> None:
    desk = Desk(tmp_path, f"t: {{builtin: end_call, mock: {'x' * 300}, max_result_bytes: 256}}", mocked=True)
    assert await desk.call() == {"note": "only the first 256 bytes are here", "result": "x" * 256}
    assert desk.hung_up == 0


async def test_a_mock_does_nothing_in_a_real_call(tmp_path: Path) -> None:
    assert await Desk(tmp_path, "t: {python: orders:double, mock: 1}").call(number=4) == 8


@pytest.mark.parametrize(
    ("tool", "unset"),
    [
        ("{http: 'GET ${DESK_URL}/a', description: d}", "DESK_URL"),
        ("{http: '${ALL}', description: d}", "a variable of its address"),
        ("{http: 'GET https://example.org', description: d, headers: {X-Key: '${DESK_KEY:?ask Ann}'}}", "DESK_KEY"),
        ("{http: 'POST https://example.org', description: d, body: {a: [{b: 'x ${DESK_KEY}'}]}}", "DESK_KEY"),
        ("{python: orders:note, with: {shop: '${SHOP}'}}", "SHOP"),
        ("{python: orders:double, with: {number: '${NUMBER}'}}", "NUMBER"),
    ],
)
async def test_without_a_mock_and_without_its_variables_a_tool_fails(tool: str, unset: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, f"t: {tool}", mocked=True)
    arguments = {"text": "x"} if "note" in tool else {}
    assert await desk.call(**arguments) == {"error": "it cannot be reached"}
    assert desk.trouble() == [f"{unset} is not set; set it, or give the tool a mock"]


@pytest.mark.parametrize(("mocked", "result"), [(True, 1), (False, 8)])
async def test_a_host_is_mocked_as_a_whole(mocked: bool, result: int, tmp_path: Path) -> None:
    desk = Desk(tmp_path, "t: {python: orders:double, mock: 1}")
    text = (tmp_path / "agent.yaml").read_text(encoding="utf-8").replace("pocketsphinx", "deepgram")
    text = text.replace("tts: auto", "tts: {provider: elevenlabs, voice: v}")
    agent = load(tmp_path / "agent.yaml", {}, data=text.encode()).agent
    assert agent is not None
    host = Host(agent, tmp_path, mocked=mocked)
    [desk.function] = host._toolbox.functions(lambda: None, desk.events.append)
    assert await desk.call(number=4) == result


async def test_what_is_set_is_used_though_the_agent_is_mocked(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "t: {python: orders:note, with: {shop: '${SHOP}'}}", {"SHOP": "north"}, mocked=True)
    assert await desk.call(text="hello") == "hello in north"
