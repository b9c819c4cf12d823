"""What a caller tells is noted by the model, and known in his next call: by a cascade and by a realtime model."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.frames.frames import LLMMessagesAppendFrame

from tests.runtime.memory_line import Caller, called
from voicekit.calls.scene import Scene
from voicekit.calls.stage import Stage, stage_variables, staged
from voicekit.config.loader import load
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.problems import Refused
from voicekit.records.events import AgentSaid, ToolFinished, Trouble
from voicekit.records.facts import MOST_CHARACTERS, Facts, facts_path
from voicekit.runtime.host import Host
from voicekit.runtime.remember import number

CASCADE = "llm: openai\ntts: {provider: openai, voice: alloy}\nasr: openai\nfillers: false\n"
REALTIME = "realtime: openai/gpt-realtime\n"
FILE = """
version: 1
name: desk
prompt: Be brief.
tools: {remember: builtin}
memory: {between_calls: {days: 90}}
"""
ANN = "+15550100"
FACT = "Her name is Ann."
SCRIPT = Script(
    {
        "status.*noted": Reply("I will keep that in mind."),
        "error": Reply("I cannot keep that."),
        "ann": Reply("", (ToolCall("remember", {"fact": FACT}),)),
        "hello": Reply("Hello."),
    }
)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return facts_path()


@asynccontextmanager
async def hosted(folder: Path, services: str, *, mocked: bool = False) -> AsyncIterator[tuple[Host, Stage]]:
    data = (FILE + services).encode()
    loaded = load(folder / "desk.yaml", stage_variables({}), running=True, data=data)
    assert loaded.agent is not None, loaded.problems
    async with staged(loaded.agent, Scene(SCRIPT)) as stage:
        host = Host(stage.agent, folder, mocked=mocked)
        yield host, stage
        await host.close()


async def write(caller: Caller, words: str, answers: int) -> None:
    """Write to the agent, as the page does, and wait for its answer."""
    frame = LLMMessagesAppendFrame([{"role": "user", "content": words}], run_llm=True)
    await caller.call._worker.queue_frame(frame)
    await caller.wait(AgentSaid, answers)


def spoil(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("no database\n" * 100, encoding="utf-8")


def block(folder: Path) -> None:
    """Put a file in the way of a folder."""
    shutil.rmtree(folder)
    folder.write_text("", encoding="utf-8")


def there(path: Path) -> bool:
    return path.exists()


def instructions(stage: Stage) -> list[str]:
    """Return what the model was told at the beginning of each call, once for each."""
    if "openai-realtime" in stage.emulators:
        sessions: Any = stage.emulators["openai-realtime"]
        return [session.settings["instructions"] for session in sessions.sessions]
    asked: Any = stage.emulators["openai"]
    heads = [chat.body["messages"][0] for chat in asked.received]
    assert all(head["role"] == "system" for head in heads)
    return list(dict.fromkeys(head["content"] for head in heads))


@pytest.mark.parametrize("services", [CASCADE, REALTIME])
async def test_what_was_told_is_known_in_the_next_call_of_the_same_caller(services: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, services) as (host, stage):
        async with called(host, ANN) as caller:
            await write(caller, "I am Ann.", 1)
            assert [event.failed for event in caller.of(ToolFinished)] == [False]
        [fact] = Facts(facts_path(), "desk", 90).of(ANN)
        assert fact.text == FACT
        async with called(host, "+15550101") as caller:
            await write(caller, "Hello.", 1)
        async with called(host, ANN) as caller:
            await write(caller, "Hello.", 1)
        told = instructions(stage)
        note = f"- {fact.day.isoformat()}: {FACT}"
        assert [FACT in each for each in told] == ([False, True] if services is CASCADE else [False, False, True])
        assert told[-1].startswith("Be brief.\n\n")
        assert told[-1].endswith(f"\n{note}")


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (ANN, ANN),
        ("15550100", "15550100"),
        ("", ""),
        ("anonymous", ""),
        ("+266696687", ""),
        ("+7378742833", ""),
        ("sip:ann@example.org", ""),
    ],
)
def test_who_withholds_his_number_is_nobody(told: str, known: str) -> None:
    assert number({"caller": {"number": told}}) == known


@pytest.mark.parametrize("number", ["", ANN])
async def test_nothing_is_noted_of_an_unknown_caller_or_where_it_cannot_be_written(
    number: str, tmp_path: Path, data: Path
) -> None:
    async with hosted(tmp_path, CASCADE) as (host, _), called(host, number) as caller:
        if number:
            block(data.parent)
        await write(caller, "I am Ann.", 1)
        assert [event.failed for event in caller.of(ToolFinished)] == [True]
        [said] = caller.of(AgentSaid)
        assert said.text == "I cannot keep that."
        assert FACT not in str(caller.of(Trouble))


async def test_a_call_goes_on_where_what_is_known_cannot_be_read(tmp_path: Path, data: Path) -> None:
    async with hosted(tmp_path, CASCADE) as (host, _):
        spoil(data)
        async with called(host, ANN) as caller:
            await write(caller, "Hello.", 1)
            assert [event.source for event in caller.of(Trouble)] == ["memory"]


async def test_where_nothing_can_be_kept_it_does_not_start(tmp_path: Path, data: Path) -> None:
    async with hosted(tmp_path, CASCADE) as (host, _):
        spoil(data)
        with pytest.raises(Refused) as refused:
            await host.warm_up()
        assert refused.value.problems[0].code == "memory-unusable"
        assert str(data) in refused.value.problems[0].text


async def test_what_is_old_goes_when_a_call_ends(tmp_path: Path, data: Path) -> None:
    Facts(data, "desk", 90).add(ANN, FACT)
    with sqlite3.connect(data) as database:
        database.execute("UPDATE fact SET told_at = told_at - 91 * 24 * 3600")
    async with hosted(tmp_path, CASCADE) as (host, stage):
        async with called(host, ANN) as caller:
            await write(caller, "Hello.", 1)
        assert instructions(stage) == ["Be brief."]
    assert Facts(data, "desk", 730).of(ANN) == ()


async def test_while_tools_are_mocked_nothing_is_kept(tmp_path: Path, data: Path) -> None:
    async with hosted(tmp_path, CASCADE, mocked=True) as (host, _), called(host, ANN) as caller:
        await write(caller, "I am Ann.", 1)
        assert [event.failed for event in caller.of(ToolFinished)] == [False]
    assert not there(data)


@pytest.mark.parametrize(
    ("fact", "kept"),
    [("She\nprefers\u202e mornings.", "She prefers  mornings."), ("x" * MOST_CHARACTERS, "x" * MOST_CHARACTERS)],
)
async def test_a_note_is_one_line_without_what_is_invisible(fact: str, kept: str, tmp_path: Path, data: Path) -> None:
    async with hosted(tmp_path, CASCADE) as (host, _):
        [function] = host._toolbox.functions(lambda: None, lambda _: None, lambda: {"caller": {"number": ANN}})
        assert await result_of(function.handler, {"fact": fact}) == {"status": "noted"}
        assert [each.text for each in Facts(data, "desk", 90).of(ANN)] == [kept]
        for wrong in ({}, {"fact": ""}, {"fact": "x" * (MOST_CHARACTERS + 1)}, {"fact": FACT, "more": "x"}):
            assert "error" in await result_of(function.handler, wrong)
        assert len(Facts(data, "desk", 90).of(ANN)) == 1


async def result_of(handler: Any, arguments: Mapping[str, Any]) -> Any:
    results: list[Any] = []

    async def answer(result: Any, **_: Any) -> None:
        results.append(result)

    await handler(SimpleNamespace(arguments=arguments, result_callback=answer))
    return results[0]
