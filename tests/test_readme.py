"""The README holds: its files validate, its outputs are what is printed, its make targets exist."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PRINTING = ("$ voicekit new ", "$ voicekit providers ")
VOICEKIT = [sys.executable, "-m", "voicekit"]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def name_of(block: str) -> str:
    match = re.match(r"# ([\w-]+\.yaml)", block)
    return match[1] if match else "unnamed.yaml"


FILES = [(name_of(block), block) for block in blocks("yaml")]
RIGHT = [(name, block) for name, block in FILES if name != "broken.yaml"]


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "XDG_DATA_HOME": str(folder)}
    return subprocess.run(arguments, capture_output=True, text=True, cwd=folder, env=environment, check=False)


def write_all(folder: Path) -> None:
    """Write the files that have a name; those that one extends stand before it."""
    for name, block in FILES:
        (folder / name).write_text(block, encoding="utf-8")


@pytest.mark.parametrize(("name", "block"), RIGHT, ids=[f"{name}-{n}" for n, (name, _) in enumerate(RIGHT)])
def test_its_files_have_no_error(name: str, block: str, tmp_path: Path) -> None:
    write_all(tmp_path)
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


@pytest.mark.parametrize("verb", ["explain", "schema", "calls"])
def test_its_verbs_print_what_it_shows(verb: str, tmp_path: Path) -> None:
    write_all(tmp_path)
    shown = [block for block in blocks("console") if block.startswith(f"$ voicekit {verb} ")]
    assert shown
    for block in shown:
        command, _, expected = block.partition("\n")
        assert run([*VOICEKIT, *command.removeprefix("$ voicekit ").split()], tmp_path).stdout == expected


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


def test_its_emulators_are_where_it_shows() -> None:
    shown = next(block for block in blocks("console") if block.startswith("$ voicekit emulate "))
    command, _, expected = shown.partition("\n")
    arguments = command.removeprefix("$ voicekit ").split()
    with subprocess.Popen(
        [*VOICEKIT, *arguments, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in expected.splitlines()]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    assert re.sub(r":\d+", ":7870", "".join(lines)) == expected


def test_its_program_reads_its_first_file(tmp_path: Path) -> None:
    name, block = FILES[0]
    (tmp_path / name).write_text(block, encoding="utf-8")
    (program,) = blocks("python")
    assert run([sys.executable, "-c", program], tmp_path).stdout == "hello is heard by pocketsphinx\n\n"


def test_its_workflow_checks_the_agents_of_a_folder() -> None:
    workflow, hooks = (yaml.safe_load(block) for block in blocks("yml") if not block.startswith("# crm.test.yaml"))
    lines = [step["run"] for step in workflow["jobs"]["agents"]["steps"] if "run" in step]
    command = next(line for line in lines if line.startswith("voicekit "))
    done = run([*VOICEKIT, *command.split()[1:]], ROOT)
    assert done.returncode == 0, done.stderr
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [each["id"] for each in hooks["repos"][0]["hooks"]] == [hook["id"]]


@pytest.mark.parametrize("only", ["found", pytest.param("ear", marks=pytest.mark.long)])
def test_its_tests_hold(only: str, tmp_path: Path) -> None:
    write_all(tmp_path)
    (tests,) = (block for block in blocks("yml") if block.startswith("# crm.test.yaml"))
    (tmp_path / "crm.test.yaml").write_text(tests, encoding="utf-8")
    done = run([*VOICEKIT, "test", "crm.yaml", "-k", only], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^1 passed in \d+\.\d s$", done.stdout, re.MULTILINE)


MISTAKE = "some folder/a.yaml:4:29: error: 'wait_ms' is a whole number, not '[x]: 1' [wrong-type]"
SHOWN = " 4 | a: b:1:2: error: c [d]"


def test_its_problem_matcher_reads_a_problem() -> None:
    (tasks,) = blocks("json")
    pattern = json.loads(tasks)["tasks"][0]["problemMatcher"]["pattern"]
    match = re.match(pattern["regexp"], MISTAKE)
    assert match
    assert {key: match[group] for key, group in pattern.items() if key != "regexp"} == {
        "file": "some folder/a.yaml",
        "line": "4",
        "column": "29",
        "severity": "error",
        "message": "'wait_ms' is a whole number, not '[x]: 1'",
        "code": "wrong-type",
    }
    assert not re.match(pattern["regexp"], SHOWN)


@pytest.mark.skipif(not shutil.which("vim"), reason="needs vim")
def test_its_errorformat_reads_a_problem(tmp_path: Path) -> None:
    (settings,) = blocks("vim")
    lines = ["   |", SHOWN, MISTAKE, MISTAKE.replace("error", "warning").replace(":4:", ":5:")]
    (tmp_path / "told").write_text("\n".join(lines), encoding="utf-8")
    read = "call writefile(map(getqflist(), 'bufname(v:val.bufnr) . v:val.lnum . v:val.type . v:val.text'), 'read')"
    (tmp_path / "script").write_text(f"{settings}\ncgetfile told\n{read}\nqa!\n", encoding="utf-8")
    run(["vim", "-es", "-u", "NONE", "-S", "script"], tmp_path)
    text = "'wait_ms' is a whole number, not '[x]: 1' [wrong-type]"
    assert (tmp_path / "read").read_text(encoding="utf-8").splitlines() == [
        f"some folder/a.yaml4e{text}",
        f"some folder/a.yaml5w{text}",
    ]


@pytest.mark.parametrize("block", [each for each in blocks("console") if each.startswith(PRINTING)])
def test_its_commands_print_what_it_shows(block: str, tmp_path: Path) -> None:
    command, _, expected = block.partition("\n")
    done = run([*VOICEKIT, *command.removeprefix("$ voicekit ").split()], tmp_path)
    assert done.returncode == 0
    assert done.stdout + done.stderr == expected


def test_its_make_targets_exist() -> None:
    listed = run(["make", "--no-print-directory", "help"], ROOT).stdout
    assert set(re.findall(r"`make ([\w-]+)`", README)) <= set(re.findall(r"make ([\w-]+)", listed))
