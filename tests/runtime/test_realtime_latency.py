"""How long a speech-to-speech service took is told once for each answer, from the first time that a frame is seen."""

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    Frame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import FramePushed
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from tests.runtime.test_construct import service
from voicekit.records.events import AnswerBegan, Event, Stages
from voicekit.runtime.realtime_latency import RealtimeLatency, known_wait


async def told(wait_secs: float, *moments: tuple[float, Frame]) -> list[Event]:
    """Return what is told of frames that are pushed at moments, each by two parts."""
    events: list[Event] = []
    now = 0.0
    latency = RealtimeLatency(events.append, wait_secs, lambda: now)
    part = FrameProcessor()
    for moment, frame in moments:
        for hop in (0.0, 0.001):
            now = moment + hop
            await latency.on_push_frame(FramePushed(part, part, frame, FrameDirection.DOWNSTREAM, 0))
    return events


async def test_the_wait_of_the_provider_counts() -> None:
    moments = ((1.0, UserStartedSpeakingFrame()), (2.0, UserStoppedSpeakingFrame()), (2.3, BotStartedSpeakingFrame()))
    assert await told(0.5, *moments) == [AnswerBegan(Stages(answer=800, turn=500, realtime=300))]
    assert await told(0.0, *moments) == [AnswerBegan(Stages(answer=300, realtime=300))]


async def test_a_detector_of_ours_knows_better() -> None:
    assert await told(
        0.5,
        (1.0, VADUserStartedSpeakingFrame()),
        (2.0, VADUserStoppedSpeakingFrame(stop_secs=0.2)),
        (2.2, UserStoppedSpeakingFrame()),
        (2.5, BotStartedSpeakingFrame()),
        (4.0, BotStartedSpeakingFrame()),
    ) == [AnswerBegan(Stages(answer=700, turn=400, realtime=300))]


async def test_a_greeting_answers_nobody() -> None:
    assert await told(0.5, (1.0, BotStartedSpeakingFrame())) == []


@pytest.mark.parametrize(
    ("name", "options", "secs"),
    [
        ("openai", {}, 0.5),
        ("openai", {"silence_duration_ms": 300}, 0.3),
        ("openai", {"turn_detection": "semantic_vad"}, 0.0),
        ("openai", {"eagerness": "high"}, 0.0),
        ("gemini", {}, 0.0),
    ],
)
def test_what_a_provider_waits_for(name: str, options: dict[str, object], secs: float) -> None:
    assert known_wait(service("realtime", name, **options)) == secs
