"""Turns: who decides that the caller has finished, as Pipecat's strategies."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from pipecat.audio.turn.base_turn_analyzer import BaseTurnAnalyzer
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    Frame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_start import BaseUserTurnStartStrategy
from pipecat.turns.user_stop import (
    BaseUserTurnStopStrategy,
    SpeechTimeoutUserTurnStopStrategy,
    TurnAnalyzerUserTurnStopStrategy,
)
from pipecat.turns.user_turn_completion_mixin import UserTurnCompletionConfig
from pipecat.turns.user_turn_strategies import FilterIncompleteUserTurnStrategies, UserTurnStrategies

from voicekit.config.agent import Agent
from voicekit.config.turn import End
from voicekit.runtime.interjection import words
from voicekit.runtime.interruption import InterruptionStrategy
from voicekit.runtime.keypad import EntryEndsTurn
from voicekit.runtime.pace import Pace
from voicekit.runtime.smart_turn import turn_analyzer


class Turns:
    """The turns of one call.

    Args:
        agent: The file.
        start: What says that the caller has begun.
    """

    def __init__(self, agent: Agent, start: InterruptionStrategy) -> None:
        self._agent = agent
        self._start = start

    @property
    def depend(self) -> bool:
        """Whether who ends them depends on which recogniser of a list is at work."""
        return self._agent.has_own_turns and self._agent.turn.end in (None, "provider")

    @property
    def give_up_secs(self) -> float:
        """After how much silence one ends that nobody ends; a model that is asked has given time to think before."""
        turn = self._agent.turn
        return turn.give_up_secs + (turn.long_pause_secs if _asks_model(self._agent) else 0.0)

    def of_cascade(self) -> UserTurnStrategies | None:
        """Return the strategies of a call with asr, llm and tts.

        None leaves them to what the recogniser at work recommends, as `settled`.
        """
        return None if self.depend else _strategies(self._agent, self._agent.turn_end, self._start)

    def of_realtime(self) -> UserTurnStrategies:
        """Return the strategies beside a realtime service that tells of no turns, be it that it was told not to."""
        own = self._agent.turn_end
        return _strategies(self._agent, "fixed" if own == "provider" else own, None)

    def settled(self, recommended: UserTurnStrategies | None) -> UserTurnStrategies:
        """Return the strategies that hold while a recogniser is at work, by what it recommends."""
        self._start.proposed = recommended is not None
        if recommended is None:
            return _strategies(self._agent, "smart", self._start)
        recommended.start = [self._start]
        recommended.stop = [*_of_keys(self._agent), *(recommended.stop or [])]
        return recommended


def _strategies(agent: Agent, end: End, start: InterruptionStrategy | None) -> UserTurnStrategies:
    begins: list[BaseUserTurnStartStrategy] | None = [start] if start else None
    stops = [*_of_keys(agent), _STOPS[end](agent)]
    if not _asks_model(agent):
        return UserTurnStrategies(begins, stops)
    turn = agent.turn
    config = UserTurnCompletionConfig(
        incomplete_short_timeout=turn.short_pause_secs, incomplete_long_timeout=turn.long_pause_secs
    )
    return FilterIncompleteUserTurnStrategies(begins, stops, config)


def _of_keys(agent: Agent) -> list[BaseUserTurnStopStrategy]:
    return [EntryEndsTurn()] if agent.dtmf and not agent.realtime else []


def _asks_model(agent: Agent) -> bool:
    """Say whether a model is asked whether a turn is complete; rules cannot be."""
    return agent.turn_end in ("semantic", "combined") and not agent.rules


def _fixed(agent: Agent) -> BaseUserTurnStopStrategy:
    return SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=_behind_vad(agent, agent.turn.wait_ms / 1000))


def _adaptive(agent: Agent) -> BaseUserTurnStopStrategy:
    low, high = agent.turn.bounds("adaptive")
    return AdaptiveUserTurnStopStrategy(Pace(low / 1000, high / 1000))


def _at_each_pause(_agent: Agent) -> BaseUserTurnStopStrategy:
    return SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)


def _smart(agent: Agent) -> BaseUserTurnStopStrategy:
    low, high = (ms / 1000 for ms in agent.turn.bounds("smart"))
    return PatientSmartTurnStrategy(turn_analyzer(_behind_vad(agent, high)), _behind_vad(agent, low))


_STOPS: Final[Mapping[End, Callable[[Agent], BaseUserTurnStopStrategy]]] = {
    "fixed": _fixed,
    "adaptive": _adaptive,
    "smart": _smart,
    "semantic": _at_each_pause,
    "combined": _smart,
}


class AdaptiveUserTurnStopStrategy(SpeechTimeoutUserTurnStopStrategy):
    """A timer that follows this caller.

    Args:
        pace: Follows him, and says how long to wait.
    """

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace
        # In seconds, when his speech began and ended last; None where what follows is no pause within a turn.
        self._began_at: float | None = None
        self._ended_at: float | None = None
        self._spoken_secs, self._words = 0.0, 0

    async def handle_user_turn_stopped(self) -> None:
        """Learn from a turn that is over."""
        await super().handle_user_turn_stopped()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        self._pace.spoke(self._words, self._spoken_secs)
        self._spoken_secs, self._words = 0.0, 0

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Learn from his pauses, and set the timer."""
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._began_at = frame.timestamp - frame.start_secs
            if self._ended_at is not None:
                self._pace.paused(self._began_at - self._ended_at)
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._ended_at = frame.timestamp - frame.stop_secs
            self._spoken_secs += self._ended_at - (self._began_at or self._ended_at)
            self._user_speech_timeout = max(0.0, self._pace.wait_secs - frame.stop_secs)
        elif isinstance(frame, BotStartedSpeakingFrame):
            self._ended_at = None
        elif isinstance(frame, TranscriptionFrame):
            self._words += words(frame.text)
        return await super().process_frame(frame)


