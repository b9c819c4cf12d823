"""The verb `validate`: which files it checks, what it prints where, and how it ends."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.cli.command import ROOT, RULES, run, write
from voicekit.cli.terminal import has_colour
from voicekit.cli.validate import command

RIGHT = f"asr: pocketsphinx\n{RULES}tts: espeak\n"
WRONG = f"asr: pocketsphinx\n{RULES}tts: flit\n"
WARNED = f"prompt: Be brief.\n{RIGHT}"
UNSET = f"language: ${{TONGUE}}\n{RIGHT}"

SAID_OF_WRONG = (
    "agent.yaml:5:6: error: no tts provider is named 'flit' [unknown-provider]\n"
    "   |\n"
    " 5 | tts: flit\n"
    "   |      ^^^^\n"
    "  = help: did you mean 'flite'?\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and an environment that says nothing about formats."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR", "TONGUE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def validate(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(command, arguments, input=stdin, catch_exceptions=False)


def told(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    done = validate(*arguments, stdin=stdin)
    return done.exit_code, done.stdout, done.stderr


def checked(*arguments: str) -> list[str]:
    """Return the names of the files that are checked."""
    suite = ET.fromstring(validate("--format", "junit", *arguments).stdout)  # noqa: S314 - our own XML
    return [case.attrib["name"] for case in suite.iter("testcase")]


def test_a_right_file_is_0() -> None:
    done = run("validate", "pipelines/local.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no problems in 1 file\n", "")


def test_all_problems_of_all_files_are_shown_and_it_is_1(tmp_path: Path) -> None:
    write(tmp_path, WRONG)
    done = run("validate", "agent.yaml", "two.yaml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "2 errors in 2 files\n")
    assert done.stderr == f"error: there is no file 'two.yaml' [no-file]\n{SAID_OF_WRONG}"


def test_nothing_but_json_is_on_stdout(folder: Path) -> None:
    write(folder, WRONG)
    (folder / "base.yaml").write_text("asr: deepgram\n", encoding="utf-8")
    code, stdout, stderr = told("--format", "json", ".")
    assert (code, stderr) == (1, "skipped 1 file without a top-level 'version': base.yaml\n")
    assert json.loads(stdout) == [
        {
            "file": "agent.yaml",
            "line": 5,
            "column": 6,
            "end_column": 10,
            "severity": "error",
            "code": "unknown-provider",
            "text": "no tts provider is named 'flit'",
            "help": "did you mean 'flite'?",
        }
    ]


def test_nothing_but_xml_is_on_stdout(folder: Path) -> None:
    write(folder, WRONG)
    write(folder, WARNED, "warned.yaml")
    code, stdout, stderr = told("--format", "junit")
    assert (code, stderr) == (1, "")
    suites = ET.fromstring(stdout)  # noqa: S314 - our own XML
    wrong, warned = suites.iter("testcase")
    assert [(each.tag, each.text) for each in wrong] == [("failure", SAID_OF_WRONG.rstrip("\n"))]
    assert [each.tag for each in warned] == ["system-out"]


@pytest.mark.parametrize("arguments", [["--format", "github"], []])
def test_a_github_workflow_gets_annotations(
    arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not arguments:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write(folder, WRONG)
    assert told(*arguments, "agent.yaml") == (
        1,
        (
            "::error file=agent.yaml,line=5,col=6,endColumn=10,title=unknown-provider"
            "::agent.yaml:5:6: no tts provider is named 'flit'%0Ahelp: did you mean 'flite'?\n1 error in 1 file\n"
        ),
        "",
    )


def test_a_right_file_has_no_annotation(folder: Path) -> None:
    write(folder, RIGHT)
    assert told("--format", "github") == (0, "no problems in 1 file\n", "")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "expected"),
    [
        (_Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (_Terminal(), {"TERM": "dumb"}, False),
        (_Terminal(), {"NO_COLOR": "1"}, False),
        (_Terminal(), {"NO_COLOR": ""}, True),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (_Terminal(), {"FORCE_COLOR": "0"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
@pytest.mark.usefixtures("folder")
def test_who_gets_colours(
    stream: io.StringIO, variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TERM", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_colour(stream) is expected


def test_forced_colours_pass_a_pipe(folder: Path) -> None:
    write(folder, WRONG)
    assert "\x1b[1;31merror\x1b[0m" in run("validate", folder=folder, FORCE_COLOR="1").stderr
    assert "\x1b" not in run("validate", "--format", "junit", folder=folder, FORCE_COLOR="1").stdout


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        (WARNED, [], 0),
        (WARNED, ["--strict"], 1),
        (RIGHT, ["--strict"], 0),
        (UNSET, [], 0),
        (UNSET, ["--env"], 1),
    ],
)
def test_what_ends_with_1(text: str, arguments: list[str], code: int, folder: Path) -> None:
    write(folder, text)
    assert validate(*arguments).exit_code == code


def test_an_unset_variable_is_an_error_as_at_run(folder: Path) -> None:
    write(folder, UNSET)
    line = "agent.yaml:3:11: {}: TONGUE is not set [unset-variable]"
    assert validate().stderr.startswith(line.format("warning"))
    assert validate("--env").stderr.startswith(line.format("error"))


def test_the_env_file_beside_it_is_read_and_never_overrides(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, f"asr: pocketsphinx\n{RULES}tts: ${{VOICE}}\n")
    (folder / ".env").write_text("VOICE=espeak\n", encoding="utf-8")
    assert validate("agent.yaml").exit_code == 0
    monkeypatch.setenv("VOICE", "nobody")
    assert "no tts provider is named '${VOICE}'" in validate("agent.yaml").stderr


def test_each_folder_has_its_own_env_file(folder: Path) -> None:
    for name, tongue in (("one", "en"), ("two", "not a tongue")):
        (folder / name).mkdir()
        (folder / name / ".env").write_text(f"TONGUE={tongue}\n", encoding="utf-8")
        write(folder / name, UNSET)
    code, stdout, stderr = told()
    assert (code, stdout) == (1, "1 error in 2 files\n")
    assert stderr.startswith("two/agent.yaml:3:11: error: 'language' cannot be '${TONGUE}' [wrong-form]\n")


def test_an_env_file_that_cannot_be_read_is_told_once(folder: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        write(folder, RIGHT, name)
    (folder / ".env").write_bytes(b"KEY=\xff\n")
    assert told() == (1, "1 error in 2 files\n", "error: '.env' is not UTF-8 [not-utf8]\n")


def test_a_folder_is_every_file_below_that_is_not_hidden(folder: Path) -> None:
    for path in ("b.yaml", "a.yml", "deep/er/c.yaml", ".hidden.yaml", ".hidden/d.yaml", "deep/.git/e.yaml", "f.txt"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write(folder, RIGHT, path)
    assert checked() == ["a.yml", "b.yaml", "deep/er/c.yaml"]
    assert checked("deep") == ["deep/er/c.yaml"]
    assert checked(".hidden") == [".hidden/d.yaml"]
    assert checked(".hidden.yaml", "f.txt") == [".hidden.yaml", "f.txt"]


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\n",
        "\ufeffversion: 1\n",
        "name: x\r\nversion : 1\r\n",
        '"version": 1\n',
        '{"version": 1}',
        "{ version: 1}",
        "version: 1\nturn: [",
    ],
)
def test_what_has_a_version_is_an_agent(text: str, folder: Path) -> None:
    (folder / "agent.yaml").write_text(text, encoding="utf-8", newline="")
    assert checked() == ["agent.yaml"]


@pytest.mark.parametrize("text", ["", "asr: deepgram\n", "x:\n  version: 1\n", "# version: 1\n", "conversion: 1\n"])
def test_what_has_no_version_is_skipped_in_a_folder_and_checked_by_name(text: str, folder: Path) -> None:
    write(folder, RIGHT)
    (folder / "base.yaml").write_text(text, encoding="utf-8")
    assert told() == (0, "no problems in 1 file\n", "skipped 1 file without a top-level 'version': base.yaml\n")
    for arguments in (["base.yaml"], [".", "base.yaml"]):
        done = validate(*arguments)
        assert done.exit_code == 1
        assert done.stderr.startswith("base.yaml:1:")


def test_many_skipped_files_are_one_line(folder: Path) -> None:
    write(folder, RIGHT)
    for number in range(7):
        (folder / f"{number}.yaml").write_text("a: b\n", encoding="utf-8")
    skipped = "0.yaml, 1.yaml, 2.yaml, 3.yaml, 4.yaml and 2 more"
    assert validate().stderr == f"skipped 7 files without a top-level 'version': {skipped}\n"


def test_a_file_reached_twice_is_checked_once(folder: Path) -> None:
    write(folder, WRONG)
    (folder / "link.yaml").symlink_to("agent.yaml")
    expected = (1, "1 error in 1 file\n", SAID_OF_WRONG)
    assert told("agent.yaml", ".", "./agent.yaml", str(folder)) == expected
    assert told("agent.yaml", "link.yaml") == expected
    assert told("none.yaml", "none.yaml")[1] == "1 error in 1 file\n"


def test_the_standard_input_is_checked(folder: Path) -> None:
    (folder / ".env").write_text("TONGUE=en\n", encoding="utf-8")
    text = f"version: 1\nname: agent\n{UNSET}".encode()
    assert told("-", stdin=text) == (0, "no problems in 1 file\n", "")
    code, stdout, stderr = told("-", "-", stdin=text.replace(b"espeak", b"flit"))
    assert (code, stdout) == (1, "1 error in 1 file\n")
    assert stderr.startswith("<stdin>:6:6: error: no tts provider is named 'flit' [unknown-provider]\n")
    assert told("-", stdin=b"\xff")[2] == (
        "<stdin>:1:1: error: the file is not UTF-8: byte 0 is 0xff [not-utf8]\n"
        "   |\n"
        " 1 | \ufffd\n"
        "   | ^\n"
        "  = help: save it as UTF-8\n"
    )


def test_a_folder_without_files_is_an_error(folder: Path) -> None:
    (folder / "empty").mkdir()
    assert told("empty") == (
        1,
        "1 error in 0 files\n",
        (
            "error: there is no *.yaml or *.yml file in 'empty' [empty-folder]\n"
            "  = help: name a file, or the folder that your agents are in\n"
        ),
    )
    assert checked("empty") == ["empty"]


def test_a_folder_without_an_agent_is_an_error(folder: Path) -> None:
    (folder / "base.yaml").write_text("asr: deepgram\n", encoding="utf-8")
    assert told() == (
        1,
        "1 error in 0 files\n",
        (
            "skipped 1 file without a top-level 'version': base.yaml\n"
            "error: there is no agent in '.': no YAML file below it has a top-level 'version' [empty-folder]\n"
            "  = help: name a file to have it checked all the same\n"
        ),
    )


@pytest.mark.parametrize("unreadable", ["agents", "agents/deep"])
def test_a_folder_that_cannot_be_read_is_told(unreadable: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "agents" / "deep").mkdir(parents=True)
    write(folder / "agents", RIGHT)
    scan = os.scandir

    def refusing(path: str) -> object:  # the tests may run as root, whom no mode keeps out
        if os.fspath(path) == unreadable:
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    code, _, stderr = told("agents")
    assert (code, stderr) == (1, f"error: '{unreadable}' cannot be read: Permission denied [no-file]\n")


def test_a_file_of_a_folder_that_cannot_be_read_is_told(folder: Path) -> None:
    (folder / "agent.yaml").symlink_to("nowhere.yaml")
    assert told()[2] == "error: there is no file 'agent.yaml' [no-file]\n"


def test_names_that_no_terminal_can_show_are_printed(tmp_path: Path) -> None:
    write(tmp_path, WRONG, os.fsdecode(b"\xff\x1b.yaml"))
    for name in ("text", "json", "github", "junit"):
        done = run("validate", "--format", name, folder=tmp_path)
        assert done.returncode == 1, done.stderr
        assert "\x1b" not in done.stdout + done.stderr


def test_many_files_import_no_provider_and_read_one_env_file(folder: Path) -> None:
    for number in range(50):
        write(
            folder, "prompt: x\nasr: deepgram\nllm: openai\ntts: {provider: elevenlabs, voice: x}\n", f"{number}.yaml"
        )
    code = (
        "import sys\n"
        "from voicekit.cli import validate\n"
        "folders = []\n"
        "beside = validate.variables_beside\n"
        "validate.variables_beside = lambda folder: folders.append(folder) or beside(folder)\n"
        "try: validate.command([])\n"
        "except SystemExit: pass\n"
        "known = {'pipecat', 'openai', 'deepgram', 'elevenlabs', 'numpy', 'dotenv'}\n"
        "print(len(folders), sorted(known & set(sys.modules)))\n"
    )
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "150 warnings in 50 files\n1 []\n"


def test_the_hook_for_pre_commit_checks_the_files_it_is_given(tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["id"] == "voicekit-validate"
    write(tmp_path, RIGHT)
    write(tmp_path, WRONG, "wrong.yaml")
    program, *arguments = shlex.split(hook["entry"])
    assert program == "voicekit"
    done = run(*arguments, *hook.get("args", []), "agent.yaml", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = run(*arguments, *hook.get("args", []), "agent.yaml", "wrong.yaml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "1 error in 2 files\n")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pipelines/local.yaml", True),
        ("pipelines/generations/serial.yml", True),
        ("voice/agents/one.yaml", True),
        ("agent.yaml", True),
        ("compose.yaml", False),
        ("deploy/my-agent.yaml", False),
        ("my-agents/one.yaml", False),
    ],
)
def test_the_hook_for_pre_commit_takes_agents(path: str, expected: bool) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert bool(re.search(hook["files"], path)) is expected


def test_files_of_tests_are_checked_with_the_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = f"version: 1\nname: a\n{RULES}asr: pocketsphinx\ntts: auto\n"
    (tmp_path / "a.yaml").write_text(agent, encoding="utf-8")
    tests = "name: a\nscenarios:\n  - {name: b, turns: [{usr: hi}]}\n"
    (tmp_path / "a.test.yaml").write_text(tests, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command, [])
    assert (done.exit_code, done.stdout) == (1, "1 error in 2 files\n")
    assert done.stderr.startswith("a.test.yaml:3:24: error: no key 'usr' in scenarios.turns [unknown-key]\n")
