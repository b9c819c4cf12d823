"""Who decides that the caller has finished, and when."""

import asyncio
import time
from typing import Any, cast

import pytest
from pipecat.audio.turn.base_turn_analyzer import BaseTurnAnalyzer, EndOfTurnState
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    Frame,
    LLMContextFrame,
    STTMetadataFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregator, LLMUserAggregatorParams
from pipecat.turns.user_stop import (
    DeferredUserTurnStopStrategy,
    ExternalUserTurnStopStrategy,
    LLMTurnCompletionUserTurnStopStrategy,
    SpeechTimeoutUserTurnStopStrategy,
)
from pipecat.turns.user_turn_strategies import (
    ExternalUserTurnStrategies,
    FilterIncompleteUserTurnStrategies,
    UserTurnStrategies,
)

from tests.config.files import agent_of
from tests.services.embedded import running
from voicekit.config.turn import Interruption
from voicekit.runtime.interruption import InterruptionStrategy
from voicekit.runtime.keypad import EntryEndsTurn
from voicekit.runtime.pace import Pace
from voicekit.runtime.pause import Pause
from voicekit.runtime.turns import AdaptiveUserTurnStopStrategy, PatientSmartTurnStrategy, Turns

RULES = "asr: deepgram\nllm: {provider: rules, rules: [{hear: hello, say: hello}]}\ntts: flite\n"
REALTIME = "realtime: openai/gpt-realtime\n"
FLUX = "asr: deepgram-flux\nllm: openai\ntts: flite\n"
FLUX_FIRST = "asr: [deepgram-flux, openai]\nllm: openai\ntts: flite\n"


def start() -> InterruptionStrategy:
    return InterruptionStrategy(Interruption(never=(), always=()), cast("Pause", None))


def stops(lines: str, *services: str) -> list[Any]:
    strategies = Turns(agent_of(lines, *services), start()).of_cascade()
    assert strategies is not None
    return list(strategies.stop or ())


def _bounds(stop: Any) -> tuple[float, float]:
    """Return what a strategy waits for after the detector has heard its silence."""
    return stop._wait_secs, stop._turn_analyzer.params.stop_secs


def test_one_timer_counts_from_the_last_speech() -> None:
    [stop] = stops("turn: {end: fixed, wait_ms: 900}\nvad: {stop_secs: 0.3}")
    assert type(stop) is SpeechTimeoutUserTurnStopStrategy
    assert stop._user_speech_timeout == pytest.approx(0.6)


def test_without_a_word_of_the_file_a_model_of_speech_decides_within_a_second_and_a_half() -> None:
    [stop] = stops("")
    assert isinstance(stop, PatientSmartTurnStrategy)
    assert _bounds(stop) == pytest.approx((0.0, 1.3))


def test_its_bounds_are_the_files() -> None:
    [stop] = stops("turn: {end: smart, min_wait_ms: 500, max_wait_ms: 4000}")
    assert _bounds(stop) == pytest.approx((0.3, 3.8))


@pytest.mark.parametrize(
    ("end", "before"), [("semantic", SpeechTimeoutUserTurnStopStrategy), ("combined", PatientSmartTurnStrategy)]
)
def test_the_llm_has_the_last_word(end: str, before: type) -> None:
    first, last = stops(f"turn: {{end: {end}, short_pause_secs: 3, long_pause_secs: 6}}")
    assert isinstance(first, DeferredUserTurnStopStrategy)
    assert type(first.inner) is before
    assert isinstance(last, LLMTurnCompletionUserTurnStopStrategy)
    assert (last.config.incomplete_short_timeout, last.config.incomplete_long_timeout) == (3, 6)


def test_rules_are_not_asked() -> None:
    [stop] = stops("turn: combined", RULES)
    assert isinstance(stop, PatientSmartTurnStrategy)


def test_who_gives_time_to_think_gives_up_later() -> None:
    assert Turns(agent_of("turn: {give_up_secs: 3}"), start()).give_up_secs == 3
    assert Turns(agent_of("turn: {end: semantic, give_up_secs: 3, long_pause_secs: 6}"), start()).give_up_secs == 9


