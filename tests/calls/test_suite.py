"""Files of tests: what is read of them, and what is said of a wrong one."""

from pathlib import Path

import pytest
import yaml
from pipecat.evals.scenario import EvalScenarioFile, EvalScriptScenario

from voicekit.calls import beside
from voicekit.calls.emulate import Fault
from voicekit.calls.evals import as_pipecat
from voicekit.calls.suite import Pause, Suite, read_suite
from voicekit.report import render

ROOT = Path(__file__).parent.parent.parent

GOOD = """
name: desk
x-words: &words {text_contains: on its way}
emulate:
  script:
    - {heard: '"status"', say: It is on its way.}
    - {heard: order, calls: [{name: lookup, args: {id: "0042"}}, end_call]}
  latency_ms: {openai: 300}
  faults: {openai: [ok, {refuse: 429, retry_after_secs: 0}, {drop: 3}, {slow_ms: 900}]}
  tools: {lookup: {status: lost}}
scenarios:
  - name: typed
    turns:
      - expect: [{event: llm_started, absent: true, within_ms: 100}]
      - user: Where is my order?
        send_after: {event: llm_started, delay_ms: 20}
        expect:
          - {event: function_call, name: lookup, args: {id: "0042"}}
          - {event: response, within_ms: 2000, <<: *words}
  - name: spoken
    user: {modality: audio}
    judge: {modality: audio}
    emulate: {}
    turns:
      - user: [Where is, {pause_ms: 400}, my order?]
        expect: [{event: tts_response, text_contains: no}]
"""


