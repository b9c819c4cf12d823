"""When a turn begins, and what a caller who speaks into the agent's words does to them; in virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMContextFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregator, LLMUserAggregatorParams
from pipecat.turns.user_stop import ExternalUserTurnStopStrategy, SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from tests.runtime.clock import Clock, Steps
from tests.services.embedded import running
from voicekit.config.turn import Interruption
from voicekit.runtime.interruption import InterruptionStrategy
from voicekit.runtime.pause import Pause

BACKCHANNELS = ("uh-huh", "yes", "I see")
STOPS = ("stop", "hold on")


class Output:
    """Stands for the transport: notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.sounding = False

    def hold(self) -> None:
        self.told.append("hold")

    def release(self) -> None:
        if self.told[-1:] == ["hold"]:
            self.told.append("release")

    def be_quiet(self, secs: float) -> None:
        if secs:
            self.told.append(f"quiet {secs:g}")


@dataclass
class Talk:
    """A caller and an agent."""

    steps: Steps
    output: Output

    async def agent_speaks(self) -> None:
        await self.steps.put(BotStartedSpeakingFrame())

    async def agent_ends(self) -> None:
        await self.steps.put(BotStoppedSpeakingFrame())

    async def voice(self) -> None:
        await self.steps.put(VADUserStartedSpeakingFrame(start_secs=0.2))

    async def quiet(self) -> None:
        await self.steps.put(VADUserStoppedSpeakingFrame(stop_secs=0.2))

    async def hears(self, words: str) -> None:
        await self.steps.put(InterimTranscriptionFrame(words, "", ""))

    async def heard(self, words: str) -> None:
        await self.steps.put(TranscriptionFrame(words, "", "", finalized=True))

    @property
    def begun(self) -> int:
        return len(self.steps.line.down.all(UserStartedSpeakingFrame))

    @property
    def interruptions(self) -> int:
        return len(self.steps.line.down.all(InterruptionFrame))

    async def turns(self, count: int) -> list[str]:
        """Wait for so many turns; return what was said in them."""
        await self.steps.line.down.wait(LLMContextFrame, count)
        frames = self.steps.line.down.all(LLMContextFrame)
        return [str(cast("Any", message)["content"]) for message in frames[-1].context.messages]


@asynccontextmanager
async def talking(*, proposed: bool = False, **terms: Any) -> AsyncIterator[Talk]:
    """Run an aggregator whose turns begin by the strategy, and end with the words."""
    clock, output = Clock(), Output()
    keys = {"never": BACKCHANNELS, "always": STOPS, **terms}
    start = InterruptionStrategy(Interruption(**keys), cast("Pause", output), sleep=clock.sleep)
    start.proposed = proposed
    stop = ExternalUserTurnStopStrategy() if proposed else SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)
    params = LLMUserAggregatorParams(user_turn_strategies=UserTurnStrategies([start], [stop]))
    async with running(LLMUserAggregator(LLMContext(), params=params)) as line:
        yield Talk(Steps(line, clock), output)


async def test_while_nothing_is_heard_of_the_agent_a_voice_begins_a_turn() -> None:
    async with talking() as talk:
        await talk.voice()
        assert (talk.begun, talk.output.told) == (1, [])
        await talk.quiet()
        await talk.heard("hello")
        assert await talk.turns(1) == ["hello"]


async def test_words_of_a_voice_that_no_detector_heard_begin_one_too() -> None:
    async with talking() as talk:
        await talk.heard("hello")
        assert await talk.turns(1) == ["hello"]


async def test_a_voice_pauses_the_agent_and_words_stop_it() -> None:
    async with talking() as talk:
        await talk.agent_speaks()
        await talk.voice()
        assert (talk.output.told, talk.interruptions) == (["hold"], 0)
        await talk.hears("what about")
        # What waits is given up by the interruption, and not let go before it.
        assert (talk.output.told, talk.interruptions, talk.begun) == (["hold"], 1, 1)
        await talk.agent_ends()
        await talk.heard("what about Tuesday")
        await talk.quiet()
        assert await talk.turns(1) == ["what about Tuesday"]


async def test_a_backchannel_lets_it_go_on_and_is_forgotten() -> None:
    async with talking() as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.hears("Uh-huh")
        assert talk.output.told == ["hold"]
        await talk.quiet()
        await talk.heard("Uh-huh.")
        assert (talk.output.told, talk.interruptions) == (["hold", "release"], 0)
        await talk.steps.wait(2)
        await talk.agent_ends()
        await talk.voice()
        await talk.quiet()
        await talk.heard("what about Tuesday")
        assert await talk.turns(1) == ["what about Tuesday"]


async def test_a_sound_without_words_lets_it_go_on_when_the_time_is_up() -> None:
    async with talking(resume_ms=1000) as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.quiet()
        await talk.steps.wait(0.9)
        assert talk.output.told == ["hold"]
        await talk.steps.wait(0.2)
        assert (talk.output.told, talk.interruptions) == (["hold", "release"], 0)


async def test_words_that_come_late_stop_it_all_the_same() -> None:
    async with talking() as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.quiet()
        await talk.steps.wait(2)
        assert talk.output.told == ["hold", "release"]
        await talk.heard("what about Tuesday")
        assert talk.interruptions == 1
        assert await talk.turns(1) == ["what about Tuesday"]