def test_beside_a_realtime_service_a_timer_or_whatever_the_file_says() -> None:
    turns = Turns(agent_of("turn: {end: fixed, wait_ms: 700}", REALTIME), start())
    [stop] = turns.of_realtime().stop or []
    assert isinstance(stop, SpeechTimeoutUserTurnStopStrategy)
    [stop] = Turns(agent_of("turn: smart", REALTIME), start()).of_realtime().stop or []
    assert isinstance(stop, PatientSmartTurnStrategy)


def test_a_service_that_ends_turns_is_left_to_and_ours_still_says_what_interrupts() -> None:
    begins = start()
    turns = Turns(agent_of("", FLUX), begins)
    assert turns.of_cascade() is None
    recommended = ExternalUserTurnStrategies()
    ends = list(recommended.stop or [])
    assert turns.settled(recommended).stop == ends
    assert (recommended.start, begins.proposed) == ([begins], True)


@pytest.mark.parametrize("services", [FLUX, FLUX.replace("-flux", "")])
def test_on_a_telephone_an_entry_of_keys_ends_a_turn_whoever_else_does(services: str) -> None:
    agent = agent_of("transport: {type: twilio, hang_up: false}\ngreeting: Hello.", services)
    settled = Turns(agent, start()).settled(ExternalUserTurnStrategies())
    assert [type(stop) for stop in settled.stop or []] == [EntryEndsTurn, ExternalUserTurnStopStrategy]
    for end in ("fixed", "adaptive", "smart"):
        turned = agent.model_copy(update={"turn": agent.turn.model_copy(update={"end": end})})
        strategies = Turns(turned, start()).of_cascade()
        assert strategies is not None
        assert [type(stop) for stop in strategies.stop or []][:-1] == [EntryEndsTurn]
    deaf = agent.model_copy(update={"telephony": agent.telephony.model_copy(update={"dtmf": None})})
    assert len(Turns(deaf, start()).settled(ExternalUserTurnStrategies()).stop or []) == 1


def test_when_one_takes_over_that_does_not_a_model_of_speech_does() -> None:
    begins = start()
    turns = Turns(agent_of("", FLUX_FIRST), begins)
    turns.settled(ExternalUserTurnStrategies())
    settled = turns.settled(None)
    [stop] = settled.stop or []
    assert isinstance(stop, PatientSmartTurnStrategy)
    assert (settled.start, begins.proposed) == ([begins], False)


class Verdict(BaseTurnAnalyzer):
    """Says what the test says."""

    def __init__(self, *, complete: bool) -> None:
        super().__init__()
        self._state = EndOfTurnState.COMPLETE if complete else EndOfTurnState.INCOMPLETE

    @property
    def speech_triggered(self) -> bool:
        return False

    @property
    def params(self) -> Any:
        return None

    def append_audio(self, buffer: bytes, is_speech: bool) -> EndOfTurnState:
        return EndOfTurnState.INCOMPLETE

    async def analyze_end_of_turn(self) -> tuple[EndOfTurnState, None]:
        return self._state, None

    def update_vad_start_secs(self, vad_start_secs: float) -> None:
        """Nothing depends on it."""

    def clear(self) -> None:
        """There is nothing to clear."""


async def test_a_verdict_waits_for_the_least_silence_and_a_caller_who_goes_on_has_it_begin_anew() -> None:
    stop = PatientSmartTurnStrategy(Verdict(complete=True), 0.2)
    params = LLMUserAggregatorParams(user_turn_strategies=UserTurnStrategies(stop=[stop]))
    async with running(LLMUserAggregator(LLMContext(), params=params)) as line:

        async def says(words: str) -> float:
            await line.put(VADUserStartedSpeakingFrame(start_secs=0.2), VADUserStoppedSpeakingFrame(stop_secs=0.2))
            await line.put(TranscriptionFrame(words, "", "", finalized=True))
            return time.monotonic()

        first = await says("my number is")
        await asyncio.sleep(0.1)
        second = await says("four")
        frame = await line.down.wait(LLMContextFrame, 1)
        assert isinstance(frame, LLMContextFrame)
        assert time.monotonic() - second > 0.19
        assert time.monotonic() - first > 0.29
        assert [cast("Any", each)["content"] for each in frame.context.messages] == ["my number is four"]


