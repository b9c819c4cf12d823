"""`--set`: what a path reaches, how its value is read, and how its mistakes are told."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.files import KEYS, loaded, part, refused, write
from voicekit.config.loader import load
from voicekit.problems import has_errors
from voicekit.report import render

FILE = """
version: 1
name: a
prompt: Be kind.
asr: deepgram
llm: [openai/gpt-4o-mini, anthropic]
tts: {provider: elevenlabs, voice: rachel, stability: 0.5}
turn: {end: fixed}
tools: {now: {builtin: current_time}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"agent.yaml": FILE})
    return tmp_path


def test_a_value_is_typed_by_its_key(folder: Path) -> None:
    agent = loaded(folder, "turn.wait_ms=900", "tts.voice=0123", "description=no: [thing] # special", "asr.language=no")
    assert agent.turn.wait_ms == 900
    assert part(agent, "tts").options["voice"] == "0123"
    assert (agent.description, part(agent, "asr").options["language"]) == ("no: [thing] # special", "no")


def test_a_path_reaches_items_and_names_with_dots(folder: Path) -> None:
    agent = loaded(folder, "llm[1].model=claude-x", 'tools."now".timeout_secs=2', "failure.say=[Sorry., Once more?]")
    assert [llm.model for llm in agent.llm] == ["gpt-4o-mini", "claude-x"]
    assert agent.tools["now"].timeout_secs == 2
    assert agent.failure.say == ("Sorry.", "Once more?")


def test_a_flow_value_replaces(folder: Path) -> None:
    agent = loaded(folder, "llm=[anthropic, openai]", "turn=!unset", "tools={end_call: builtin}", "vad.stop_secs=0.3")
    assert agent.turn.end is None
    assert list(agent.tools) == ["now", "end_call"]
    assert [llm.provider.name for llm in agent.llm] == ["anthropic", "openai"]


def test_another_provider_takes_no_option_along(folder: Path) -> None:
    agent = loaded(folder, "tts.provider=flite", "llm[0]=anthropic", "llm[1].provider=openai")
    assert (part(agent, "tts").provider.name, dict(part(agent, "tts").options)) == ("flite", {})
    assert [llm.provider.name for llm in agent.llm] == ["anthropic", "openai"]


def test_later_ones_win_and_short_forms_are_written_out(folder: Path) -> None:
    agent = loaded(folder, "asr=deepgram/nova-2", "asr.smart_format=true", "asr.model=nova-3")
    assert (part(agent, "asr").model, part(agent, "asr").options["smart_format"]) == ("nova-3", True)


@pytest.mark.parametrize(
    ("override", "printed"),
    [
        (
            "turn.wait_ms=2s",
            (
                "--set 2:14: error: 'wait_ms' is a whole number, not '2s' [wrong-type]\n"
                "   |\n"
                " 2 | turn.wait_ms=2s\n"
                "   |              ^^\n"
                "  = help: wait_ms: 2000"
            ),
        ),
        (
            "turn.wait_mss=2",
            (
                "--set 2:6: error: no key 'wait_mss' in turn [unknown-key]\n"
                "   |\n"
                " 2 | turn.wait_mss=2\n"
                "   |      ^^^^^^^^\n"
                "  = help: did you mean 'wait_ms'?"
            ),
        ),
        (
            "turn.wait_ms",
            (
                "--set 2:1: error: 'turn.wait_ms' is given no value [bad-override]\n"
                "   |\n"
                " 2 | turn.wait_ms\n"
                "   | ^^^^^^^^^^^^\n"
                "  = help: --set turn.wait_ms=VALUE"
            ),
        ),
        (
            "llm..model=x",
            (
                "--set 2:1: error: 'llm..model' is no path of keys [bad-override]\n"
                "   |\n"
                " 2 | llm..model=x\n"
                "   | ^^^^^^^^^^\n"
                "  = help: names joined by dots, [0] for an item of a list: llm.temperature, llm[1].model"
            ),
        ),
        (
            "llm[2].model=x",
            (
                "--set 2:4: error: there is no item 2: the list has 2 [bad-override]\n"
                "   |\n"
                " 2 | llm[2].model=x\n"
                "   |    ^^^"
            ),
        ),
        (
            "llm=[anthropic, opnai]",
            (
                "--set 2:17: error: no llm provider is named 'opnai' [unknown-provider]\n"
                "   |\n"
                " 2 | llm=[anthropic, opnai]\n"
                "   |                 ^^^^^\n"
                "  = help: did you mean 'openai'?"
            ),
        ),
        (
            "llm=[anthropic",
            (
                "--set 2:5: error: '[' is never closed [yaml-syntax]\n"
                "   |\n"
                " 2 | llm=[anthropic\n"
                "   |     ^\n"
                "  = help: [anthropic]"
            ),
        ),
        (
            "greeting=!unset",
            (
                "--set 2:10: error: there is no 'greeting' here to remove [nothing-to-unset]\n"
                "   |\n"
                " 2 | greeting=!unset\n"
                "   |          ^^^^^^\n"
                "  = help: leave it out"
            ),
        ),
    ],
)
def test_a_mistake_is_told_on_the_command_line(override: str, printed: str, folder: Path) -> None:
    assert refused(folder, "description=x", override) == printed


PATHS = r"(llm|turn|tts|tools)(\.[a-z]{1,6}|\[[0-9]\]){0,3}=.{0,12}"


@given(st.lists(st.text(max_size=40) | st.from_regex(PATHS, fullmatch=True), min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_whatever_is_given_is_read_or_told(overrides: list[str]) -> None:
    data = FILE.encode()
    found = load(Path("agent.yaml"), KEYS, overrides=overrides, data=data)
    assert (found.agent is None) == has_errors(found.problems)
    assert render(found.problems, found.sources) or not found.problems


def test_no_secret_of_the_command_line_is_printed(folder: Path) -> None:
    printed = refused(folder, "asr.api_key=sk-live-0123")
    assert "error: a secret is written in the file [secret-in-file]" in printed
    assert "sk-live" not in printed
