"""Asides: they are handed on as they are heard, and the first sound of an answer cuts them off; in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from pipecat.frames.frames import (
    AggregatedTextFrame,
    BotStoppedSpeakingFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)

from tests.runtime.clock import Clock, Steps
from tests.services.embedded import running
from voicekit.records.events import AgentFilled, Event
from voicekit.runtime.asides import ASIDE, LEAD_SECS, Asides

RATE = 8000


class Voice(Steps):
    """What the voice pushes, and what a transport gets of it."""

    events: list[Event]
    asides: Asides

    def sound(self, context: str, secs: float) -> Frame:
        return TTSAudioRawFrame(b"\x00\x10" * round(RATE * secs), RATE, 1, context_id=context)

    async def aside(self, context: str, secs: float) -> None:
        said = AggregatedTextFrame(f"{context}.", ASIDE)
        said.context_id = context
        await self.put(said, self.sound(context, secs / 2), self.sound(context, secs / 2), TTSStoppedFrame(context))

    def heard(self) -> list[str]:
        """Return what came out: an answer's sound by its name, an aside's by its seconds."""
        found: list[str] = []
        secs = 0.0
        for frame in self.line.down.frames:
            if type(frame) is OutputAudioRawFrame:
                secs += len(frame.audio) / 2 / RATE
            elif isinstance(frame, TTSAudioRawFrame | TTSStoppedFrame):
                found += [f"{secs:.2f}"] * bool(secs)
                secs = 0.0
                found.append("stop" if isinstance(frame, TTSStoppedFrame) else str(frame.context_id))
        return found + [f"{secs:.2f}"] * bool(secs)


@asynccontextmanager
async def voice() -> AsyncIterator[Voice]:
    clock, events = Clock(), list[Event]()
    asides = Asides(events.append, clock.sleep, clock.now)
    async with running(asides) as line:
        found = Voice(line, clock)
        found.events, found.asides = events, asides
        yield found


async def test_it_is_handed_on_as_it_is_heard() -> None:
    async with voice() as said:
        await said.aside("one", 1.0)
        await said.wait(0.4)
        [whole] = said.heard()
        assert 0.4 <= float(whole) <= 0.4 + 2 * LEAD_SECS
        await said.wait(1.0)
        assert said.heard() == ["1.00", "stop"]
        assert said.events == [AgentFilled("one.")]


async def test_the_first_sound_of_an_answer_cuts_it_off() -> None:
    async with voice() as said:
        await said.aside("one", 3.0)
        await said.wait(0.5)
        said.asides.give_way()
        await said.wait(0.5)
        await said.put(said.sound("answer", 1.0))
        cut, *rest = said.heard()
        assert rest == ["stop", "answer"]
        assert 1.0 <= float(cut) <= 1.0 + 2 * LEAD_SECS
        # It fades, and nothing of it comes later.
        last = [frame for frame in said.line.down.frames if type(frame) is OutputAudioRawFrame][-1]
        samples = np.frombuffer(last.audio, dtype="<i2")
        assert (samples[0], samples[-1]) == (0x1000, 0)
        await said.wait(5)
        await said.put(said.sound("one", 1.0))
        assert len(said.heard()) == 3


async def test_one_that_nobody_has_heard_is_dropped_when_an_answer_comes() -> None:
    async with voice() as said:
        said.asides.give_way()
        await said.aside("one", 1.0)
        await said.wait(1)
        await said.put(said.sound("answer", 1.0))
        assert said.heard() == ["answer"]
        assert said.events == []


async def test_two_follow_each_other() -> None:
    async with voice() as said:
        await said.aside("one", 0.5)
        await said.aside("two", 0.5)
        await said.wait(2)
        assert said.heard() == ["0.50", "stop", "0.50", "stop"]
        assert said.events == [AgentFilled("one."), AgentFilled("two.")]


async def test_one_waits_until_the_agent_is_silent() -> None:
    async with voice() as said:
        await said.put(said.sound("answer", 2.0))
        await said.aside("one", 0.5)
        await said.wait(3)
        assert said.heard() == ["answer"]
        await said.put(BotStoppedSpeakingFrame())
        await said.wait(1)
        assert said.heard() == ["answer", "0.50", "stop"]


async def test_the_caller_interrupts_it() -> None:
    async with voice() as said:
        await said.aside("one", 3.0)
        await said.wait(0.5)
        await said.put(InterruptionFrame())
        before = said.heard()
        await said.wait(3)
        assert said.heard() == before
        await said.aside("two", 0.5)
        await said.wait(1)
        assert said.events == [AgentFilled("one."), AgentFilled("two.")]


async def test_the_end_of_the_call_lets_it_finish() -> None:
    async with voice() as said:
        await said.aside("one", 0.5)
        await said.settle()
        await said.line.put(EndFrame())
        while not said.line.down.all(EndFrame):
            said.clock.wake_by(said.clock.time + 1)
            await asyncio.sleep(0)
        assert said.heard() == ["0.50", "stop"]
