"""Interruption: when the caller's turn begins, and what a caller who speaks into the agent's words does to them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_start import BaseUserTurnStartStrategy

from voicekit.config.turn import Interruption
from voicekit.runtime.interjection import Interjections, Verdict
from voicekit.runtime.keypad import KeyedIn, KeyPressed
from voicekit.runtime.pause import Pause

ANSWER_SECS: Final = 1.5
"""Words that did not interrupt are an answer after all, where the agent has said all it had to within this time."""


class InterruptionStrategy(BaseUserTurnStartStrategy):
    """Begins the caller's turn.

    While nothing is heard of the agent, a turn begins with the caller's voice, or when the service that ends turns
    says so. A caller who speaks into the agent's words makes it pause at once. His words then stop it for good, or are
    none that do, and it goes on where it was. A voice that goes on while no words come stops it when `resume_ms` are
    over: the recogniser may be late.

    Args:
        terms: `turn.interruption`.
        pause: Holds back what the agent says.
        sleep: Waits.
    """

    def __init__(
        self,
        terms: Interruption,
        pause: Pause,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self._terms = terms
        self._interjections = Interjections(terms)
        self._pause = pause
        self.proposed = False
        """Whether a service tells when turns begin and end; a voice alone begins none then."""
        self._sleep = sleep
        self._in_turn = self._audible = self._voice = self._proposal = False
        # Whether the voice under way, or the last one, began while something was heard of the agent.
        self._interjects = False
        # Whether the sound under way, or the last one, was long enough to count.
        self._counts = False
        self._heard = ""
        self._unanswered: list[TranscriptionFrame] = []
        self._timer: asyncio.Task[None] | None = None
        self._memory: asyncio.Task[None] | None = None

    @property
    def resolves_proposed_turn_start_frames(self) -> bool:
        """Whether proposals of a service end here."""
        return self.proposed

    async def cleanup(self) -> None:
        """Stop waiting."""
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        for task in (self._timer, self._memory):
            if task is not None:
                await self.task_manager.cancel_task(task)
        self._timer = self._memory = None
        self._pause.release()

    async def handle_user_turn_started(self) -> None:
        """The caller's turn has begun, whoever said so."""
        await super().handle_user_turn_started()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        self._in_turn, self._proposal, self._interjects = True, False, False
        self._unanswered.clear()
        await self._stop_timer()

    async def handle_user_turn_stopped(self) -> None:
        """The caller's turn is over."""
        await super().handle_user_turn_stopped()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        self._in_turn = False

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Follow both sides."""
        match frame:
            case BotStartedSpeakingFrame():
                self._audible = True
            case BotStoppedSpeakingFrame():
                await self._agent_stopped()
            case VADUserStartedSpeakingFrame():
                await self._voice_began(frame.start_secs)
            case VADUserStoppedSpeakingFrame():
                self._voice = False
            case ProposedUserStartedSpeakingFrame() if self.proposed:
                await self._turn_proposed()
            case ProposedUserStoppedSpeakingFrame():
                self._proposal = False
            case KeyPressed() | KeyedIn():
                await self._key_pressed()
            case TranscriptionFrame() | InterimTranscriptionFrame():
                await self._words_came(frame)
        return ProcessFrameResult.CONTINUE

    # What begins a turn while nothing is heard of the agent

    async def _voice_began(self, start_secs: float) -> None:
        self._voice, self._counts, self._heard = True, False, ""
        if self._in_turn:
            return
        self._interjects = self._audible or self._pause.sounding
        if self._interjects:
            await self._sound_came(start_secs)
        elif not self.proposed:
            await self.trigger_user_turn_started()

    async def _key_pressed(self) -> None:
        if not self._in_turn:
            await self.trigger_user_turn_started()

    async def _turn_proposed(self) -> None:
        self._proposal = True
        if not (self._audible or self._interjects or self._in_turn):
            await self.trigger_user_turn_started()

    async def _agent_stopped(self) -> None:
        """The agent has said what it had to: a caller who has begun meanwhile has the turn."""
        self._audible = self._interjects = False
        await self._stop_timer()
        self._pause.release()
        if self._in_turn:
            return
        said, self._unanswered = self._unanswered, []
        if said:
            # As if they came now, they begin a turn and end it.
            await self.trigger_reset_aggregation()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
            for frame in said:
                await self.push_frame(frame)
        elif self._proposal or (self._voice and not self.proposed):
            await self.trigger_user_turn_started()

    # What a caller does who speaks into the agent's words

    async def _sound_came(self, start_secs: float) -> None:
        early_secs = self._terms.min_ms / 1000 - start_secs
        if early_secs > 0:
            await self._start_timer(self._after(early_secs, self._sound_counts))
        else:
            await self._sound_counts()

    async def _sound_counts(self) -> None:
        if not (self._voice and self._interjects):
            return
        self._counts = True
        if self._terms.by_sound:
            await self._interrupt()
        elif self._terms.resume_ms is not None:
            self._pause.hold()
            await self._start_timer(self._after(self._terms.resume_ms / 1000, self._time_is_up))

    async def _time_is_up(self) -> None:
        if self._voice and not self._heard:
            await self._interrupt()
        else:
            self._pause.release()

    async def _words_came(self, frame: TranscriptionFrame | InterimTranscriptionFrame) -> None:
        if self._in_turn or not frame.text.strip():
            return
        if not (self._audible or self._interjects):
            # Of a voice that the detector has missed.
            await self.trigger_user_turn_started()
            return
        self._heard = " ".join([*(each.text for each in self._unanswered), frame.text])
        verdict = self._verdict(frame.text, final=isinstance(frame, TranscriptionFrame))
        if verdict is Verdict.INTERRUPTS:
            await self._interrupt()
        elif isinstance(frame, TranscriptionFrame):
            await self._is_nothing(frame)

    def _verdict(self, text: str, *, final: bool) -> Verdict:
        if self._interjections.is_always(text):
            return Verdict.INTERRUPTS
        if self._terms.min_ms and not self._counts:
            return Verdict.NOTHING
        return self._interjections.verdict(self._heard, final=final)

    async def _is_nothing(self, frame: TranscriptionFrame) -> None:
        """Go on; what was said is kept for a while, as the beginning of what comes, or as an answer."""
        await self._stop_timer()
        self._pause.release()
        self._unanswered.append(frame)
        if self._memory is not None:
            await self.task_manager.cancel_task(self._memory)
        self._memory = self._task(self._after(ANSWER_SECS, self._forget))

    async def _forget(self) -> None:
        if not self._in_turn:
            self._unanswered.clear()
            await self.trigger_reset_aggregation()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    async def _interrupt(self) -> None:
        await self.trigger_user_turn_started()
        self._pause.be_quiet(self._terms.backoff_ms / 1000)

    # Timers

    async def _after(self, secs: float, work: Callable[[], Awaitable[None]]) -> None:
        await self._sleep(secs)
        await work()

    async def _start_timer(self, work: Coroutine[Any, Any, None]) -> None:
        await self._stop_timer()
        self._timer = self._task(work)

    async def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        # It may be what stops itself.
        if timer is not None and timer is not asyncio.current_task():
            await self.task_manager.cancel_task(timer)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self.task_manager.create_task(work, f"{self}::timer")