def suite(folder: Path, text: str) -> Suite:
    path = folder / "desk.test.yaml"
    path.write_text(text, encoding="utf-8")
    return read_suite(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    read = suite(tmp_path, GOOD)
    assert render(read.problems, read.sources) == ""
    assert read.agent == tmp_path / "desk.yaml"
    typed, spoken = read.scenarios
    assert [reply.heard for reply in typed.emulate.script] == ['"status"', "order"]
    assert [(call.name, call.args) for call in typed.emulate.script[1].calls] == [
        ("lookup", {"id": "0042"}),
        ("end_call", {}),
    ]
    assert typed.emulate.faults["openai"] == (
        Fault(),
        Fault(refuse=429, retry_after_secs=0),
        Fault(drop=3),
        Fault(slow_ms=900),
    )
    assert typed.turns[1].expect[1].text_contains == "on its way"
    assert (typed.user.modality, typed.turns[0].user, typed.turns[1].text) == ("text", None, "Where is my order?")
    # A key of a scenario replaces that of the file, whole.
    assert spoken.emulate.script == ()
    assert spoken.turns[0].user == ("Where is", Pause(pause_ms=400), "my order?")
    assert spoken.turns[0].text == "Where is my order?"


def test_tests_stand_beside_their_agent(tmp_path: Path) -> None:
    agent = tmp_path / "desk.yml"
    assert beside.tests_of(agent) == tmp_path / "desk.test.yaml"
    assert beside.agent_of(beside.tests_of(agent)) == tmp_path / "desk.yaml"
    agent.touch()
    assert beside.agent_of(beside.tests_of(agent)) == agent


def test_pipecat_reads_the_same_file_and_the_same_of_it(tmp_path: Path) -> None:
    read = suite(tmp_path, GOOD.partition("  - name: spoken")[0])
    (theirs,) = EvalScenarioFile.load(tmp_path / "desk.test.yaml")
    assert theirs.name == "desk/typed"
    ours = as_pipecat(read.scenarios[0], read.path, speaks=False)
    assert isinstance(theirs, EvalScriptScenario)
    assert ours.turns == theirs.turns


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").glob("*.test.yaml")), ids=lambda path: path.stem)
def test_the_shipped_ones_are_right_and_any_yaml_reads_them(path: Path) -> None:
    read = read_suite(path)
    assert render(read.problems, read.sources) == ""
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["name"] == read.agent.stem
    assert any(scenario.judge.modality == "audio" for scenario in read.scenarios)


ONE = "name: desk\nscenarios:\n  - name: one\n    turns:\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: error: the file is empty [empty-file]"),
        ("- a", "1:1: error: the file is not a mapping of keys [not-a-mapping] begin with 'name: …'"),
        ("name: a", "1:1: error: 'scenarios' is missing [missing-key]"),
        ("name: a\nscenarios: []", "2:12: error: 'scenarios' is an empty list [empty-list] give it an item"),
        ("name: a\nscenario: []", "2:1: error: no key 'scenario' [unknown-key] did you mean 'scenarios'?"),
        (f"{ONE}      - usr: hi", "5:9: error: no key 'usr' in scenarios.turns [unknown-key] did you mean 'user'?"),
        (
            f"{ONE}      - expect: [{{event: responce}}]",
            "5:26: error: 'event' cannot be 'responce' [unknown-choice] did you mean 'response'?",
        ),
        (
            f"{ONE}      - expect: [{{event: response, text_contians: Hi}}]",
            "5:36: error: no key 'text_contians' in scenarios.turns.expect [unknown-key] did you mean 'text_contains'?",
        ),
        (
            f"{ONE}      - expect: [{{event: llm_started, calls: [a]}}]",
            (
                "5:39: error: 'calls' says nothing of 'llm_started', only of function_call and function_call_stopped"
                " [unused-key] remove it"
            ),
        ),
        (
            f"{ONE}      - expect: [{{event: response, absent: true, text_contains: Hi}}]",
            (
                "5:50: error: 'text_contains' beside 'absent: true': what must not happen is an event of this kind,"
                " whatever is in it [unused-key] remove it"
            ),
        ),
        (
            f"{ONE}      - expect: [{{event: function_call, calls: [a], name: b}}]",
            "5:41: error: 'name' and 'args' are one call, 'calls' are several [unused-key] keep one of them",
        ),
        (
            f"{ONE}      - expect: [{{event: tts_response}}]",
            (
                "5:26: error: in text the agent does not speak: nothing is a 'tts_response' [text-modality]"
                " write response, or judge: {modality: audio}"
            ),
        ),
        (
            f'{ONE}      - {{user: hi, dtmf: "1"}}',
            "5:20: error: a turn speaks or presses keys, not both [two-inputs] make it two turns",
        ),
        (
            f"{ONE}      - {{dtmf: 12x}}",
            "5:16: error: 'dtmf' cannot be '12x' [wrong-form] it takes keys of a telephone: 0 to 9, * and #",
        ),
        (
            f"{ONE}      - send_after: {{delay_ms: 5}}",
            (
                "5:9: error: 'send_after' says when the input is sent, and the turn has none [unused-key]"
                " add 'user:', or remove it"
            ),
        ),
        (
            f"{ONE}      - {{user: hi, send_after: {{}}}}",
            "5:20: error: 'send_after' has neither 'event' nor 'delay_ms' [missing-key]",
        ),
        (
            f"{ONE}      - user: [hi, {{pause_ms: 300}}]",
            "5:9: error: only a scenario that speaks has recordings and pauses [text-modality] user: {modality: audio}",
        ),
        (
            f"user: {{modality: audio}}\n{ONE}      - audio: hi.wav",
            "6:9: error: 'audio' needs 'user': what the recording says [missing-key] user: the words",
        ),
        (
            f"judge: {{modality: audio}}\n{ONE}      - user: hi",
            "1:9: error: the agent speaks and nobody speaks to it [mixed-modality] user: {modality: audio}",
        ),
        (
            f"{ONE}      - user: hi\n  - name: one\n    turns: [{{user: hi}}]",
            "6:11: error: two scenarios are named 'one' [duplicate-name] name one of them otherwise",
        ),
        (
            f"emulate: {{script: [{{heard: '('}}]}}\n{ONE}      - user: hi",
            (
                "1:28: error: 'heard' cannot be '(' [wrong-form] it takes a regular expression:"
                " missing ), unterminated subpattern at position 0"
            ),
        ),
        (
            f"emulate: {{faults: {{openai: [{{refuse: 500, drop: 2}}]}}}}\n{ONE}      - user: hi",
            (
                "1:30: error: 'openai' is exactly one of refuse, error, drop, hang, garbage, slow_ms, not a mapping"
                " [wrong-type]"
            ),
        ),
        (
            f"emulate: {{faults: {{openai: [okay]}}}}\n{ONE}      - user: hi",
            "1:29: error: 'openai' cannot be 'okay' [unknown-choice] did you mean 'ok'?",
        ),
        (
            f"emulate: {{faults: {{openai: [{{refuse: 200}}]}}}}\n{ONE}      - user: hi",
            "1:38: error: refuse: 200 is outside 400 to 599 [out-of-range]",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, told: str, tmp_path: Path) -> None:
    read = suite(tmp_path, text)
    assert read.scenarios == ()
    (problem,) = read.problems
    assert problem.place is not None
    line = f"{problem.place.line}:{problem.place.column}: error: {problem.text} [{problem.code}] {problem.help}"
    assert line.startswith(told) or line.rstrip() == told, line
