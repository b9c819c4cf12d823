"""Lines as ready-made sound: what is heard beside them."""

import asyncio

import pytest
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InterruptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregator, LLMUserAggregatorParams

from tests.runtime.clock import Clock, Steps
from tests.services.embedded import running
from voicekit.config.lines import Unbroken, said
from voicekit.records.events import AgentFilled, Event
from voicekit.runtime.announcer import Announced, Announcer, Played
from voicekit.runtime.mute import DuringLine

RATE = 16000


async def rendered(_words: str) -> bytes:
    return b"\1\0" * RATE


@pytest.mark.parametrize("last", [True, False])
async def test_nothing_is_spoken_over_last_words(last: bool) -> None:
    announcer = Announcer(rendered, RATE, lambda _: None)
    async with running(announcer) as line:
        saying = asyncio.create_task(announcer.say("Goodbye.", last=last))
        played = await line.down.wait(Played)
        await Steps(line, Clock()).put(TTSAudioRawFrame(b"\1\0" * 160, RATE, 1), TTSTextFrame("And", text_type="word"))
        played.heard.set()
        assert await saying
        await line.put(TTSTextFrame("then", text_type="word"))
        await line.down.wait(TTSTextFrame, 1 if last else 2)
        assert [len(line.down.all(kind)) for kind in (Announced, TTSAudioRawFrame, TTSTextFrame)] == (
            [3, 0, 1] if last else [3, 1, 2]
        )


async def test_a_line_that_is_slow_to_make_is_not_said_behind_last_words() -> None:
    made = asyncio.Event()

    async def slowly(words: str) -> bytes:
        if words == "One moment.":
            await made.wait()
        return b"\1\0" * RATE

    told: list[Event] = []
    announcer = Announcer(slowly, RATE, told.append)
    async with running(announcer) as line:
        filler = asyncio.create_task(announcer.say("One moment.", stop=False))
        last = asyncio.create_task(announcer.say("Goodbye.", last=True))
        played = await line.down.wait(Played)
        made.set()
        assert await filler
        played.heard.set()
        assert await last
    assert told == [AgentFilled("Goodbye.")]


@pytest.mark.parametrize(("line", "unbroken"), [("{{x}} is left.", False), (Unbroken("{{x}} is left."), True)])
async def test_a_caller_speaks_into_a_line_that_he_may_or_may_not_cut_short(line: str, unbroken: bool) -> None:
    announcer = Announcer(rendered, RATE, lambda _: None)
    params = LLMUserAggregatorParams(user_mute_strategies=[DuringLine(lambda: announcer.unbroken)])
    async with running(Pipeline([LLMUserAggregator(LLMContext(), params=params), announcer])) as call:

        async def voice() -> None:
            # Who is muted changes with the sound that comes all the time.
            await call.put(InputAudioRawFrame(bytes(320), RATE, 1))
            await call.put(VADUserStartedSpeakingFrame(start_secs=0.2), VADUserStoppedSpeakingFrame(stop_secs=0.2))

        saying = asyncio.create_task(announcer.say(said(line, {"x": "Half a minute"}), stop=False))
        played = await call.down.wait(Played)
        await voice()
        if unbroken:
            await call.put(mark := TTSTextFrame("behind", text_type="word"))
            await call.down.wait(TTSTextFrame, 2)
            assert mark in call.down.frames
            assert not saying.done()
            played.heard.set()
        assert await saying
        assert len(call.down.all(InterruptionFrame)) == (0 if unbroken else 1)
        if unbroken:
            await voice()
        await call.down.wait(UserStartedSpeakingFrame)
