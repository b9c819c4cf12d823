"""Calls to a file with `realtime`: tools, greeting, interruption, hanging up, and what goes wrong."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.emulators.sound import quiet, tone
from tests.runtime.memory_line import Caller, calling
from tests.services.embedded import needs_flite
from voicekit.calls.scene import Scene
from voicekit.calls.speech import Speaker
from voicekit.calls.stage import Stage, stage_variables, staged
from voicekit.config.loader import load
from voicekit.emulators.faults import Fault, Latency, Refuse
from voicekit.emulators.openai_realtime import OpenAIRealtime
from voicekit.emulators.realtime_session import Session
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.voice import MS_PER_CHARACTER
from voicekit.records.events import AgentSaid, AnswerBegan, CallEnded, CallerSaid, ToolFinished, Trouble

FILE = """\
version: 1
name: desk
language: en-GB
prompt: Be brief.
realtime: {provider: openai, model: gpt-realtime, voice: marin}
tools: {clock: {builtin: current_time}, leave: {builtin: end_call}}
failure: {say: Sorry.}
"""
GREETING = "greeting: Hello.\n"
SCRIPT = Script(
    {
        "time is it": Reply(calls=(ToolCall("clock"),)),
        '"iso"': Reply("Noon."),
        "goodbye": Reply(calls=(ToolCall("leave"),)),
        "next words": Reply("Bye now."),
        "story": Reply("Once upon a time there was a very long story that nobody ever heard to its end."),
    },
    otherwise=Reply("Yes."),
)


@asynccontextmanager
async def desk(
    folder: Path, more: str = "", faults: tuple[Fault | None, ...] = (), latency: Latency | None = None
) -> AsyncIterator[tuple[Caller, Stage]]:
    path = folder / "desk.yaml"
    path.write_text(FILE + more, encoding="utf-8")
    loaded = load(path, stage_variables({}), running=True)
    assert loaded.agent is not None, loaded.problems
    scene = Scene(SCRIPT, {"openai-realtime": latency or Latency()}, {"openai-realtime": faults} if faults else {})
    async with staged(loaded.agent, scene) as stage, calling(stage.agent, folder) as caller:
        yield caller, stage


def session(stage: Stage) -> Session:
    [emulator] = stage.emulators.values()
    return cast("OpenAIRealtime", emulator).sessions[0]


def sent(stage: Stage, kind: str) -> list[dict[str, object]]:
    return [event for event in session(stage).received if event["type"] == kind]


SAYING = FILE.replace("{builtin: current_time}", "{builtin: current_time, say: {start: One moment., done: There.}}")


async def test_the_lines_of_a_tool_are_said_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "FILE", SAYING)
    async with desk(tmp_path) as (caller, stage):
        stage.announce("What time is it?")
        caller.speak(tone(0.4))
        said = [(await caller.wait(AgentSaid, count)).text for count in (1, 2, 3)]
    assert said == ["One moment.", "There.", "Noon."]
    asked = [event["response"] for event in sent(stage, "response.create")]
    exactly = "Say exactly this to the caller, word for word, and nothing before or after it:\n\n"
    assert [cast("dict[str, object]", each).get("instructions") for each in asked] == [
        f"{exactly}One moment.",
        f"{exactly}There.",
        None,
    ]


async def test_a_call_from_the_greeting_to_the_last_word(tmp_path: Path) -> None:
    async with desk(tmp_path, GREETING) as (caller, stage):
        assert await caller.wait(AgentSaid) == AgentSaid("Hello.", interrupted=False)
        stage.announce("What time is it?")
        caller.speak(tone(0.4))
        assert await caller.wait(AgentSaid, 2) == AgentSaid("Noon.", interrupted=False)
        stage.announce("Goodbye.")
        caller.speak(tone(0.4))
        ended = await caller.wait(CallEnded)
    told = [event for event in caller.events if isinstance(event, CallerSaid | AgentSaid | ToolFinished | Trouble)]
    assert [replace(event, ms=0) if isinstance(event, ToolFinished) else event for event in told] == [
        AgentSaid("Hello.", interrupted=False),
        CallerSaid("What time is it?"),
        ToolFinished("clock", failed=False, ms=0),
        AgentSaid("Noon.", interrupted=False),
        CallerSaid("Goodbye."),
        ToolFinished("leave", failed=False, ms=0),
        AgentSaid("Bye now.", interrupted=False),
    ]
    assert ended.reason == "agent"
    # The farewell was heard to its end.
    words = "Hello.Noon.Bye now."
    assert caller.transport.out.heard_secs == pytest.approx(len(words) * MS_PER_CHARACTER / 1000, abs=0.15)


async def test_a_session_begins_with_all_that_the_file_says(tmp_path: Path) -> None:
    async with desk(tmp_path, GREETING) as (caller, stage):
        await caller.wait(AgentSaid)
    settings = session(stage).settings
    assert settings["instructions"] == "Be brief."
    assert [tool["name"] for tool in settings["tools"]] == ["clock", "leave"]
    assert settings["audio"]["output"]["voice"] == "marin"
    assert settings["audio"]["input"]["transcription"]["model"] == "gpt-4o-mini-transcribe"
    assert settings["audio"]["input"]["transcription"]["language"] == "en"
    assert session(stage).errors == []


async def test_a_caller_who_speaks_first_has_tools_and_one_answer(tmp_path: Path) -> None:
    async with desk(tmp_path) as (caller, stage):
        stage.announce("What time is it?")
        caller.speak(tone(0.4))
        assert await caller.wait(AgentSaid) == AgentSaid("Noon.", interrupted=False)
        stage.announce("Really?")
        caller.speak(tone(0.4))
        assert await caller.wait(AgentSaid, 2) == AgentSaid("Yes.", interrupted=False)
    # The server answers what it hears by itself; it is asked once, for what follows the tool.
    assert len(sent(stage, "response.create")) == 1
    assert [event.text for event in caller.of(CallerSaid)] == ["What time is it?", "Really?"]


async def test_an_answer_is_measured_from_the_end_of_the_turn(tmp_path: Path) -> None:
    async with desk(tmp_path, latency=Latency(first_secs=0.4)) as (caller, stage):
        stage.announce("Hm?")
        caller.speak(tone(0.4))
        stages = (await caller.wait(AnswerBegan)).stages
    assert stages.answer is not None
    assert stages.realtime is not None
    assert stages.turn == 500
    assert stages.answer == pytest.approx(500 + stages.realtime, abs=1)
    assert 350 <= stages.realtime < 3000
    assert (stages.asr, stages.llm, stages.tts) == (None, None, None)


async def test_an_interruption_stops_the_answer(tmp_path: Path) -> None:
    async with desk(tmp_path) as (caller, stage):
        stage.announce("Tell me a story.")
        caller.speak(tone(0.4))
        await caller.wait(AnswerBegan)
        stage.announce("Stop.")
        caller.speak(quiet(0.3) + tone(0.4))
        cut = await caller.wait(AgentSaid)
        assert await caller.wait(AgentSaid, 2) == AgentSaid("Yes.", interrupted=False)
    assert cut.interrupted
    assert [type(event) for event in caller.events if isinstance(event, CallerSaid | AgentSaid)] == [
        *(CallerSaid, AgentSaid),
        *(CallerSaid, AgentSaid),
    ]
    assert len(sent(stage, "conversation.item.truncate")) == 1
    assert caller.transport.out.heard_secs < 2.5


@needs_flite
async def test_a_timer_of_ours_ends_the_turn(tmp_path: Path) -> None:
    more = "turn: {end: fixed, wait_ms: 400}\n"
    speaker = Speaker()
    try:
        question, again = [(await speaker.speech(text))[::3].tobytes() for text in ("A story, please.", "Stop it.")]
    finally:
        await speaker.close()
    async with desk(tmp_path, more) as (caller, stage):
        stage.announce("A story, please.")
        caller.speak(question)
        stages = (await caller.wait(AnswerBegan)).stages
        stage.announce("Stop it.")
        caller.speak(quiet(0.3) + again)
        cut = await caller.wait(AgentSaid)
        assert await caller.wait(AgentSaid, 2) == AgentSaid("Yes.", interrupted=False)
    assert session(stage).settings["audio"]["input"]["turn_detection"] is None
    assert cut.interrupted
    assert [event.text for event in caller.of(CallerSaid)] == ["A story, please.", "Stop it."]
    assert stages.turn is not None
    assert stages.turn == pytest.approx(400, abs=150)


async def test_a_caller_cannot_cut_a_greeting_short_that_says_so(tmp_path: Path) -> None:
    more = "greeting: {say: Hello and good day., interruptible: false, delay_ms: 100}\n"
    async with desk(tmp_path, more) as (caller, _):
        caller.speak(quiet(0.4) + tone(0.4))
        assert await caller.wait(AgentSaid) == AgentSaid("Hello and good day.", interrupted=False)


async def test_a_refused_key_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path, GREETING, faults=(Refuse(401),)) as (caller, _):
        trouble = await caller.wait(Trouble)
    assert trouble.source == "realtime"
    assert "401" in trouble.text
    assert [event.reason for event in caller.of(CallEnded)] == ["caller"]
