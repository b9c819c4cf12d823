"""`voicekit chat`: the agent is written to, answers as it thinks, and shows its tools."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.config.files import write
from voicekit.cli.chat import command

LOCAL = """
version: 1
name: desk
greeting: Hello.
asr: deepgram/nova-3
llm:
  provider: rules
  rules:
    - {hear: what time is it, tool: clock, say: "It is {{result.time}}."}
    - {hear: goodbye, tool: leave, say: Goodbye.}
tts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}
tools: {clock: {builtin: current_time}, leave: {builtin: end_call}}
"""
MODEL = """
version: 1
name: desk
prompt: Be brief.
asr: deepgram/nova-3
llm: openai/gpt-4o-mini
tts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}
tools:
  lookup:
    description: Find an order.
    http: GET ${ORDERS_URL}/orders/{{id}}
    parameters: {id: string}
    mock: {status: on its way}
"""
TESTS = """
name: desk
emulate:
  script:
    - {heard: on its way, say: It is on its way.}
    - {heard: order, say: "One moment, please.", calls: [{name: lookup, args: {id: "42"}}]}
scenarios: [{name: none, turns: [{user: hi}]}]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, {"local.yaml": LOCAL, "model.yaml": MODEL, "model.test.yaml": TESTS})
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "DEEPGRAM_API_KEY", "ELEVENLABS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def chat(*arguments: str, written: str) -> Result:
    return CliRunner().invoke(command, [*arguments], input=written, catch_exceptions=False)


def test_it_answers_until_it_hangs_up_with_no_key_for_ears_and_voice() -> None:
    done = chat("local.yaml", written="What time is it?\n\ngoodbye\nnever read\n")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [re.sub(r"\d+:\d\d [AP]M", "NOW", line) for line in lines if not line.startswith('        {"time"')] == [
        "agent   Hello.",
        "tool    clock()",
        "agent   It is NOW.",
        "agent   Goodbye.",
        "tool    leave()",
        '        {"status": "the call ends after your next words"}',
    ]


def test_it_ends_with_the_input() -> None:
    done = chat("local.yaml", written="")
    assert (done.exit_code, done.stdout) == (0, "agent   Hello.\n")


def test_emulated_it_answers_as_the_tests_say_and_its_tools_are_mocked() -> None:
    done = chat("model.yaml", "--emulate", written="Where is my order?\nhm\n")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "agent   One moment, please.",
        'tool    lookup(id="42")',
        '        {"status": "on its way"}',
        "agent   It is on its way.",
        "agent   I have no answer to that.",
    ]


def test_the_key_of_the_model_is_needed() -> None:
    done = chat("model.yaml", written="hi\n")
    assert done.exit_code == 1
    told = [line for line in done.stderr.splitlines() if ": error: " in line]
    assert told == [
        "model.yaml:6:6: error: OpenAI needs OPENAI_API_KEY, which is not set [unset-variable]",
        "model.yaml:11:11: error: ORDERS_URL is not set [unset-variable]",
    ]


REALTIME = """
version: 1
name: desk
prompt: Be brief.
greeting: Hello.
realtime: openai/gpt-realtime
tools:
  lookup: {description: Find an order., http: GET https://example.org/, say: One moment., mock: {status: on its way}}
"""


def test_realtime_is_written_to_and_the_line_of_a_tool_is_no_answer(folder: Path) -> None:
    tests = TESTS.replace('say: "One moment, please.", ', "").replace('{id: "42"}', "{}")
    write(folder, {"live.yaml": REALTIME, "live.test.yaml": tests})
    done = chat("live.yaml", "--emulate", written="Where is my order?\nhm\n")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "agent   Hello.",
        "tool    lookup()",
        "agent   One moment.",
        '        {"status": "on its way"}',
        "agent   It is on its way.",
        "agent   I have no answer to that.",
    ]
