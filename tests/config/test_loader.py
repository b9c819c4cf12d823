"""What is wrong with each file in `bad/` is in the text beside it, to the letter; the files in `good/` are right."""

import re
from pathlib import Path

import pytest

from tests.config.files import part
from voicekit.config.loader import load
from voicekit.report import render

HERE = Path(__file__).parent
SOURCES = HERE.parent.parent / "voicekit"

# Problems that are no file's: each is proven where it is raised.
ELSEWHERE = {
    "no-file": "test_loader.py",
    "wrong-value": "the last resort of messages.py",
    "bad-override": "test_overrides.py",
}


def names(folder: str) -> list[str]:
    return sorted(path.stem for path in (HERE / folder).glob("*.yaml"))


@pytest.mark.parametrize("name", names("bad"))
def test_bad_file_says_exactly_this(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE / "bad")
    loaded = load(Path(f"{name}.yaml"), {})
    expected = (HERE / "bad" / f"{name}.txt").read_text(encoding="utf-8")
    assert render(loaded.problems, loaded.sources) + "\n" == expected


@pytest.mark.parametrize("name", names("bad"))
def test_bad_file_has_the_problem_it_is_named_after(name: str) -> None:
    loaded = load(HERE / "bad" / f"{name}.yaml", {})
    assert any(name.startswith(problem.code) for problem in loaded.problems)


@pytest.mark.parametrize("name", names("good"))
def test_good_file_has_no_problem(name: str) -> None:
    keys = dict.fromkeys(("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "KEY"), "x")
    loaded = load(HERE / "good" / f"{name}.yaml", keys, running=True)
    assert render(loaded.problems, loaded.sources) == ""
    assert loaded.agent is not None


def test_every_code_of_the_config_has_a_file() -> None:
    code = re.compile(r'Problem\(\s*"([a-z0-9-]+)"')
    written = {found for path in (SOURCES / "config").rglob("*.py") for found in code.findall(path.read_text())}
    shown = {
        found
        for path in (HERE / "bad").glob("*.txt")
        for found in re.findall(r"\[([a-z0-9-]+)\]$", path.read_text(), re.MULTILINE)
    }
    assert written - shown - set(ELSEWHERE) == set()


def test_values_are_typed_by_their_keys() -> None:
    loaded = load(HERE / "good" / "rules.yaml", {"NAME": "yes: [no]"})
    agent = loaded.agent
    assert agent is not None
    assert agent.description == 'yes: [no] pays $5, and "no" stays text'
    assert agent.greeting
    assert agent.greeting.say == ("Hello.", "Good day.")
    assert (agent.turn.wait_ms, agent.vad.stop_secs) == (500, 0.3)
    assert agent.failure.say == ("I am sorry.",)
    rules = agent.llm[0].rules
    assert rules is not None
    assert rules.rules[0].with_ == {"desk": "north"}
    assert rules.rules[0].failed == ("I am sorry.",)
    assert rules.steps["more"][0].hear[0].text == "no"


def test_short_forms_split_at_the_first_slash() -> None:
    keys = {"OPENAI_API_KEY": "one", "OPENROUTER_API_KEY": "two", "KEY": "x"}
    agent = load(HERE / "good" / "models.yaml", keys).agent
    assert agent is not None
    assert [(llm.provider.name, llm.model, llm.options["api_key"]) for llm in agent.llm] == [
        ("openai", "gpt-4o-mini", "one"),
        ("openrouter", "meta-llama/llama-4", "two"),
    ]
    assert part(agent, "asr").options == {
        "model": "nova-3",
        "smart_format": True,
        "keyterm": ["Acme", "B&B"],
        "api_key": "x",
    }
    assert part(agent, "tts").options["speed"] == 1.1
    assert agent.greeting is None
    assert agent.failure.say[0].startswith("Entschuldigung")


def test_an_unset_key_is_a_warning_until_the_file_runs() -> None:
    path = HERE / "good" / "models.yaml"
    checked, run = load(path, {}), load(path, {}, running=True)
    assert {problem.severity for problem in checked.problems} == {"warning"}
    assert checked.agent is not None
    assert {problem.severity for problem in run.problems} == {"error"}
    assert run.agent is None


@pytest.mark.parametrize("text", ['"${OFF}"', '"${NONE:-false}"', "false"])
def test_false_switches_off_from_wherever_it_comes(text: str) -> None:
    file = (
        f"version: 1\nname: a\nlanguage: pt\nprompt: Be brief.\nasr: openai\nllm: openai\ntts: auto\nsilence: {text}\n"
    )
    file += f"failure: {{say: Ai., goodbye: Adeus.}}\nlimits: {{goodbye: Adeus., tokens: {text}, warn_secs: {text}}}\n"
    loaded = load(Path("a.yaml"), {"OPENAI_API_KEY": "x", "OFF": "false"}, running=True, data=file.encode())
    assert loaded.agent is not None, render(loaded.problems, loaded.sources)
    assert loaded.agent.silence is None
    assert (loaded.agent.limits.tokens, loaded.agent.limits.warn_secs) == (None, None)
    assert [problem.text for problem in loaded.problems] == [
        "there are no built-in phrases for 'pt': nothing is said for fillers.say"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nowhere.yaml", "error: there is no file 'nowhere.yaml' [no-file]"),
        (".", "error: '.' is a folder, not a file [no-file]"),
    ],
)
def test_a_file_that_cannot_be_read(name: str, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(Path(name), {})
    assert render(loaded.problems, loaded.sources) == text


@pytest.mark.parametrize(
    "text",
    [
        "turn: {end: fixed, wait_ms: KEY}",
        "llm: KEY",
        "llm: {provider: openai, temperature: KEY}",
        "language: KEY",
        "asr: {provider: KEY}",
        "name: KEY",
    ],
)
def test_what_comes_from_the_environment_is_never_shown(text: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(f"version: 1\n{text.replace('KEY', '${OPENAI_API_KEY}')}\n", encoding="utf-8")
    loaded = load(path, {"OPENAI_API_KEY": "SK live 0123"})
    shown = render(loaded.problems, loaded.sources)
    assert "${OPENAI_API_KEY}" in shown
    assert "SK live 0123" not in shown


@pytest.mark.parametrize("name", names("bad"))
def test_no_secret_is_printed(name: str) -> None:
    assert "sk-live" not in (HERE / "bad" / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "turn: {end: fixed, wait_ms: 1.2.3s}",
        "vad: {stop_secs: 0..2s}",
        f"language: {'a' * 300}",
        "language: ../../../etc/passwd",
        f"turn: {{end: fixed, wait_ms: {'9' * 5000}}}",
        "vad: |\n  silero\n  x",
    ],
)
def test_odd_values_are_problems_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(f"version: 1\n{text}\n", encoding="utf-8")
    loaded = load(path, {})
    assert loaded.agent is None
    assert all(problem.text.isprintable() and len(problem.text) < 200 for problem in loaded.problems)
