"""A list of recognisers: whatever the first does, what is said is heard once, by whoever can; in virtual time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    STTMetadataFrame,
    TranscriptionFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService, STTService
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies, UserTurnStrategies
from pipecat.utils.errors import ErrorCategory

from tests.runtime.clock import Clock, Steps
from tests.services.embedded import Line, running
from voicekit.config.failure import Fallback
from voicekit.config.services import Service
from voicekit.problems import Place
from voicekit.providers.catalog import catalog
from voicekit.records.events import Event, TakenOver
from voicekit.runtime.failover_asr import FailoverASR
from voicekit.runtime.succession import Terms

RATE = 16000
FRAME_SECS = 0.02
HUNG, NOTHING = "hung", ""
COOL_DOWN_SECS = 60.0


class Refusal(Exception):
    """What a connection fails with."""


class Recogniser(STTService):
    """Hears, and says at the end of each utterance what the test says; an error frame is pushed instead of words."""

    def __init__(self, *answers: str | ErrorFrame, tells_turns: bool = False) -> None:
        super().__init__(settings=STTSettings(model="m", language=None), ttfs_p99_latency=0.1, stt_ttfb_timeout=0.01)
        self.answers = list(answers)
        self.heard = bytearray()
        self.utterances: list[bytes] = []
        self.connected = True
        self.connections = 0
        self.refusals: list[Exception] = []
        self._tells_turns = tells_turns

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        if self.connected:
            self.heard += audio
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame) and self.connected:
            self.utterances.append(bytes(self.heard))
            self.heard.clear()
            await self.answer()

    async def answer(self) -> None:
        answer = self.answers.pop(0) if self.answers else NOTHING
        if isinstance(answer, ErrorFrame):
            await self.push_error_frame(answer)
        elif answer:
            await self.say(answer)

    async def say(self, words: str) -> None:
        await self.push_frame(TranscriptionFrame(words, "", ""))

    async def fail(self, text: str, category: ErrorCategory = ErrorCategory.CONNECTIVITY) -> None:
        """Lose the connection."""
        self.connected = False
        self.heard.clear()
        await self.push_error_frame(error(category, text))

    async def _connect(self) -> None:
        self.connections += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.connected = True

    async def _disconnect(self) -> None:
        self.connected = False

    def service_metadata_frame(self) -> STTMetadataFrame:
        frame = super().service_metadata_frame()
        frame.user_turn_strategies = ExternalUserTurnStrategies() if self._tells_turns else None
        return frame


class Requester(SegmentedSTTService):
    """Sends a request for each utterance, which is answered as the test says."""

    def __init__(self, *answers: str | ErrorFrame) -> None:
        super().__init__(
            settings=STTSettings(model="m", language=None),
            ttfs_p99_latency=0.1,
            stt_ttfb_timeout=0.01,
            trailing_silence_secs=0,
        )
        self.answers = list(answers)
        self.requests: list[bytes] = []

    @property
    def wants_wav_segments(self) -> bool:
        return False

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        self.requests.append(audio)
        answer = self.answers.pop(0) if self.answers else NOTHING
        if answer == HUNG:
            await asyncio.Event().wait()
        yield answer if isinstance(answer, ErrorFrame) else TranscriptionFrame(answer, "", "") if answer else None


def error(category: ErrorCategory, text: str = "it broke") -> ErrorFrame:
    return ErrorFrame(text, category=category)


def sections(count: int, timeout_secs: float) -> list[Service]:
    provider = catalog().find("asr", "deepgram")
    assert provider is not None
    names = ("one", "two", "three")[:count]
    return [
        Service("asr", provider, {"model": name}, Place("agent.yaml", 1, 1), given_secs=timeout_secs) for name in names
    ]


@dataclass
class Stage:
    """A list of recognisers, to which a test speaks."""

    steps: Steps
    asr: FailoverASR
    events: list[Event]
    line: Line
    clock: Clock
    spoken: list[bytes] = field(default_factory=list)
    _count: int = 0

    async def sound(self, secs: float) -> None:
        """Send sound of which no two samples of a test are the same."""
        frames = round(secs / FRAME_SECS)
        size = round(RATE * FRAME_SECS)
        for _ in range(frames):
            first = self._count
            self._count += size
            audio = b"".join((at % 65536).to_bytes(2, "little") for at in range(first, first + size))
            self.spoken.append(audio)
            await self.line.put(InputAudioRawFrame(audio, RATE, 1))
            self.clock.time += FRAME_SECS
        await self.steps.settle()

    async def begin(self, secs: float = 1.0) -> None:
        await self.sound(0.2)
        await self.steps.put(VADUserStartedSpeakingFrame(start_secs=0.2))
        await self.sound(secs)

    async def end(self) -> None:
        await self.steps.put(VADUserStoppedSpeakingFrame(stop_secs=0.2))

    async def speak(self, secs: float = 1.0) -> None:
        await self.begin(secs)
        await self.end()

    async def turn(self, secs: float = 1.0) -> None:
        await self.speak(secs)
        await self.over()

    async def over(self) -> None:
        await self.steps.put(UserStoppedSpeakingFrame())

    @property
    def words(self) -> list[str]:
        return [frame.text for frame in self.line.down.all(TranscriptionFrame)]

    @property
    def taken_over(self) -> list[tuple[str, str, str]]:
        short = {f"deepgram/{name}": name for name in ("one", "two", "three")}
        return [(short[e.old], short[e.new], e.reason) for e in self.events if isinstance(e, TakenOver)]

    @property
    def errors(self) -> list[str]:
        assert all(each.category is ErrorCategory.UNKNOWN for each in self.line.up.all(ErrorFrame))
        return [each.error for each in self.line.up.all(ErrorFrame)]


@asynccontextmanager
async def stage(
    *recognisers: STTService, timeout_secs: float = 5.0, within_secs: float = 4.0, **fallback: float
) -> AsyncIterator[Stage]:
    clock, events = Clock(), list[Event]()
    keys = {"cool_down_secs": COOL_DOWN_SECS, **fallback}
    terms = Terms("asr", sections(len(recognisers), timeout_secs), Fallback(**keys), events.append, clock.now)
    asr = FailoverASR(
        recognisers, terms, within_secs, turns=lambda told: told or UserTurnStrategies(), sleep=clock.sleep
    )
    async with running(asr) as line:
        yield Stage(Steps(line, clock), asr, events, line, clock)


async def test_the_first_hears_everything_while_it_can_and_the_second_nothing() -> None:
    one, two = Recogniser("hello", "again"), Recogniser()
    async with stage(one, two) as call:
        await call.turn()
        await call.turn()
        assert call.words == ["hello", "again"]
        assert b"".join(one.utterances) == b"".join(call.spoken)
        assert (two.utterances, two.heard, call.taken_over, call.errors) == ([], bytearray(), [], [])
        passed = [frame.audio for frame in call.line.down.all(InputAudioRawFrame)]
        assert passed == call.spoken


CATEGORIES = [each for each in ErrorCategory if each is not ErrorCategory.APPLICATION]


@pytest.mark.parametrize("category", CATEGORIES)
async def test_an_error_hands_the_turn_to_the_next_and_what_it_hears_is_sample_exact(category: ErrorCategory) -> None:
    one, two = Recogniser(error(category)), Recogniser("from two", "and two")
    async with stage(one, two) as call:
        await call.speak()
        assert call.words == ["from two"]
        assert two.utterances == [b"".join(call.spoken)]
        assert call.taken_over == [("one", "two", "it broke")]
        await call.over()
        await call.turn()
        assert call.words == ["from two", "and two"]
        assert b"".join(two.utterances) == b"".join(call.spoken)
        assert call.errors == []
        # Nobody else has heard anything twice.
        assert [frame.audio for frame in call.line.down.all(InputAudioRawFrame)] == call.spoken
        assert len(call.line.down.all(VADUserStoppedSpeakingFrame)) == 2
        assert call.line.up.all(VADUserStoppedSpeakingFrame) == []


async def test_an_error_in_the_middle_of_a_turn_loses_nothing() -> None:
    one, two = Recogniser(), Recogniser("all of it")
    async with stage(one, two) as call:
        await call.begin()
        await one.fail("closed")
        await call.sound(1.0)
        await call.end()
        assert call.words == ["all of it"]
        assert two.utterances == [b"".join(call.spoken)]
        assert call.errors == []


async def test_an_error_of_the_application_is_passed_on_and_nobody_takes_over() -> None:
    one, two = Recogniser("hello"), Recogniser()
    async with stage(one, two) as call:
        await call.begin()
        await one.push_error_frame(error(ErrorCategory.APPLICATION, "recovered"))
        await call.end()
        assert [each.error for each in call.line.up.all(ErrorFrame)] == ["recovered"]
        assert (call.words, call.taken_over) == (["hello"], [])


async def test_one_that_hangs_is_given_up_in_time_and_its_late_words_are_swallowed() -> None:
    one, two = Recogniser(), Recogniser("from two")
    async with stage(one, two) as call:
        await call.speak()
        await call.steps.wait(2.4)
        assert (call.words, two.utterances) == ([], [])
        await call.steps.wait(0.2)
        assert call.words == ["from two"]
        assert two.utterances == [b"".join(call.spoken)]
        await one.say("too late")
        await call.steps.settle()
        assert call.words == ["from two"]
        assert call.taken_over == [("one", "two", "no transcript within 2.5 s")]


async def test_a_slow_one_that_is_in_time_is_left_alone() -> None:
    one, two = Recogniser(), Recogniser()
    async with stage(one, two) as call:
        await call.speak()
        await call.steps.wait(2.4)
        await one.say("slowly")
        await call.steps.wait(10)
        assert (call.words, call.taken_over, call.errors) == (["slowly"], [], [])


async def test_words_on_their_way_put_the_end_off() -> None:
    one, two = Recogniser(), Recogniser()
    async with stage(one, two) as call:
        await call.speak()
        for _ in range(3):
            await call.steps.wait(2.0)
            await one.push_frame(InterimTranscriptionFrame("my number", "", ""))
        await call.steps.wait(2.4)
        assert call.taken_over == []
        await call.steps.wait(0.2)
        assert call.taken_over == [("one", "two", "no transcript within 2.5 s")]


async def test_a_word_is_missed_as_a_sentence_is() -> None:
    one, two = Recogniser(), Recogniser("yes")
    async with stage(one, two) as call:
        await call.turn(0.1)
        await call.steps.wait(2.6)
        assert call.words == ["yes"]
        assert call.taken_over == [("one", "two", "no transcript within 2.5 s")]


async def test_a_caller_who_goes_on_does_not_put_the_end_off() -> None:
    one, two = Recogniser(), Recogniser("hello", "hello again")
    async with stage(one, two) as call:
        await call.speak()
        await call.steps.wait(1.0)
        await call.begin(1.0)
        await call.steps.wait(0.5)
        assert call.words == ["hello"]
        await call.end()
        assert call.words == ["hello", "hello again"]
        assert b"".join(two.utterances) == b"".join(call.spoken)


async def test_only_what_no_transcript_covers_is_heard_again() -> None:
    one, two = Recogniser("first"), Recogniser("second")
    async with stage(one, two) as call:
        await call.speak()
        before = len(call.spoken)
        await call.begin()
        await one.fail("lost")
        await call.end()
        assert call.words == ["first", "second"]
        assert two.utterances == [b"".join(call.spoken[before:])]


async def test_of_a_long_speech_the_part_that_a_transcript_covers_is_not_heard_again() -> None:
    one, two = Recogniser(), Recogniser("the rest")
    async with stage(one, two) as call:
        await call.begin(4.0)
        await one.say("a long part")
        before = len(call.spoken)
        await call.sound(1.0)
        await one.fail("lost")
        await call.end()
        assert call.words == ["a long part", "the rest"]
        assert two.utterances == [b"".join(call.spoken[before - 25 :])]


async def test_noise_that_a_second_one_does_not_hear_either_is_no_speech_once() -> None:
    one, two, three = Recogniser("hello"), Recogniser(), Recogniser("from three")
    async with stage(one, two, three, asr_ms=1000) as call:
        await call.turn()
        await call.speak()
        await call.steps.wait(10)
        assert (call.errors, three.utterances) == ([], [])
        assert call.taken_over == [
            ("one", "two", "no transcript within 1 s"),
            ("two", "one", "nobody heard anything"),
        ]
        await call.over()
        # Twice in a row is believed of nobody.
        await call.speak()
        await call.steps.wait(2.5)
        assert call.words == ["hello", "from three"]
        assert call.errors == []


async def test_before_anybody_was_understood_the_caller_is_told_that_nobody_hears_him() -> None:
    one, two = Recogniser(NOTHING, "at last"), Recogniser()
    async with stage(one, two) as call:
        await call.speak()
        await call.steps.wait(3.9)
        assert call.errors == []
        await call.steps.wait(0.2)
        assert call.errors == ["no transcript within 1.5 s"]
        # It may have been a noise: the first hears the next turn.
        await call.over()
        await call.turn()
        assert (call.words, two.connections) == (["at last"], 0)


async def test_noise_between_turns_that_are_understood_costs_nothing_ever() -> None:
    one, two = Recogniser("hello", NOTHING, "hello", NOTHING, "hello"), Recogniser()
    async with stage(one, two) as call:
        for _ in range(5):
            await call.speak()
            await call.steps.wait(8)
            await call.over()
        assert (call.words, call.errors) == (["hello"] * 3, [])
        assert call.asr.strategy.active_service is one


async def test_when_nobody_is_left_the_turn_has_failed() -> None:
    one, two = Recogniser(error(ErrorCategory.SERVER, "500")), Recogniser(error(ErrorCategory.SERVER, "503"))
    async with stage(one, two) as call:
        await call.speak()
        assert call.errors == ["503"]
        assert call.taken_over == [("one", "two", "500")]


async def test_the_last_one_is_given_up_when_the_caller_has_to_hear_something() -> None:
    one, two = Recogniser(error(ErrorCategory.SERVER, "500")), Recogniser()
    async with stage(one, two, timeout_secs=30) as call:
        await call.speak()
        await call.steps.wait(3.9)
        assert call.errors == []
        await call.steps.wait(0.2)
        assert call.errors == ["no transcript within 4 s"]


async def test_one_alone_that_hangs_is_given_up_and_connected_again_for_the_next_turn() -> None:
    one = Recogniser(NOTHING, "at last")
    async with stage(one, timeout_secs=3) as call:
        await call.speak()
        await call.steps.wait(2.9)
        assert call.errors == []
        await call.steps.wait(0.2)
        assert call.errors == ["no transcript within 3 s"]
        await call.over()
        await call.turn()
        assert (call.words, one.connections) == (["at last"], 1)


async def test_one_alone_that_has_understood_before_may_hear_nothing_once() -> None:
    one = Recogniser("hello")
    async with stage(one) as call:
        await call.turn()
        await call.speak()
        await call.steps.wait(10)
        assert call.errors == []
        await call.over()
        await call.speak()
        await call.steps.wait(10)
        assert call.errors == ["no transcript within 4 s"]


async def test_one_alone_is_connected_again_and_hears_what_it_has_missed() -> None:
    one = Recogniser("all of it")
    async with stage(one) as call:
        await call.begin()
        await one.fail("closed")
        await call.sound(1.0)
        await call.end()
        assert call.words == ["all of it"]
        assert one.utterances == [b"".join(call.spoken)]
        assert (one.connections, call.errors) == (1, [])
        assert call.taken_over == [("one", "one", "closed")]


async def test_one_alone_that_cannot_be_reached_fails_every_turn_aloud_and_is_reached_when_it_can_be() -> None:
    one = Recogniser("at last")
    one.refusals = [Refusal("no")] * 3
    async with stage(one) as call:
        await call.begin()
        await one.fail("lost")
        await call.steps.settle()
        assert (call.errors, one.connections) == (["no"], 1)
        await call.end()
        await call.over()
        await call.turn()
        assert (call.errors, one.connections) == (["no", "no"], 3)
        await call.turn()
        assert (call.words, call.errors, one.connections) == (["at last"], ["no", "no"], 4)


async def test_a_caller_who_begins_while_another_turn_is_given_up_is_told_of_his_own() -> None:
    refused = asyncio.Event()

    class Slow(Recogniser):
        async def _connect(self) -> None:
            if not self.connections:
                await refused.wait()
            await super()._connect()

    one = Slow()
    one.refusals = [Refusal("no"), Refusal("still no"), Refusal("still no")]
    async with stage(one) as call:
        await one.fail("lost")
        await call.begin()
        assert call.errors == []
        refused.set()
        await call.end()
        assert (call.errors, one.connections) == (["no", "still no"], 3)


async def test_a_refused_key_is_not_tried_again_in_the_same_turn() -> None:
    one = Recogniser()
    async with stage(one) as call:
        await one.fail("401", ErrorCategory.AUTHENTICATION)
        await call.steps.settle()
        assert (call.errors, one.connections) == (["401"], 0)


async def test_a_successor_that_has_lost_its_connection_is_connected_before_it_hears() -> None:
    one, two = Recogniser(), Recogniser("from two")
    async with stage(one, two) as call:
        await two.fail("closed")
        await call.begin()
        await one.fail("closed")
        await call.end()
        assert (call.words, two.connections) == (["from two"], 1)
        assert call.errors == []


async def test_a_successor_that_cannot_be_connected_is_passed_over() -> None:
    one, two, three = Recogniser(), Recogniser(), Recogniser("from three")
    two.refusals = [Refusal("refused")]
    async with stage(one, two, three) as call:
        await two.fail("closed")
        await call.begin()
        await one.fail("closed")
        await call.end()
        assert call.words == ["from three"]
        assert call.taken_over == [("one", "two", "closed"), ("two", "three", "refused")]


@pytest.mark.parametrize("returns", [True, False])
async def test_the_first_is_taken_again_between_turns_when_it_has_cooled_down(returns: bool) -> None:
    one, two = Recogniser(error(ErrorCategory.SERVER), "one again"), Recogniser("two", "two", "two")
    async with stage(one, two, **{"return": returns}) as call:
        await call.turn()
        call.clock.time += COOL_DOWN_SECS - 5
        await call.turn()
        assert call.words == ["two", "two"]
        call.clock.time += 5
        await call.begin()
        assert call.asr.strategy.active_service is two
        await call.end()
        await call.over()
        assert call.words == ["two"] * 3
        await call.turn()
        assert call.words[3:] == (["one again"] if returns else [])
        assert one.connections == int(returns)


async def test_the_first_stays_away_while_it_cannot_be_connected() -> None:
    one, two = Recogniser(error(ErrorCategory.SERVER)), Recogniser("two", "two", "two")
    one.refusals = [Refusal("no")]
    async with stage(one, two) as call:
        for _ in range(3):
            await call.turn()
            call.clock.time += COOL_DOWN_SECS
        assert call.words == ["two"] * 3
        assert [new for _, new, _ in call.taken_over] == ["two", "one"]


async def test_an_interruption_changes_nothing() -> None:
    one, two = Recogniser(), Recogniser("from two")
    async with stage(one, two) as call:
        await call.begin()
        await call.steps.put(InterruptionFrame())
        await one.fail("lost")
        await call.steps.put(InterruptionFrame())
        await call.end()
        assert call.words == ["from two"]
        assert two.utterances == [b"".join(call.spoken)]


async def test_a_request_that_fails_is_made_again_by_one_alone_with_the_same_sound() -> None:
    one = Requester(error(ErrorCategory.SERVER), "after all")
    async with stage(one) as call:
        await call.speak()
        await call.steps.settle()
        assert call.words == ["after all"]
        assert one.requests == [b"".join(call.spoken)] * 2


async def test_a_request_that_hangs_is_given_up_with_its_service() -> None:
    one, two = Requester(HUNG, "one again"), Requester("from two")
    async with stage(one, two) as call:
        await call.speak()
        await call.steps.wait(2.6)
        assert call.words == ["from two"]
        assert two.requests == one.requests
        call.clock.time += COOL_DOWN_SECS
        await call.over()
        spoken = len(call.spoken)
        await call.turn()
        assert call.words == ["from two", "one again"]
        assert one.requests[1].endswith(b"".join(call.spoken[spoken:]))


async def test_turns_are_ended_as_usual_when_one_that_told_of_them_is_replaced() -> None:
    one, two = Recogniser(error(ErrorCategory.SERVER), tells_turns=True), Recogniser("two", "two")
    async with stage(one, two) as call:

        def told() -> list[type]:
            return [type(each.user_turn_strategies) for each in call.line.down.all(STTMetadataFrame)]

        assert told() == [ExternalUserTurnStrategies]
        await call.turn()
        assert told() == [ExternalUserTurnStrategies, UserTurnStrategies]
        call.clock.time += COOL_DOWN_SECS
        await call.turn()
        assert told() == [ExternalUserTurnStrategies, UserTurnStrategies, ExternalUserTurnStrategies]