async def test_a_word_without_a_voice_behind_a_verdict_asks_again() -> None:
    # The detector misses short words; an llm that called the turn unfinished would wait for its timer.
    stop = PatientSmartTurnStrategy(Verdict(complete=True), 0.0)
    strategies = FilterIncompleteUserTurnStrategies(stop=[stop])
    params = LLMUserAggregatorParams(user_turn_strategies=strategies, user_turn_stop_timeout=60)
    async with running(LLMUserAggregator(LLMContext(), params=params)) as line:
        await line.put(STTMetadataFrame(service_name="asr", ttfs_p99_latency=0.25))
        await line.put(VADUserStartedSpeakingFrame(start_secs=0.2), VADUserStoppedSpeakingFrame(stop_secs=0.2))
        await line.put(TranscriptionFrame("my number is four", "", "", finalized=True))
        await line.down.wait(LLMContextFrame)
        await line.put(TranscriptionFrame("seven", "", ""))
        second = await line.down.wait(LLMContextFrame, 2)
        told = [cast("Any", each)["content"] for each in second.context.messages if cast("Any", each)["role"] == "user"]
        assert told == ["my number is four", "seven"]


async def test_the_timer_follows_the_caller() -> None:
    pace = Pace(0.3, 2.0)
    stop = AdaptiveUserTurnStopStrategy(pace)
    usual = pace.wait_secs

    async def at(secs: float, frame: Frame) -> None:
        if isinstance(frame, VADUserStartedSpeakingFrame | VADUserStoppedSpeakingFrame):
            frame.timestamp = secs
        await stop.process_frame(frame)

    began = [VADUserStartedSpeakingFrame(start_secs=0.2) for _ in range(2)]
    ended = [VADUserStoppedSpeakingFrame(stop_secs=0.2) for _ in range(2)]
    params = LLMUserAggregatorParams(user_turn_strategies=UserTurnStrategies(stop=[stop]))
    async with running(LLMUserAggregator(LLMContext(), params=params)):
        await at(1.2, began[0])
        await at(2.2, ended[0])
        # Silent from 2.0 to 3.8.
        await at(4.0, began[1])
        assert pace.wait_secs == pytest.approx(1.25 * (1.0 + (1.8 - 1.0) / 2))
        assert pace.wait_secs > usual
        await at(5.2, ended[1])
        assert stop._user_speech_timeout == pytest.approx(pace.wait_secs - 0.2)
        # What comes behind an answer is no pause of his.
        learnt = pace.wait_secs
        await stop.process_frame(BotStartedSpeakingFrame())
        await at(6.0, VADUserStartedSpeakingFrame(start_secs=0.2))
        assert pace.wait_secs == learnt
        await stop.process_frame(TranscriptionFrame("one two", "", ""))
        await at(10.2, VADUserStoppedSpeakingFrame(stop_secs=0.2))
        await stop.handle_user_turn_stopped()
        assert pace.wait_secs > learnt


def test_the_model_is_loaded_once_and_each_call_hears_its_own_audio() -> None:
    one, other = stops("")[0]._turn_analyzer, stops("turn: {end: smart, max_wait_ms: 3000}")[0]._turn_analyzer
    assert one._session is other._session
    assert (one.params.stop_secs, other.params.stop_secs) == pytest.approx((1.3, 2.8))
    one.set_sample_rate(16000)
    one.append_audio(b"\1\0" * 160, is_speech=True)
    assert one._audio_buffer
    assert other._audio_buffer == []
    assert (one.sample_rate, other.sample_rate) == (16000, 0)
