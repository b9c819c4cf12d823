"""What a call uses up, read at each service: who pays for it, and that nothing is counted twice or not at all."""

from pathlib import Path
from typing import Final

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMTextFrame,
    MetricsFrame,
    TTSAudioRawFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage, LLMUsageMetricsData, TTFBMetricsData, TTSUsageMetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from tests.emulators.sound import quiet, tone
from tests.runtime.clock import Clock, Steps
from tests.runtime.memory_line import calling
from tests.services.embedded import needs_flite, running
from voicekit.calls.scene import Scene
from voicekit.calls.stage import stage_variables, staged
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.emulators.faults import Refuse
from voicekit.emulators.script import Reply, Script
from voicekit.records.cost import Bill, Usage
from voicekit.records.events import AgentSaid, CallEnded, TakenOver
from voicekit.runtime.meter import Meter, tokens_used

# The SDK of Deepgram still connects with the names that websockets is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning")

FILE: Final = """
version: 1
name: desk
prompt: Be brief.
asr: deepgram/nova-3
llm: [openai/gpt-4o-mini, anthropic/claude-haiku-4-5]
tts: {provider: openai, voice: alloy}
fillers: false
limits: {goodbye: Bye.}
"""
LLM: Final = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}

TOLD: Final = MetricsFrame([LLMUsageMetricsData(processor="llm openai", value=LLMTokenUsage(**LLM))])


def desk(folder: Path) -> Agent:
    loaded = load(folder / "desk.yaml", stage_variables({}), running=True, data=FILE.encode())
    assert loaded.agent is not None, loaded.problems
    return loaded.agent


class Echo(FrameProcessor):
    """A service that pushes what it is told to, as its own."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Desk:
    """The services of a file, watched."""

    def __init__(self, agent: Agent) -> None:
        self.bill = Bill()
        self.changes = 0
        self.made: list[FrameProcessor] = []
        meter = Meter(self.bill, self.changed)
        for service in agent.services:
            self.made.append(Echo(name=f"{service.kind} {service.provider.name}"))
            meter.watch(self.made[-1], service)

    def changed(self) -> None:
        self.changes += 1

    async def put(self, *frames: Frame) -> None:
        async with running(Pipeline(self.made)) as line:
            await Steps(line, Clock()).put(*frames)


def spoken(kind: type[InputAudioRawFrame | TTSAudioRawFrame], secs: float) -> Frame:
    return kind(bytes(round(16000 * secs) * 2), 16000, 1)


@pytest.mark.parametrize(
    ("told", "used"),
    [
        # OpenAI: what is cached is in it.
        (LLMTokenUsage(**LLM, cache_read_input_tokens=400), Usage(input=600, cached=400, output=100)),
        # Anthropic: it is beside it.
        (
            LLMTokenUsage(
                prompt_tokens=100,
                completion_tokens=100,
                total_tokens=1100,
                cache_read_input_tokens=600,
                cache_creation_input_tokens=300,
            ),
            Usage(input=100, cached=600, cache_write=300, output=100),
        ),
        # OpenAI Realtime.
        (
            LLMTokenUsage(
                **LLM,
                cache_read_input_tokens=400,
                cache_read_input_audio_tokens=300,
                input_audio_tokens=800,
                output_audio_tokens=80,
            ),
            Usage(input=100, cached=100, output=20, audio_input=500, audio_cached=300, audio_output=80),
        ),
    ],
)
def test_no_token_is_counted_twice(told: LLMTokenUsage, used: Usage) -> None:
    assert tokens_used(told) == used
    assert used.tokens == told.total_tokens


async def test_what_passes_by_is_counted_where_it_comes_from(tmp_path: Path) -> None:
    at = Desk(desk(tmp_path))
    asr, first, second, voice = (each.name for each in at.made)
    usage = LLMTokenUsage(**LLM)
    await at.put(
        MetricsFrame([LLMUsageMetricsData(processor=first, value=usage)]),
        MetricsFrame([LLMUsageMetricsData(processor=second, value=usage)]),
        MetricsFrame([TTSUsageMetricsData(processor=voice, value=10), TTFBMetricsData(processor=asr, value=1)]),
    )
    assert at.bill._usd == {
        "openai/gpt-4o-mini": pytest.approx((1000 * 0.15 + 100 * 0.6) / 1e6),
        "anthropic/claude-haiku-4-5": pytest.approx((1000 * 1 + 100 * 5) / 1e6),
        # It is paid by the minute.
        "openai": 0,
    }
    assert at.changes == 3


async def test_sound_is_counted_by_the_minute_heard_and_spoken(tmp_path: Path) -> None:
    at = Desk(desk(tmp_path))
    await at.put(spoken(InputAudioRawFrame, 6), spoken(TTSAudioRawFrame, 12))
    assert at.bill.usd == pytest.approx(0.0058 / 10 + 0.015 / 5)


@pytest.mark.parametrize(
    ("frames", "estimated"),
    [
        ((), False),
        ((LLMTextFrame("x" * 400), InterruptionFrame()), True),
        ((LLMTextFrame("x" * 400), InterruptionFrame(), InterruptionFrame()), True),
        ((ErrorFrame("refused"), InterruptionFrame()), False),
        (
            (
                MetricsFrame([LLMUsageMetricsData(processor="llm openai", value=LLMTokenUsage(**LLM))]),
                InterruptionFrame(),
            ),
            None,
        ),
    ],
)
async def test_an_answer_that_was_cut_off_is_estimated_once_unless_it_was_told(
    frames: tuple[Frame, ...], estimated: bool | None, tmp_path: Path
) -> None:
    agent = desk(tmp_path)
    at = Desk(agent.model_copy(update={"asr": (), "llm": agent.llm[:1], "tts": ()}))
    context = LLMContext([{"role": "user", "content": "y" * 4000}])
    await at.put(LLMContextFrame(context), *frames)
    if estimated is None:
        assert at.bill.tokens == 1100
    elif estimated:
        assert 1100 <= at.bill.tokens < 1150
    else:
        assert at.bill.tokens == 0


@pytest.mark.long
@needs_flite
async def test_who_takes_over_is_counted_at_its_own_price(tmp_path: Path) -> None:
    scene = Scene(Script({"good day": Reply("And a very good day to you.")}), faults={"openai": [Refuse(401)]})
    async with staged(desk(tmp_path), scene) as stage, calling(stage.agent, tmp_path) as caller:
        stage.announce("Good day.", 0.6)
        caller.speak(quiet(0.2) + tone(0.6))
        await caller.wait(AgentSaid)
        await caller.hang_up()
        ended = await caller.wait(CallEnded)
        assert [each.new for each in caller.of(TakenOver)] == ["anthropic/claude-haiku-4-5"]
        bill = caller.call._bill
        assert {"deepgram/nova-3", "anthropic/claude-haiku-4-5"} <= set(bill._usd)
        # It has refused, which costs nothing.
        assert "openai/gpt-4o-mini" not in bill._usd
        assert ended.cost_usd == pytest.approx(bill.usd)
