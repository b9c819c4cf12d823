"""A list of recognisers: whatever the first does, the next hears the turn, all of it and once."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    TranscriptionFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.utils.errors import ErrorCategory

from tests.runtime.clock import Clock, Steps
from tests.services.embedded import running
from voicekit.config.failure import Fallback
from voicekit.config.services import Service
from voicekit.problems import Place
from voicekit.providers.catalog import catalog
from voicekit.records.events import Event, TakenOver, Trouble
from voicekit.runtime.failover_asr import FailoverASR
from voicekit.runtime.succession import Terms

NAMES: Final = ("one", "two", "three")
RATE: Final = 16000
UP: Final = FrameDirection.UPSTREAM


class Recogniser(STTService):
    """Understands, when the caller stops, how many pieces it has heard of him; or does as `behaves` says, in turn.

    `error` and `refused` report one then, `deaf` says nothing.
    """

    def __init__(self, name: str, *behaves: str) -> None:
        super().__init__(ttfs_p99_latency=0.1, settings=STTSettings(model=None, language=None))
        self.called = name
        self.behaves = list(behaves)
        self.heard: list[int] = []
        self.turns: list[str] = []

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        self.heard.append(audio[0])
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self.turns.append("began")
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self.turns.append("ended")
            await self.tell(self.behaves.pop(0) if self.behaves else "well")

    async def tell(self, how: str) -> None:
        if how == "error":
            await self.push_error("it broke", category=ErrorCategory.SERVER)
        elif how == "refused":
            await self.push_error("who are you", category=ErrorCategory.AUTHENTICATION)
        elif how == "well":
            await self.push_frame(TranscriptionFrame(f"{self.called} heard it", "", "now"))


class Scene:
    """Recognisers in a row, a caller, and what comes of it."""

    def __init__(self, *recognisers: Recogniser, within_secs: float = 4.0, **fallback: Any) -> None:
        self.recognisers = recognisers
        self.clock = Clock()
        self.events: list[Event] = []
        provider = catalog().find("asr", "deepgram")
        assert provider is not None
        entries = [replace(provider, name=name) for name in NAMES[: len(recognisers)]]
        services = [Service("asr", entry, {}, Place("test.yaml")) for entry in entries]
        terms = Terms("asr", services, Fallback(**fallback), self.events.append, self.clock.now)
        self.list = FailoverASR(list(recognisers), terms, within_secs, self.clock.sleep)
        self.down: list[Frame] = []
        self.errors: list[str] = []
        self._count = 0

    @asynccontextmanager
    async def on(self) -> AsyncIterator[Steps]:
        async with running(self.list) as line:
            line.down.on_frame = self.down.append
            line.up.on_frame = lambda frame: self.errors.append(frame.error) if isinstance(frame, ErrorFrame) else None
            yield Steps(line, self.clock)

    async def sound(self, at: Steps, secs: float) -> None:
        """Let the caller be heard: each tenth of a second is another piece."""
        for _ in range(round(secs * 10)):
            self._count += 1
            await at.line.put(InputAudioRawFrame(self._count.to_bytes(2, "little") * (RATE // 10), RATE, 1))

    async def speak(self, at: Steps, secs: float = 1.0) -> None:
        """Say something, with what a detector tells of it on its way up."""
        await self.sound(at, 0.5)
        await self.up(at, VADUserStartedSpeakingFrame())
        await self.sound(at, secs)
        await self.up(at, VADUserStoppedSpeakingFrame(stop_secs=0.2))

    async def up(self, at: Steps, frame: Frame) -> None:
        await at.settle()
        await self.list.queue_frame(frame, UP)
        await at.settle()

    async def end_turn(self, at: Steps) -> None:
        await self.up(at, UserStoppedSpeakingFrame())

    @property
    def words(self) -> list[str]:
        return [frame.text for frame in self.down if isinstance(frame, TranscriptionFrame)]

    @property
    def passed(self) -> list[int]:
        return [frame.audio[0] for frame in self.down if isinstance(frame, InputAudioRawFrame)]

    @property
    def taken_over(self) -> list[tuple[str, str]]:
        return [(event.new, event.reason) for event in self.events if isinstance(event, TakenOver)]


async def test_only_one_hears_and_it_is_understood() -> None:
    scene = Scene(Recogniser("one"), Recogniser("two"))
    async with scene.on() as at:
        await scene.speak(at)
        await at.wait(30)
    assert scene.words == ["one heard it"]
    assert scene.recognisers[0].heard == list(range(1, 16))
    assert scene.recognisers[1].heard == []
    assert (scene.events, scene.errors) == ([], [])


@pytest.mark.parametrize(
    ("how", "reason"),
    [("error", "it broke"), ("refused", "who are you"), ("deaf", "no transcript within 2.5 s")],
)
async def test_the_next_hears_the_turn_from_its_beginning(how: str, reason: str) -> None:
    scene = Scene(Recogniser("one", how), Recogniser("two"))
    async with scene.on() as at:
        await scene.speak(at)
        await at.wait(2.6)
        await scene.sound(at, 0.2)
        await at.settle()
    assert scene.words == ["two heard it"]
    assert scene.recognisers[1].heard == list(range(1, 18))
    assert scene.recognisers[1].turns == ["began", "ended"]
    # The others have heard each piece once.
    assert scene.passed == list(range(1, 18))
    assert scene.taken_over == [("two", reason)]
    assert scene.errors == []


async def test_one_that_breaks_while_the_caller_speaks_costs_nothing() -> None:
    one, two = Recogniser("one"), Recogniser("two")
    scene = Scene(one, two)
    async with scene.on() as at:
        await scene.sound(at, 0.5)
        await scene.up(at, VADUserStartedSpeakingFrame())
        await scene.sound(at, 0.5)
        await at.settle()
        await one.push_error("it broke", category=ErrorCategory.SERVER)
        await scene.sound(at, 0.5)
        await scene.up(at, VADUserStoppedSpeakingFrame(stop_secs=0.2))
    assert two.heard == list(range(1, 16))
    assert scene.words == ["two heard it"]


async def test_late_words_of_who_was_given_up_are_not_heard() -> None:
    one = Recogniser("one", "deaf")
    scene = Scene(one, Recogniser("two"))
    async with scene.on() as at:
        await scene.speak(at)
        await at.wait(2.6)
        await one.tell("well")
        await at.settle()
    assert scene.words == ["two heard it"]


async def test_what_was_understood_is_not_heard_again() -> None:
    one, two = Recogniser("one"), Recogniser("two")
    scene = Scene(one, two)
    async with scene.on() as at:
        await scene.speak(at, 2.0)
        await one.push_error("it broke", category=ErrorCategory.SERVER)
        await at.settle()
        await scene.speak(at)
    # The half second before the error may hold the beginning of a word.
    assert two.heard == list(range(21, 41))
    assert scene.words == ["one heard it", "two heard it"]


async def test_nobody_understands_and_the_caller_is_told_in_time() -> None:
    scene = Scene(Recogniser("one", "deaf"), Recogniser("two", "deaf"))
    async with scene.on() as at:
        await scene.speak(at)
        await at.wait(3.9)
        assert scene.errors == []
        await at.wait(0.2)
        assert scene.errors == ["no transcript within 1.5 s"]
        # It may have been a noise: the first hears the next turn.
        await scene.end_turn(at)
        await scene.speak(at)
    assert scene.words == ["one heard it"]


async def test_one_alone_is_given_up_in_time_and_hears_the_next_turn() -> None:
    scene = Scene(Recogniser("one", "deaf"))
    async with scene.on() as at:
        await scene.speak(at)
        await at.wait(4.1)
        assert scene.errors == ["no transcript within 4 s"]
        await scene.end_turn(at)
        await scene.speak(at)
        await at.wait(30)
    assert (scene.words, len(scene.errors)) == (["one heard it"], 1)


async def test_a_cough_is_not_waited_for() -> None:
    scene = Scene(Recogniser("one", "deaf", "deaf", "deaf"), Recogniser("two"))
    async with scene.on() as at:
        for _ in range(3):
            await scene.speak(at, 0.3)
            await at.wait(30)
    assert (scene.events, scene.errors, scene.words) == ([], [], [])


async def test_the_first_comes_back_between_turns_when_it_has_cooled_down() -> None:
    scene = Scene(Recogniser("one", "error"), Recogniser("two"), cool_down_secs=10)
    async with scene.on() as at:
        for secs in (5, 6, 0):
            await scene.speak(at)
            await scene.end_turn(at)
            await at.wait(secs)
            await scene.end_turn(at)
    assert scene.words == ["two heard it", "two heard it", "one heard it"]


async def test_an_error_that_costs_nothing_is_told_and_no_more() -> None:
    scene = Scene(Recogniser("one"))
    async with scene.on() as at:
        await scene.recognisers[0].push_error("the line was lost")
        await at.settle()
    assert scene.errors == []
    assert scene.events == [Trouble("asr", "the line was lost")]


async def test_one_that_cannot_be_reached_is_left_before_anybody_speaks() -> None:
    one, two = Recogniser("one"), Recogniser("two")
    scene = Scene(one, two)
    async with scene.on() as at:
        await one.push_error("refused", category=ErrorCategory.AUTHENTICATION)
        await at.settle()
        await scene.speak(at)
    assert scene.words == ["two heard it"]
    assert scene.taken_over == [("two", "refused")]