async def test_a_voice_that_goes_on_stops_it_though_no_words_come() -> None:
    async with talking(resume_ms=1000) as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.steps.wait(1.1)
        assert (talk.output.told, talk.interruptions, talk.begun) == (["hold"], 1, 1)


async def test_a_voice_that_goes_on_with_backchannels_does_not() -> None:
    async with talking(resume_ms=1000) as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.hears("yes yes yes")
        await talk.steps.wait(1.1)
        assert (talk.output.told, talk.interruptions) == (["hold", "release"], 0)


async def test_a_backchannel_is_the_beginning_of_what_follows() -> None:
    async with talking() as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.heard("Yes,")
        assert talk.interruptions == 0
        await talk.hears("but when")
        assert talk.interruptions == 1
        await talk.heard("but when?")
        await talk.quiet()
        assert await talk.turns(1) == ["Yes, but when?"]


async def test_a_yes_into_the_last_words_of_a_question_is_its_answer() -> None:
    async with talking() as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.quiet()
        await talk.heard("Yes.")
        assert (talk.output.told, talk.begun) == (["hold", "release"], 0)
        await talk.steps.wait(1.0)
        await talk.agent_ends()
        assert await talk.turns(1) == ["Yes."]


async def test_a_caller_who_still_speaks_when_the_agent_ends_has_the_turn() -> None:
    async with talking(resume_ms=None) as talk:
        await talk.agent_speaks()
        await talk.voice()
        assert talk.begun == 1
    async with talking(resume_ms=None, min_words=2) as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.hears("well")
        assert (talk.begun, talk.output.told) == (0, [])
        await talk.agent_ends()
        assert talk.begun == 1


@pytest.mark.parametrize("terms", [{"min_words": 0}, {"resume_ms": None}, {"min_words": 0, "resume_ms": None}])
async def test_sound_alone_stops_it_at_once_where_the_file_says_so(terms: dict[str, Any]) -> None:
    async with talking(**terms) as talk:
        await talk.agent_speaks()
        await talk.voice()
        assert (talk.interruptions, talk.output.told) == (1, [])


async def test_fewer_words_than_wanted_do_not_stop_it() -> None:
    async with talking(min_words=3) as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.quiet()
        await talk.heard("what about")
        assert (talk.interruptions, talk.output.told) == (0, ["hold", "release"])
        await talk.heard("Tuesday")
        assert talk.interruptions == 1
        assert await talk.turns(1) == ["what about Tuesday"]


async def test_what_always_stops_it_does_so_however_short() -> None:
    async with talking(min_words=5, min_ms=1000) as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.hears("Stop!")
        assert talk.interruptions == 1


async def test_a_shorter_sound_than_wanted_does_not_even_pause_it() -> None:
    async with talking(min_ms=500) as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.steps.wait(0.2)
        await talk.quiet()
        await talk.heard("what about Tuesday")
        await talk.steps.wait(1)
        assert (talk.output.told, talk.interruptions) == ([], 0)
        await talk.voice()
        await talk.steps.wait(0.4)
        assert talk.output.told == ["hold"]
        await talk.hears("what about Tuesday")
        assert talk.interruptions == 1


async def test_after_an_interruption_it_is_quiet_for_a_while() -> None:
    async with talking(backoff_ms=700) as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.hears("what about")
        assert talk.output.told == ["hold", "quiet 0.7"]


async def test_where_a_service_tells_of_turns_a_voice_alone_begins_none() -> None:
    async with talking(proposed=True) as talk:
        await talk.voice()
        assert talk.begun == 0
        await talk.steps.put(ProposedUserStartedSpeakingFrame())
        assert talk.begun == 1
        await talk.heard("hello")
        await talk.quiet()
        await talk.steps.put(ProposedUserStoppedSpeakingFrame())
        assert await talk.turns(1) == ["hello"]


async def test_where_a_service_tells_of_turns_a_backchannel_is_no_turn_either() -> None:
    async with talking(proposed=True) as talk:
        await talk.agent_speaks()
        await talk.voice()
        await talk.steps.put(ProposedUserStartedSpeakingFrame())
        assert (talk.output.told, talk.begun) == (["hold"], 0)
        await talk.quiet()
        await talk.heard("uh-huh")
        await talk.steps.put(ProposedUserStoppedSpeakingFrame())
        assert (talk.output.told, talk.begun) == (["hold", "release"], 0)
        await talk.steps.put(ProposedUserStartedSpeakingFrame())
        await talk.hears("what about")
        assert (talk.begun, talk.interruptions) == (1, 1)


async def test_where_a_service_tells_of_turns_one_that_began_in_time_goes_on_when_the_agent_ends() -> None:
    async with talking(proposed=True) as talk:
        await talk.agent_speaks()
        await talk.steps.put(ProposedUserStartedSpeakingFrame())
        await talk.agent_ends()
        assert talk.begun == 1


async def test_a_backchannel_into_a_filler_does_not_begin_a_turn_and_words_do() -> None:
    async with talking() as talk:
        talk.output.sounding = True
        await talk.voice()
        assert (talk.output.told, talk.begun) == (["hold"], 0)
        await talk.quiet()
        # The filler ends, and the answer has not begun.
        talk.output.sounding = False
        await talk.heard("uh-huh")
        assert (talk.output.told, talk.begun) == (["hold", "release"], 0)
        await talk.heard("what about Tuesday")
        assert (talk.begun, talk.interruptions) == (1, 1)
