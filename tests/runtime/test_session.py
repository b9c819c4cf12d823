"""Calls to a file with `realtime` whose sessions die: what goes on, and what is heard when nothing does."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.azure.realtime.llm import AzureRealtimeLLMService
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.services.xai.realtime.llm import GrokRealtimeLLMService

from tests.emulators.sound import quiet, tone
from tests.runtime.memory_line import Caller, calling
from tests.services.embedded import needs_flite, until
from voicekit.calls.scene import Scene
from voicekit.calls.speech import Speaker
from voicekit.calls.stage import Stage, stage_variables, staged
from voicekit.config.loader import load
from voicekit.config.phrasebook import phrasebook
from voicekit.emulators.faults import Break, Fault, Latency, Refuse
from voicekit.emulators.openai_realtime import OpenAIRealtime
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.records.events import AgentFilled, AgentSaid, AnswerBegan, CallEnded, CallerSaid, Restarted, Trouble
from voicekit.runtime.journal import GO_ON
from voicekit.runtime.wire import supervised

FILE = """\
version: 1
name: desk
language: en-GB
prompt: Be brief.
greeting: Hello.
realtime: {provider: openai, model: gpt-realtime, timeout_secs: 1}
tools: {clock: {builtin: current_time}}
failure: {say: Sorry., goodbye: Bye., tries: 2, within_ms: 2000}
"""
STORY = "Once upon a time there was a very long story that nobody ever heard to its end."
SCRIPT = Script(
    {
        "time is it": Reply(calls=(ToolCall("clock"),)),
        '"iso"': Reply("Noon."),
        "story": Reply(STORY),
        "were cut off": Reply("And so on."),
    },
    otherwise=Reply("Yes."),
)


@asynccontextmanager
async def desk(
    folder: Path, *faults: Fault | None, first_secs: float = 0.0, each_secs: float = 0.0, file: str = FILE
) -> AsyncIterator[tuple[Caller, Stage, OpenAIRealtime]]:
    path = folder / "desk.yaml"
    path.write_text(file, encoding="utf-8")
    loaded = load(path, stage_variables({}), running=True)
    assert loaded.agent is not None, loaded.problems
    latency = {"openai-realtime": Latency(first_secs, each_secs)}
    scene = Scene(SCRIPT, latency, {"openai-realtime": faults} if faults else {})
    async with staged(loaded.agent, scene) as stage, calling(stage.agent, folder) as caller:
        yield caller, stage, cast("OpenAIRealtime", stage.emulators["openai-realtime"])


async def ask(caller: Caller, stage: Stage, words: str, count: int) -> str:
    stage.announce(words)
    caller.speak(tone(0.4))
    return (await caller.wait(AgentSaid, count)).text


def told(emulator: OpenAIRealtime, number: int) -> list[tuple[str, str]]:
    """Return the items that a session was told of by its client."""
    items = [each["item"] for each in emulator.sessions[number].received if each["type"] == "conversation.item.create"]
    return [(str(item.get("role", item["type"])), words_of(item)) for item in items]


def words_of(item: dict[str, Any]) -> str:
    return "".join(part["text"] for part in item.get("content", ())) or str(item.get("output") or item.get("name"))


async def test_a_session_that_is_closed_in_a_silence_goes_on_with_what_was_said(tmp_path: Path) -> None:
    async with desk(tmp_path) as (caller, stage, emulator):
        await caller.wait(AgentSaid)
        assert await ask(caller, stage, "What time is it?", 2) == "Noon."
        emulator.close(1000, "maintenance")
        restarted = await caller.wait(Restarted)
        assert await ask(caller, stage, "Really?", 3) == "Yes."
    assert (restarted.source, restarted.reason) == ("realtime", "it was closed")
    assert restarted.secs <= 1
    # The line that the greeting was asked for with is not said again.
    items = told(emulator, 1)
    assert [role for role, _ in items] == ["assistant", "user", "function_call", "function_call_output", "assistant"]
    assert [items[at][1] for at in (0, 1, 2, 4)] == ["Hello.", "What time is it?", "clock", "Noon."]
    assert emulator.sessions[1].settings["instructions"] == "Be brief."
    assert [tool["name"] for tool in emulator.sessions[1].settings["tools"]] == ["clock"]
    assert emulator.sessions[1].errors == []
    assert caller.of(Trouble) == []
    assert [event.text for event in caller.of(CallerSaid)] == ["What time is it?", "Really?"]


async def test_an_answer_that_is_cut_off_goes_on(tmp_path: Path) -> None:
    async with desk(tmp_path, each_secs=0.1) as (caller, stage, emulator):
        await caller.wait(AgentSaid)
        stage.announce("Tell me a story.")
        caller.speak(tone(0.4))
        await caller.wait(AnswerBegan)
        await asyncio.sleep(0.3)
        emulator.close(1011, "oops")
        await caller.wait(Restarted)
        answer = (await caller.wait(AgentSaid, 2)).text
    items = told(emulator, 1)
    assert [role for role, _ in items] == ["assistant", "user", "assistant", "system"]
    assert STORY.startswith(items[2][1])
    assert items[3][1] == GO_ON
    # One answer, of what was heard before and of what came then.
    assert answer.startswith("Once upon")
    assert answer.endswith("And so on.")
    assert caller.of(Restarted)[0].reason == "it was closed: 1011 oops"
    assert emulator.sessions[1].errors == []


@pytest.mark.parametrize("how", ["garbage", "drop", "error"])
async def test_a_turn_whose_session_dies_is_answered_by_the_next(how: Any, tmp_path: Path) -> None:
    file = FILE.replace("greeting: Hello.\n", "")
    # After two events of the settings come those of the caller's turn.
    async with desk(tmp_path, Break(how, after=4), file=file) as (caller, stage, emulator):
        assert await ask(caller, stage, "Good day.", 1) == "Yes."
        await caller.wait(Restarted)
    assert len(emulator.sessions) == 2
    assert caller.of(Trouble) == []
    assert len(caller.of(AnswerBegan)) == 1


@needs_flite
async def test_a_turn_that_a_timer_of_ours_has_ended_is_answered_by_the_next(tmp_path: Path) -> None:
    file = FILE.replace("greeting: Hello.\n", "turn: {end: fixed, wait_ms: 400}\n")
    speaker = Speaker()
    try:
        question = (await speaker.speech("A question, please."))[::3].tobytes()
    finally:
        await speaker.close()
    async with desk(tmp_path, first_secs=0.8, file=file) as (caller, stage, emulator):
        for _ in range(2):
            stage.announce("A question, please.")
        caller.speak(question)
        await caller.wait(CallerSaid)
        emulator.close(1011)
        assert (await caller.wait(AgentSaid)).text == "Yes."
        await until(lambda: emulator.sessions[1].heard == ["A question, please."])
    kinds = [event["type"] for event in emulator.sessions[1].received]
    assert kinds == ["session.update", "input_audio_buffer.commit", "response.create"]
    assert [event.text for event in caller.of(CallerSaid)] == ["A question, please."]
    assert emulator.sessions[1].errors == []


async def test_an_error_ends_no_session(tmp_path: Path) -> None:
    async with desk(tmp_path) as (caller, stage, emulator):
        await caller.wait(AgentSaid)
        emulator.error("invalid_value", "Audio content is already shorter.")
        assert await caller.wait(Trouble) == Trouble("realtime", "Audio content is already shorter.")
        assert await ask(caller, stage, "Good day.", 2) == "Yes."
    assert len(emulator.sessions) == 1
    assert caller.of(AgentFilled) == []


async def test_a_response_that_fails_is_asked_for_once_more(tmp_path: Path) -> None:
    async with desk(tmp_path) as (caller, stage, emulator):
        await caller.wait(AgentSaid)
        emulator.failing = 1
        assert await ask(caller, stage, "Good day.", 2) == "Yes."
        assert caller.of(Trouble) == []
        emulator.failing = 2
        stage.announce("Good day.")
        caller.speak(tone(0.4))
        await caller.wait(Trouble, 2)
        await caller.wait(AgentFilled)
    assert {event.text for event in caller.of(Trouble)} == {
        "nothing of the answer was heard",
        "The server had an error while processing your request. Sorry about that!",
    }
    assert caller.of(AgentFilled) == [AgentFilled("Sorry.")]
    assert len(emulator.sessions) == 1


async def test_a_session_is_renewed_before_it_expires(tmp_path: Path) -> None:
    async with desk(tmp_path) as (caller, stage, emulator):
        # Of one this short, half is left when it is.
        emulator.session_secs = 4.0
        emulator.close()
        await caller.wait(Restarted)
        renewed = await caller.wait(Restarted, 2)
        assert await ask(caller, stage, "Good day.", 2) == "Yes."
    assert renewed.reason == "it is about to expire"
    assert caller.of(Trouble) == []


async def test_a_session_that_hangs_is_left(tmp_path: Path) -> None:
    file = FILE.replace("greeting: Hello.\n", "")
    async with desk(tmp_path, Break("hang", after=4), file=file) as (caller, stage, emulator):
        assert await ask(caller, stage, "Good day.", 1) == "Yes."
    assert [event.reason for event in caller.of(Restarted)] == ["no answer has come within 1 s"]
    assert len(emulator.sessions) == 2


async def test_a_greeting_whose_session_dies_is_said_once(tmp_path: Path) -> None:
    async with desk(tmp_path, Break("drop", after=5)) as (caller, _, emulator):
        assert (await caller.wait(AgentSaid)).text == "Hello."
        emulator.close()
        await caller.wait(Restarted, 2)
        await asyncio.sleep(0.5)
    assert [event.text for event in caller.of(AgentSaid)] == ["Hello."]


@needs_flite
async def test_a_refused_key_is_told_and_the_call_ends_with_last_words(tmp_path: Path) -> None:
    async with desk(tmp_path, *[Refuse(401)] * 9) as (caller, _, emulator):
        ended = await caller.wait(CallEnded)
    assert ended.reason == "failure"
    assert [event.text for event in caller.of(AgentFilled)] == ["Sorry.", "Bye."]
    assert emulator.sessions == []
    assert {event.text for event in caller.of(Trouble)} == {
        "cannot connect: server rejected WebSocket connection: HTTP 401"
    }
    assert caller.transport.out.heard_secs > 0.5


@needs_flite
async def test_a_session_that_is_not_begun_again_ends_the_call_with_last_words(tmp_path: Path) -> None:
    async with desk(tmp_path, None, *[Refuse(403)] * 9) as (caller, _, emulator):
        await caller.wait(AgentSaid)
        emulator.close(1011)
        ended = await caller.wait(CallEnded)
    assert ended.reason == "failure"
    assert [event.text for event in caller.of(AgentFilled)] == ["Sorry.", "Bye."]
    assert caller.of(Restarted) == []
    assert len(emulator.sessions) == 1


@needs_flite
@pytest.mark.long
async def test_a_caller_who_waits_for_a_session_hears_that_he_has_to(tmp_path: Path) -> None:
    file = FILE.replace("greeting: Hello.\n", "").replace("timeout_secs: 1", "timeout_secs: 8")
    faults = (Break("drop", after=4), Refuse(500), Refuse(500))
    async with desk(tmp_path, *faults, file=file) as (caller, stage, _emulator):
        assert await ask(caller, stage, "Good day.", 1) == "Yes."
    filler = caller.of(AgentFilled)[0]
    fillers = phrasebook("en-GB")
    assert fillers is not None
    assert filler.text in fillers.fillers
    assert caller.of(Restarted)[0].secs >= 3
    assert caller.of(Trouble) == []


@pytest.mark.parametrize(
    ("service", "kept"),
    [
        (OpenAIRealtimeLLMService(api_key="k"), True),
        (AzureRealtimeLLMService(api_key="k", base_url="wss://desk.example/openai/v1/realtime"), True),
        (GrokRealtimeLLMService(api_key="k"), False),
    ],
    ids=["openai", "azure", "xai"],
)
def test_whose_sessions_are_kept(service: FrameProcessor, kept: bool) -> None:
    assert supervised(service) is kept


async def test_a_caller_who_hangs_up_after_garbage_is_let_go(tmp_path: Path) -> None:
    async with desk(tmp_path, Break("garbage", after=4)) as (caller, _, _emulator):
        caller.speak(tone(0.4) + quiet(0.4))
        await until(lambda: bool(caller.of(Restarted)))
        began = time.monotonic()
        await caller.hang_up()
        await caller.wait(CallEnded)
    assert time.monotonic() - began < 3
