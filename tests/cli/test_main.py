"""The command as a user meets it: what it prints and how it ends."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import ROOT, RULES, run, write
from voicekit.cli.main import VERBS

LOCAL = ROOT / "pipelines" / "local.yaml"


def test_the_help_lists_the_verbs() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.partition("Verbs:\n")[2].splitlines()] == list(VERBS)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["fly"], "Error: No such command 'fly'."),
        (["run"], "Error: Missing argument 'FILE'."),
        (
            ["validate", "--format", "xml"],
            "Error: Invalid value for '--format': 'xml' is not one of 'auto', 'text', 'json', 'github', 'junit'.",
        ),
        (
            ["run", "a.yaml", "--port", "many"],
            "Error: Invalid value for '--port': 'many' is not a valid integer range.",
        ),
    ],
)
def test_wrong_usage_is_2(arguments: list[str], text: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == text


@pytest.mark.parametrize(
    ("content", "stderr"),
    [
        (None, "error: there is no file 'agent.yaml' [no-file]\n"),
        ("a: [", "agent.yaml:1:4: error: '[' is never closed [yaml-syntax]\n"),
    ],
)
def test_a_file_that_is_wrong_is_not_run(content: str | None, stderr: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "agent.yaml").write_text(content, encoding="utf-8")
    done = run("run", "agent.yaml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(stderr)


def test_a_value_is_laid_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, f"asr: pocketsphinx\n{RULES}tts: auto\n")
    done = run("run", "agent.yaml", "--set", "tts=espeak", "--set", "tts.rate=fast", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "--set 2:10: error: 'rate' is a whole number, not 'fast' [wrong-type]\n"
        "   |\n"
        " 2 | tts.rate=fast\n"
        "   |          ^^^^\n"
    )


def test_a_port_that_is_taken_is_told_before_anything_slow() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("run", str(LOCAL), "--port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: port {port} cannot be used: Address already in use [port-in-use]\n"
        f"  = help: end what uses it, or choose another: --port {port + 1}\n"
    )


def test_a_missing_package_is_answered_by_the_line_that_installs_it(tmp_path: Path) -> None:
    write(tmp_path, f"asr: whisper\n{RULES}tts: auto\n")
    done = run("run", "agent.yaml", "--port", "0", folder=tmp_path)
    assert done.returncode == 1
    assert "whisper needs a package that is not installed" in done.stderr
    assert '  = help: pip install "pipecat-ai[whisper]"\n' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_tool_that_cannot_be_found_is_told_at_the_start(tmp_path: Path) -> None:
    tools = "tools:\n  find: {python: nowhere:find}\n"
    rules = "llm: {provider: rules, rules: [{hear: hello, tool: find, say: Found.}]}\n"
    write(tmp_path, f"asr: pocketsphinx\n{rules}tts: auto\n{tools}")
    done = run("run", "agent.yaml", "--port", "0", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "agent: warming up …\n"
        "error: no module 'nowhere' beside the file, and none is installed [bad-tool]\n"
        "  = help: write nowhere.py with a function find\n"
    )


def test_it_serves_until_interrupted_and_it_is_130() -> None:
    command = [sys.executable, "-m", "voicekit", "run", str(LOCAL), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("talk at http://127.0.0.1:")
        children = _children(process.pid)
        assert children
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        warming, ready = process.stderr.read().split("\n")[:2]
    assert warming == "local: warming up …"
    assert ready.startswith("local: ready after ")
    assert "asr pocketsphinx, llm rules, tts " in ready
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
