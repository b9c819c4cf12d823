"""A file over the one it extends: what merges, what replaces, and what is removed."""

from pathlib import Path

import pytest

from tests.config.files import loaded, part, refused, write

BASE = """
version: 1
name: base
description: The base.
prompt: Be kind.
greeting: Hello.
x-ignored: {any: thing}
asr: {provider: deepgram, model: nova-3, smart_format: true}
llm: openai/gpt-4o-mini
tts: {provider: elevenlabs, voice: rachel, stability: 0.5}
turn: {end: fixed, wait_ms: 700}
tools:
  desk: {python: desk:find, description: Find it., timeout_secs: 3}
  now: {builtin: current_time, description: Tell the time.}
"""
TOP = "version: 1\nname: top\nextends: base.yaml\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"base.yaml": BASE})
    return tmp_path


def top(folder: Path, text: str) -> Path:
    write(folder, {"agent.yaml": TOP + text})
    return folder


def test_what_the_file_does_not_say_comes_from_its_base(folder: Path) -> None:
    agent = loaded(top(folder, ""))
    assert (agent.name, agent.description, agent.prompt, agent.turn.wait_ms) == ("top", "The base.", "Be kind.", 700)
    assert part(agent, "tts").options["stability"] == 0.5


def test_name_and_version_are_never_inherited(folder: Path) -> None:
    write(folder, {"agent.yaml": "extends: base.yaml\n"})
    assert refused(folder) == (
        "agent.yaml:1:1: error: 'name' is missing [missing-key]\n"
        "   |\n"
        " 1 | extends: base.yaml\n"
        "   | ^^^^^^^\n"
        "agent.yaml:1:1: error: 'version' is missing [missing-key]\n"
        "   |\n"
        " 1 | extends: base.yaml\n"
        "   | ^^^^^^^"
    )


def test_mappings_merge_with_the_base_written_out(folder: Path) -> None:
    agent = loaded(top(folder, "llm: {temperature: 0.2}\ngreeting: {delay_ms: 200}\nturn: {wait_ms: 500}\n"))
    assert (agent.llm[0].provider.name, agent.llm[0].model) == ("openai", "gpt-4o-mini")
    assert agent.llm[0].options["temperature"] == 0.2
    assert agent.greeting
    assert (agent.greeting.say, agent.greeting.delay_ms) == (("Hello.",), 200)
    assert (agent.turn.end, agent.turn.wait_ms) == ("fixed", 500)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("asr: {provider: deepgram, smart_format: false}", {"model": "nova-3", "smart_format": False}),
        ("asr: deepgram", {}),
        ("asr: deepgram/nova-2", {"model": "nova-2"}),
        ("asr: {provider: openai}", {}),
        ("asr: [deepgram/nova-2]", {"model": "nova-2"}),
    ],
)
def test_another_provider_a_text_and_a_list_replace(text: str, options: dict[str, object], folder: Path) -> None:
    agent = loaded(top(folder, text))
    assert {key: value for key, value in part(agent, "asr").options.items() if key != "api_key"} == options


def test_a_list_replaces_whole(folder: Path) -> None:
    agent = loaded(top(folder, "llm: [anthropic, openai/gpt-4o]"))
    assert [llm.provider.name for llm in agent.llm] == ["anthropic", "openai"]


def test_a_tool_of_another_kind_replaces_and_of_the_same_merges(folder: Path) -> None:
    agent = loaded(
        top(folder, "tools:\n  desk: {builtin: end_call}\n  now: {timeout_secs: 2}\n  python: {python: a:b}")
    )
    assert (agent.tools["desk"].builtin, agent.tools["desk"].python) == ("end_call", None)
    assert (agent.tools["desk"].description, agent.tools["desk"].timeout_secs) == ("", 10)
    assert (agent.tools["now"].description, agent.tools["now"].timeout_secs) == ("Tell the time.", 2)
    assert agent.tools["python"].python == "a:b"


def test_a_request_replaces_a_function_with_all_its_keys(folder: Path) -> None:
    agent = loaded(top(folder, "tools: {desk: {http: GET https://example.org/, description: Look it up.}}"))
    desk = agent.tools["desk"]
    assert (desk.python, desk.description, desk.timeout_secs) == (None, "Look it up.", 10)
    assert desk.http is not None
    assert (desk.http.method, desk.http.base, desk.http.path) == ("GET", "https://example.org", "/")


def test_unset_removes_and_false_replaces(folder: Path) -> None:
    agent = loaded(top(folder, "greeting: false\nturn: !unset\ntools: {desk: !unset }\nllm: {model: !unset }\n"))
    assert agent.greeting is None
    assert agent.turn.end is None
    assert list(agent.tools) == ["now"]
    assert agent.llm[0].model == ""


def test_one_service_takes_the_place_of_three_and_the_reverse(folder: Path) -> None:
    gone = "asr: !unset\nllm: !unset\ntts: !unset\n"
    agent = loaded(top(folder, f"{gone}turn: !unset\nrealtime: openai/gpt-realtime\n"))
    assert [(each.kind, each.model) for each in agent.services] == [("realtime", "gpt-realtime")]
    write(folder, {"low.yaml": "version: 1\nname: low\nprompt: Be kind.\nrealtime: {provider: openai, voice: marin}\n"})
    write(folder, {"one.yaml": "version: 1\nname: one\nextends: low.yaml\nrealtime: {speed: 1.2}\n"})
    options = loaded(folder, name="one.yaml").services[0].options
    assert (options["voice"], options["speed"]) == ("marin", 1.2)
    cascade = "asr: deepgram\nllm: openai\ntts: flite\n"
    write(folder, {"two.yaml": f"version: 1\nname: two\nextends: low.yaml\nrealtime: !unset\n{cascade}"})
    assert [each.kind for each in loaded(folder, name="two.yaml").services] == ["asr", "llm", "tts"]


def test_a_base_may_extend_another_and_paths_are_relative_to_each_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "agent.yaml": "version: 1\nname: a\nextends: mid/mid.yaml\nvad: {stop_secs: 0.4}\n",
            "mid/mid.yaml": "extends: ../low/low.yaml\nvad: {start_secs: 0.3, stop_secs: 0.3}\nprompt: !include p.md\n",
            "mid/p.md": "Be brief.\n",
            "low/low.yaml": "vad: {confidence: 0.5, stop_secs: 0.5}\nasr: deepgram\nllm: openai\ntts: flite\n",
        },
    )
    agent = loaded(tmp_path)
    assert agent.prompt == "Be brief."
    assert (agent.vad.confidence, agent.vad.start_secs, agent.vad.stop_secs) == (0.5, 0.3, 0.4)


def test_null_never_removes(folder: Path) -> None:
    assert refused(top(folder, "turn:\n")) == (
        "agent.yaml:4:6: error: 'turn' has no value [no-value]\n"
        "   |\n"
        " 4 | turn:\n"
        "   |      ^\n"
        "  = help: give it one, or remove the line"
    )


def test_a_problem_of_the_base_has_its_place_there(folder: Path) -> None:
    write(folder, {"base.yaml": BASE.replace("wait_ms: 700", "wait_ms: 70")})
    assert refused(top(folder, "")) == (
        "base.yaml:11:29: error: wait_ms: 70 is outside 100 to 5000 [out-of-range]\n"
        "    |\n"
        " 11 | turn: {end: fixed, wait_ms: 70}\n"
        "    |                             ^^"
    )
