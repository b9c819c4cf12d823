"""What callers have told is kept for so many days, by whose number it is, and deleted without a trace."""

import sqlite3
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from voicekit.records.facts import MOST_FACTS, Facts, facts_path

ANN, BO = "+15550100", "+15550101"


def texts(facts: Facts, caller: str = ANN) -> list[str]:
    return [fact.text for fact in facts.of(caller)]


def days_later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + days * 24 * 3600)


def test_a_fact_is_its_agent_s_and_its_caller_s(tmp_path: Path) -> None:
    facts = Facts(tmp_path / "facts.db", "desk", 90)
    assert texts(facts) == []
    facts.add(ANN, "Her name is Ann.")
    facts.add(ANN, "She prefers mornings.")
    facts.add(BO, "He is deaf in one ear.")
    assert texts(facts) == ["Her name is Ann.", "She prefers mornings."]
    assert texts(facts, BO) == ["He is deaf in one ear."]
    assert texts(Facts(tmp_path / "facts.db", "shop", 90)) == []
    assert {fact.day for fact in facts.of(ANN)} == {date.today()}


def test_a_fact_is_kept_for_so_many_days_from_when_it_was_last_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Facts(tmp_path / "facts.db", "desk", 30)
    facts.add(ANN, "one")
    facts.add(ANN, "two")
    days_later(monkeypatch, 20)
    facts.add(ANN, "one")
    assert texts(facts) == ["two", "one"]
    days_later(monkeypatch, 15)
    assert texts(facts) == ["one"]
    assert texts(Facts(tmp_path / "facts.db", "desk", 40)) == ["two", "one"]
    facts.expire()
    assert texts(Facts(tmp_path / "facts.db", "desk", 40)) == ["one"]


def test_the_latest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Facts(tmp_path / "facts.db", "desk", 30)
    moments = iter(range(1_900_000_000, 1_900_001_000))
    monkeypatch.setattr(time, "time", lambda: float(next(moments)))
    for number in range(MOST_FACTS + 3):
        facts.add(ANN, f"fact {number}")
    facts.add(BO, "another's")
    assert texts(facts) == [f"fact {number}" for number in range(3, MOST_FACTS + 3)]


@pytest.mark.parametrize(
    ("forget", "count", "left"),
    [
        (lambda facts: facts.forget(ANN), 1, ["Bo's"]),
        (lambda facts: facts.forget("+15550199"), 0, ["Ann's", "Bo's"]),
        (lambda facts: facts.forget(), 2, []),
    ],
)
def test_what_is_forgotten_is_gone_from_the_disk(
    forget: Callable[[Facts], int], count: int, left: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "facts.db"
    facts, other = Facts(path, "desk", 90), Facts(path, "shop", 90)
    facts.add(ANN, "Ann's")
    facts.add(BO, "Bo's")
    other.add(ANN, "told the shop")
    assert forget(facts) == count
    assert texts(facts) + texts(facts, BO) == left
    assert texts(other) == ["told the shop"]
    on_disk = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert [text for text in ("Ann's", "Bo's") if text.encode() in on_disk] == left


def test_nobody_else_reads_the_file_and_no_number_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "facts.db"
    Facts(path, "desk", 90).add(ANN, "Her name is Ann.")
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert ANN.encode() not in path.read_bytes()
    assert ANN[1:].encode() not in path.read_bytes()


def test_many_threads_and_processes_may_write_at_once(tmp_path: Path) -> None:
    facts = [Facts(tmp_path / "facts.db", "desk", 90) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: facts[number % 8].add(ANN, f"fact {number}"), range(40)))
    assert sorted(texts(facts[0])) == sorted(f"fact {number}" for number in range(40))


def test_a_reader_waits_for_no_writer(tmp_path: Path) -> None:
    facts = Facts(tmp_path / "facts.db", "desk", 90)
    facts.add(ANN, "before")
    writer = sqlite3.connect(tmp_path / "facts.db")
    writer.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    assert texts(facts) == ["before"]
    assert time.monotonic() - began < 1
    writer.close()


def test_without_a_file_nothing_is_kept() -> None:
    facts = Facts(None, "desk", 90)
    facts.add(ANN, "Her name is Ann.")
    assert (texts(facts), facts.forget(ANN)) == ([], 0)
    facts.expire()


def test_what_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "facts.db").write_text("my facts\n" * 100, encoding="utf-8")
    facts = Facts(tmp_path / "facts.db", "desk", 90)
    with pytest.raises(sqlite3.DatabaseError):
        facts.add(ANN, "Her name is Ann.")
    assert (tmp_path / "facts.db").read_text(encoding="utf-8") == "my facts\n" * 100


def test_it_stands_where_the_platform_keeps_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert facts_path() == tmp_path / "voicekit" / "facts.db"
