"""`voicekit test`: scenarios are held with their agent, and what fails is told with its line and what happened."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.config.files import write
from voicekit.cli.test import command
from voicekit.problems import Refused

AGENT = """
version: 1
name: desk
greeting: Hello.
asr: pocketsphinx
llm:
  provider: rules
  rules:
    - {hear: what time is it, tool: clock, say: "It is {{result.time}}."}
    - {hear: goodbye, tool: leave, say: Goodbye.}
tts: auto
tools: {clock: {builtin: current_time}, leave: {builtin: end_call}}
"""
RIGHT = """
name: desk
scenarios:
  - name: the time
    turns:
      - expect: [{event: response, text_contains: Hello.}]
      - user: What time is it?
        expect:
          - {event: function_call, name: clock}
          - {event: response, text_contains: It is}
  - name: the end
    turns:
      - expect: [{event: response, text_contains: Hello.}]
      - user: goodbye
        expect:
          - {event: response, text_contains: Goodbye.}
          - {event: bot_ended}
"""
WRONG = """
name: desk
scenarios:
  - name: the price
    turns:
      - expect: [{event: response, text_contains: Hello.}]
      - user: What is the price?
        expect:
          - {event: function_call, name: price, within_ms: 300}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, {"desk.yaml": AGENT, "desk.test.yaml": RIGHT})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments], catch_exceptions=False)


def test_what_passes_is_a_line_each(folder: Path) -> None:
    done = run("desk.yaml")
    assert done.exit_code == 0, done.output
    *lines, closing = done.stdout.splitlines()
    assert sorted(re.sub(r" +\d+\.\d s", "", line) for line in lines) == [
        "passed  desk.test.yaml: the end",
        "passed  desk.test.yaml: the time",
    ]
    assert re.fullmatch(r"2 passed in \d+\.\d s", closing)
    assert not list(folder.glob("*.wav"))


def test_what_fails_is_told_with_its_line_and_what_happened(folder: Path) -> None:
    write(folder, {"desk.test.yaml": RIGHT + WRONG.split("scenarios:\n")[1]})
    done = run("desk.test.yaml", "-k", "price", "--junit-xml", "out.xml")
    assert done.exit_code == 1
    first, *rest = done.stdout.splitlines()
    assert re.fullmatch(r"FAILED +\d+\.\d s  desk.test.yaml: the price", first)
    assert rest[:4] == [
        "desk.test.yaml:23:21: error: function call 'price' not seen (matched: none) [missing-function-call]",
        "    |",
        " 23 |           - {event: function_call, name: price, within_ms: 300}",
        "    |                     ^^^^^^^^^^^^^",
    ]
    happened = [re.sub(r"^ +\d+\.\d\d  ", "", line) for line in rest[4:-1]]
    assert happened[:3] == ["the line is open", "agent   Hello.", "says    What is the price?"]
    assert happened[3].startswith("agent   ")
    assert re.fullmatch(r"0 passed, 1 failed in \d+\.\d s", rest[-1])
    (suite,) = ET.parse(folder / "out.xml").getroot()  # noqa: S314 - our own
    (case,) = suite
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert (case.get("classname"), case.get("name")) == ("desk.test.yaml", "the price")
    assert float(case.get("time", "")) > 0
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "function call 'price' not seen (matched: none)"
    assert "says    What is the price?" in (failure.text or "")


def test_json_tells_of_every_scenario() -> None:
    done = run("--format", "json")
    told = json.loads(done.stdout)
    assert [(each["file"], each["scenario"], each["passed"], each["failures"]) for each in told] == [
        ("desk.test.yaml", "the time", True, []),
        ("desk.test.yaml", "the end", True, []),
    ]
    opened, *greeted, left = [moment["text"] for moment in told[1]["timeline"]][:4]
    assert opened == "the line is open"
    assert re.fullmatch(r"tool    leave answered in \d+ ms", left)
    # That the greeting is over, the two sides learn at the same moment.
    assert sorted(greeted) == ["agent   Hello.", "says    goodbye"]


def test_a_wrong_file_ends_it_before_anything_is_held(folder: Path) -> None:
    write(
        folder,
        {
            "desk.test.yaml": RIGHT.replace(
                "expect:\n          - {event: function", "expects:\n          - {event: function"
            )
        },
    )
    done = run()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "error: no key 'expects' in scenarios.turns [unknown-key]" in done.stderr
    write(folder, {"desk.test.yaml": RIGHT, "desk.yaml": AGENT.replace("asr:", "asx:")})
    done = run()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "desk.yaml:5:1: error: no key 'asx' [unknown-key]" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["other.yaml"], "there are no tests beside 'other.yaml'"),
        (["nobody.yaml"], "there is no file 'nobody.yaml'"),
        (["-k", "nothing"], "no scenario has 'nothing' in its name"),
        (["empty"], "there is no *.yaml or *.yml file in 'empty'"),
        (["bare"], "there is no *.test.yaml beside an agent here"),
    ],
)
def test_nothing_to_hold_is_said(arguments: list[str], told: str, folder: Path) -> None:
    write(folder, {"other.yaml": AGENT, "bare/desk.yaml": AGENT})
    (folder / "empty").mkdir()
    with pytest.raises(Refused) as refused:
        run(*arguments)
    assert [problem.text for problem in refused.value.problems] == [told]


def test_a_provider_without_an_emulator_fails_its_scenarios(folder: Path) -> None:
    write(folder, {"desk.yaml": AGENT.partition("llm:")[0] + "prompt: Be kind.\nllm: groq/llama\ntts: auto\n"})
    done = run("-k", "the end")
    assert done.exit_code == 1
    assert "desk.yaml:7:6: error: no emulator stands in for llm 'groq' [no-emulator]\n" in done.stdout
    assert " 7 | llm: groq/llama\n" in done.stdout


def test_a_scenario_says_who_calls_and_what_the_call_brings(folder: Path) -> None:
    agent = AGENT.replace("greeting: Hello.", 'greeting: "{{var.name}}, you call from {{caller.number}}."')
    tests = """
name: desk
emulate: {caller: "+15550100", vars: {name: Ann}}
scenarios:
  - {name: told, turns: [{expect: [{event: response, text_contains: "Ann, you call from +15550100."}]}]}
  - {name: not told, emulate: {}, turns: [{expect: [{event: response, within_ms: 500}]}]}
"""
    write(folder, {"desk.yaml": agent, "desk.test.yaml": tests})
    done = run("-k", "told")
    assert done.exit_code == 1
    assert re.search(r"^passed .* desk.test.yaml: told$", done.stdout, re.MULTILINE)
    assert re.search(r"^FAILED .* desk.test.yaml: not told$", done.stdout, re.MULTILINE)
    assert "trouble: call: the call brings no value for 'name', which the file names as {{var.name}}" in done.stdout
