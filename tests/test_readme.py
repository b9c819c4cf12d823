"""The README holds: its files validate, its outputs are what is printed, its make targets exist."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
VOICEKIT = [sys.executable, "-m", "voicekit"]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def name_of(block: str) -> str:
    match = re.match(r"# ([\w-]+\.yaml)", block)
    return match[1] if match else "unnamed.yaml"


FILES = [(name_of(block), block) for block in blocks("yaml")]
RIGHT = [(name, block) for name, block in FILES if name != "broken.yaml"]


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(arguments, capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.mark.parametrize(("name", "block"), RIGHT, ids=[f"{name}-{n}" for n, (name, _) in enumerate(RIGHT)])
def test_its_files_have_no_error(name: str, block: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(block, encoding="utf-8")
    done = run([*VOICEKIT, "validate", name], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr


def test_its_mistakes_are_told_as_it_shows(tmp_path: Path) -> None:
    name, block = next((name, block) for name, block in FILES if name == "broken.yaml")
    (tmp_path / name).write_text(block, encoding="utf-8")
    shown = next(block for block in blocks("console") if block.startswith("$ voicekit validate"))
    command, _, expected = shown.partition("\n")
    done = run([*VOICEKIT, *command.removeprefix("$ voicekit ").split()], tmp_path)
    assert done.returncode == 1
    assert done.stderr == expected


def test_its_first_file_answers_at_the_address_it_shows(tmp_path: Path) -> None:
    name, block = FILES[0]
    (tmp_path / name).write_text(block, encoding="utf-8")
    shown = next(block for block in blocks("console") if block.startswith(f"$ voicekit run {name}"))
    expected = shown.splitlines()[1]
    with subprocess.Popen(
        [*VOICEKIT, "run", name, "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().rstrip("\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    assert re.sub(r":\d+ ", ":7860 ", line) == expected


def test_its_make_targets_exist() -> None:
    listed = run(["make", "--no-print-directory", "help"], ROOT).stdout
    assert set(re.findall(r"`make (\w+)`", README)) <= set(re.findall(r"make (\w+)", listed))
