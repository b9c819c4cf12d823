"""`voicekit calls`: what is noted of a caller is shown and deleted, of him and of nobody else."""

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cli.command import run
from voicekit.cli.calls import command
from voicekit.problems import Refused
from voicekit.records.facts import Facts, facts_path

FILE = """
version: 1
name: desk
prompt: Be brief.
asr: deepgram
llm: openai
tts: flite
tools: {remember: builtin}
memory: {between_calls: {days: 90}}
"""
ANN, BO = "+15550100", "+15550101"


@pytest.fixture(autouse=True)
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "desk.yaml").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    facts = Facts(facts_path(), "desk", 90)
    facts.add(ANN, "Her name is Ann.")
    facts.add(ANN, "She prefers mornings.")
    facts.add(BO, "He is deaf in one ear.")
    return facts


def calls(*arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments], catch_exceptions=False)


def test_notes_are_shown_with_their_day() -> None:
    today = date.today().isoformat()
    done = calls("remembered", "desk.yaml", ANN)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{today}  Her name is Ann.\n{today}  She prefers mornings.\n"
    assert calls("remembered", "desk.yaml", "+15550199").stdout == ""


@pytest.mark.parametrize(
    ("which", "told", "left"),
    [
        (ANN, "2 notes deleted\n", [0, 1]),
        (BO, "1 note deleted\n", [2, 0]),
        ("+15550199", "0 notes deleted\n", [2, 1]),
        ("--all", "3 notes deleted\n", [0, 0]),
    ],
)
def test_notes_are_deleted(which: str, told: str, left: list[int], facts: Facts) -> None:
    done = calls("forget", "desk.yaml", which)
    assert (done.exit_code, done.stdout, done.stderr) == (0, told, "")
    assert [len(facts.of(caller)) for caller in (ANN, BO)] == left


def test_what_a_file_keeps_no_more_can_still_be_deleted(tmp_path: Path, facts: Facts) -> None:
    (tmp_path / "desk.yaml").write_text(FILE[: FILE.index("tools")], encoding="utf-8")
    assert calls("forget", "desk.yaml", ANN).stdout == "2 notes deleted\n"
    assert len(facts.of(BO)) == 1


@pytest.mark.parametrize("which", [(), (ANN, "--all")])
def test_all_are_deleted_only_when_that_is_said(which: tuple[str, ...], facts: Facts) -> None:
    done = calls("forget", "desk.yaml", *which)
    assert done.exit_code == 2
    assert "give the NUMBER of a caller, or --all" in done.stderr
    assert len(facts.of(ANN)) == 2


def test_a_wrong_file_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text("version: 1\nname: desk\nasr: deepgam\n", encoding="utf-8")
    done = calls("forget", "desk.yaml", ANN)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "[unknown-provider]" in done.stderr


@pytest.mark.parametrize("verb", ["remembered", "forget"])
def test_notes_that_cannot_be_read_are_told_of(verb: str) -> None:
    facts_path().write_text("no database\n" * 100, encoding="utf-8")
    with pytest.raises(Refused) as refused:
        calls(verb, "desk.yaml", ANN)
    assert refused.value.problems[0].code == "memory-unusable"


def test_it_is_a_verb() -> None:
    done = run("calls", "--help")
    assert done.returncode == 0
    assert "remembered" in done.stdout
    assert "forget" in done.stdout
