"""What `import voicekit` gives to a program."""

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import voicekit
from tests.config.files import part

FILE = "version: 1\nname: agent\nasr: pocketsphinx\nllm: {provider: rules, rules: [{hear: a, say: b}]}\ntts: ${VOICE}\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("VOICE", raising=False)
    path = tmp_path / "agent.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_a_file_becomes_an_agent(path: Path) -> None:
    loaded = voicekit.load(str(path), variables={"VOICE": "espeak"})
    assert loaded.problems == ()
    assert loaded.agent
    assert (loaded.agent.name, part(loaded.agent, "tts").provider.name) == ("agent", "espeak")


def test_variables_come_from_the_environment_and_the_env_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path.parent / ".env").write_text("VOICE=flite\n", encoding="utf-8")
    agent = voicekit.load(path).agent
    assert agent
    assert part(agent, "tts").provider.name == "flite"
    monkeypatch.setenv("VOICE", "espeak")
    agent = voicekit.load(path).agent
    assert agent
    assert part(agent, "tts").provider.name == "espeak"
    # Variables that are given are all there are.
    assert [problem.code for problem in voicekit.load(path, variables={}).problems if problem.place] == [
        "unset-variable"
    ]


@pytest.mark.parametrize(("env", "severity"), [(False, "warning"), (True, "error")])
def test_an_unset_variable_is_as_bad_as_asked(path: Path, env: bool, severity: str) -> None:
    found = [problem for problem in voicekit.load(path, env=env).problems if problem.code == "unset-variable"]
    assert [(str(problem.place), problem.severity) for problem in found] == [(f"{path}:5:6", severity)]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff")
    assert [problem.code for problem in voicekit.load(tmp_path / "agent.yaml").problems] == ["not-utf8"]
    assert [problem.code for problem in voicekit.load(tmp_path / "agent.yaml", variables={}).problems] == ["no-file"]


def test_importing_it_imports_nothing_else() -> None:
    code = (
        "import sys; import voicekit;"
        "print([name for name in sys.modules if name.startswith(('voicekit.', 'yaml', 'pydantic', 'click', 'dotenv'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_its_types_are_for_others_too() -> None:
    assert resources.files("voicekit").joinpath("py.typed").is_file()
