"""How a file is read with the environment and the `.env` beside it."""

from pathlib import Path

import pytest

from voicekit.config.files import read_file, variables_beside
from voicekit.problems import Refused
from voicekit.report import render

FILE = "version: 1\nname: agent\nlanguage: ${TONGUE}\n"


def test_the_environment_stands_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("export ONE='a b'\nTWO=${ONE}\nTHREE=here\nBARE\n", encoding="utf-8")
    monkeypatch.setenv("THREE", "there")
    found = variables_beside(tmp_path)
    assert (found["ONE"], found["TWO"], found["THREE"]) == ("a b", "${ONE}", "there")
    assert "BARE" not in found


def test_without_an_env_file_it_is_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").mkdir()
    monkeypatch.setenv("ONE", "1")
    assert variables_beside(tmp_path)["ONE"] == "1"


def test_an_env_file_that_cannot_be_read_is_a_problem_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(b"KEY=\xff\n")
    loaded = read_file(Path("agent.yaml"))
    assert loaded.agent is None
    assert render(loaded.problems, loaded.sources) == "error: '.env' is not UTF-8 [not-utf8]"


def test_an_env_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:  # the tests may run as root, whom no mode keeps out
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(Refused) as refused:
        variables_beside(tmp_path)
    assert str(refused.value) == f"'{tmp_path / '.env'}' cannot be read: Permission denied"


def test_what_is_in_a_file_may_be_given(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TONGUE=Klingon!\n", encoding="utf-8")
    loaded = read_file(tmp_path / "agent.yaml", data=FILE.encode())
    assert "'language' cannot be '${TONGUE}'" in render(loaded.problems, loaded.sources)