class PatientSmartTurnStrategy(TurnAnalyzerUserTurnStopStrategy):
    """Smart-turn, whose verdict does not end a turn before a least silence, and holds for what it heard only.

    Args:
        analyzer: The model.
        wait_secs: The silence, since the detector has heard its own.
    """

    def __init__(self, analyzer: BaseTurnAnalyzer, wait_secs: float) -> None:
        super().__init__(turn_analyzer=analyzer)
        self._wait_secs = wait_secs
        self._may_end_at = 0.0
        self._waiting: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Count the silence."""
        if isinstance(frame, VADUserStartedSpeakingFrame):
            await self._stop_waiting()
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._may_end_at = time.monotonic() + self._wait_secs
        return await super().process_frame(frame)

    async def handle_user_turn_stopped(self) -> None:
        """The turn is over, whoever said so."""
        await super().handle_user_turn_stopped()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        await self._stop_waiting()

    async def cleanup(self) -> None:
        """Stop waiting."""
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        await self._stop_waiting()

    async def trigger_user_turn_stopped(self, *, enable_user_speaking_frames: bool | None = None) -> None:
        """End the turn, once the silence has lasted."""
        if (left := self._may_end_at - time.monotonic()) > 0:
            if self._waiting is None:
                self._waiting = self.task_manager.create_task(self._wait(left), f"{self}::wait")
            return
        await self._trigger(enable_user_speaking_frames)

    async def _wait(self, secs: float) -> None:
        await asyncio.sleep(secs)
        self._waiting = None
        await self._trigger()

    async def _trigger(self, enable_user_speaking_frames: bool | None = None) -> None:
        await super().trigger_user_turn_stopped(enable_user_speaking_frames=enable_user_speaking_frames)
        # Where an llm has the last word the turn may go on, and with a word too short for the detector:
        # words without a voice end a turn by Pipecat's timer as long as no voice has been heard to stop.
        self._vad_stopped = False

    async def _stop_waiting(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            await self.task_manager.cancel_task(waiting)


def _behind_vad(agent: Agent, secs: float) -> float:
    """Return how much of a silence since the last speech is left when the detector has heard its own."""
    return max(0.0, secs - agent.vad.stop_secs)
