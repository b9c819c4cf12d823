"""Failover ASR: a list of recognisers, where the next takes over from one that fails or hears nothing."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from pipecat.frames.frames import (
    CancelFrame,
    EagerEndOfTurnCancelFrame,
    EagerTranscriptionFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    ServiceMetadataFrame,
    TranscriptionFrame,
    TranslationFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.service_switcher import ServiceSwitcher, ServiceSwitcherStrategy
from pipecat.processors.filters.function_filter import FunctionFilter
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.errors import ErrorCategory

from voicekit.runtime.revival import Revival, retire
from voicekit.runtime.succession import Succession, Terms
from voicekit.runtime.unheard import Sound, Unheard

_SOUND: Final = (InputAudioRawFrame, VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame)
_WORDS: Final = (
    TranscriptionFrame,
    InterimTranscriptionFrame,
    TranslationFrame,
    EagerTranscriptionFrame,
    EagerEndOfTurnCancelFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
)


class FailoverASR(ServiceSwitcher[Succession]):
    """Recognisers tried in order: the next one hears again what no transcript covers, and goes on from there.

    One has failed when it says so, or when it gives no transcript in time after the caller's voice has stopped. Where a
    second one hears nothing either, or there is none, it may have been a noise: no third one is asked, and nothing is
    held against anybody. The caller is told of it in a call in which nobody has been understood yet, and when it is
    the second such turn in a row, which is a failure.

    The sound goes past the recognisers, and to the one at work alone: one that hangs does not keep it from the rest
    of the pipeline, and what is heard again is heard by nobody else.

    Args:
        recognisers: Who they are; one alone is given what it has missed when it is connected again.
        terms: When the next one takes over.
        within_secs: By when after the caller's voice has stopped the turn is given up at the latest.
        turns: Takes the strategies that the one at work recommends, or None, and returns those that end turns; None
            where that does not depend on who is at work.
        sleep: Waits.
    """

    def __init__(
        self,
        recognisers: Sequence[FrameProcessor],
        terms: Terms,
        within_secs: float,
        turns: Callable[[UserTurnStrategies | None], UserTurnStrategies] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(list(recognisers), Succession)
        self.strategy.agree(terms)
        self._terms = terms
        self._within_secs = within_secs
        self._turns = turns
        self._sleep = sleep
        self._unheard = Unheard()
        self._revival = Revival()
        # Whether the one at work hears what comes, and whether it has heard a voice begin and not stop.
        self._live, self._hears_voice = True, False
        # Whether a voice has begun while the work was being handed over.
        self._begun_meanwhile = False
        # When the voice stopped, and when the one at work was given it; each sign of words puts both off.
        self._waits_since = self._asked_at = 0.0
        self._heard_nothing: list[FrameProcessor] = []
        self._has_understood = self._doubted = False
        self._watch: asyncio.Task[None] | None = None
        self._handing_over: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None

    @staticmethod
    def _make_pipeline_definitions(services: list[FrameProcessor], strategy: ServiceSwitcherStrategy) -> list[Any]:
        """Let the words of the one at work out, and of nobody else."""
        up, down = FrameDirection.UPSTREAM, FrameDirection.DOWNSTREAM
        definitions = ServiceSwitcher._make_pipeline_definitions(services, strategy)
        return [
            [_gate(each, strategy, up), *definition, _gate(each, strategy, down)]
            for each, definition in zip(services, definitions, strict=True)
        ]

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Give the sound to the one at work, and follow the caller's turns."""
        if isinstance(frame, _SOUND):
            await FrameProcessor.process_frame(self, frame, direction)
            await self._hear(frame, direction)
            await super().push_frame(frame, direction)
            return
        if isinstance(frame, EndFrame | CancelFrame):
            self._live = False
            await self._stop()
        await super().process_frame(frame, direction)
        if isinstance(frame, UserStoppedSpeakingFrame):
            self._turn_ended()

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Let words through, and hand over after an error."""
        if isinstance(frame, ErrorFrame) and frame.processor in self.services:
            if frame.category is not ErrorCategory.APPLICATION:
                self._failed(frame)
                return
        elif isinstance(frame, TranscriptionFrame) and frame.text.strip():
            await self._understood()
        elif isinstance(frame, InterimTranscriptionFrame):
            self._waits_since = self._asked_at = self._terms.now()
        elif isinstance(frame, ServiceMetadataFrame) and direction is FrameDirection.DOWNSTREAM:
            self._settle_turns(frame)
        await super().push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop watching."""
        await self._stop()
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    async def _stop(self) -> None:
        for task in (self._watch, self._handing_over, self._returning):
            if task is not None:
                await self.cancel_task(task)
        self._watch = self._handing_over = self._returning = None

    # What is heard

    async def _hear(self, frame: Sound, direction: FrameDirection) -> None:
        new = not self._unheard.speech_secs
        self._unheard.add(frame, direction)
        if isinstance(frame, VADUserStartedSpeakingFrame):
            await self._voice_began(new=new)
        if self._live:
            await self._give(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._waits_since = self._terms.now()
            self._expect_words()

    async def _give(self, frame: Sound, direction: FrameDirection) -> None:
        if not isinstance(frame, InputAudioRawFrame):
            self._hears_voice = isinstance(frame, VADUserStartedSpeakingFrame)
        await self.strategy.active_service.queue_frame(frame, direction)

    async def _voice_began(self, *, new: bool) -> None:
        # Where nobody is left to take over, there is time until the caller has finished.
        if self._watch is not None and not self.strategy.successor:
            await self._stop_watch()
        if self._handing_over is not None:
            self._begun_meanwhile = True
        elif new or not self._live:
            self.strategy.begin()
            self._heard_nothing.clear()
            active = self.strategy.active_service
            if not self._live or self._revival.is_due(active):
                self._hand_over(self._reach(active))

    async def _understood(self) -> None:
        self._has_understood, self._doubted = True, False
        self._unheard.heard()
        self.strategy.done()
        await self._stop_watch()

    def _turn_ended(self) -> None:
        if self._watch is not None or self._handing_over is not None or not self._live:
            return
        if not self._unheard.speaking:
            self._unheard.heard()
        if self._returning is None and self.strategy.active_service is not self.services[0]:
            self._returning = self.create_task(self._return())

    def _settle_turns(self, metadata: ServiceMetadataFrame) -> None:
        """Have turns end by the word of the one at work where it tells of them, else as usual."""
        if self._turns and metadata.service_name == self.strategy.active_service.name:
            metadata.user_turn_strategies = self._turns(metadata.user_turn_strategies)

    # How long words are waited for

    def _expect_words(self) -> None:
        if self._live and self._watch is None and self._unheard.speech_secs:
            self._asked_at = self._terms.now()
            self._watch = self.create_task(self._wait_for_words())

    async def _stop_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            await self.cancel_task(watch)

    async def _wait_for_words(self) -> None:
        while (left := self._due() - self._terms.now()) > 0:
            await self._sleep(left)
        # From here on nothing that is said can make this watch unnecessary.
        self._handing_over, self._watch = self._watch, None
        self._live = False
        await self._nothing_heard()
        self._handing_over = None

    def _due(self) -> float:
        return min(self._asked_at + self._limit_secs, self._terms.now() + self._left_secs)

    @property
    def _left_secs(self) -> float:
        """How long the turn may still take before it is given up; while the caller speaks, he waits for nothing."""
        if self._unheard.speaking or not self._unheard.speech_secs:
            return math.inf
        return self._waits_since + self._within_secs - self._terms.now()

    @property
    def _limit_secs(self) -> float:
        """How long the one at work may take."""
        if self.strategy.successor:
            return self._terms.fallback.asr_ms / 1000
        at = self.services.index(self.strategy.active_service)
        return min(self._within_secs, self._terms.services[at].timeout_secs)

    async def _nothing_heard(self) -> None:
        silent = self.strategy.active_service
        self._heard_nothing.append(silent)
        enough = len(self._heard_nothing) > 1 or not self.strategy.successor
        reason = f"no transcript within {round(self._terms.now() - self._asked_at, 1):g} s"
        if enough and not self._doubted:
            await self._acquit(reason)
            return
        self._revival.gave_up(silent)
        following = await self.strategy.fail(reason)
        await self._leave(silent)
        if following is None:
            await self._give_up(ErrorFrame(reason))
        else:
            await self._reach(following)

    async def _acquit(self, reason: str) -> None:
        """Hold nothing against those who have heard nothing; they are believed once."""
        last = self.strategy.active_service
        await self.strategy.acquit(self._heard_nothing, "nobody heard anything")
        if self.strategy.active_service is not last:
            await self._leave(last)
        if self._has_understood:
            self._unheard.heard()
            await self._reach(self.strategy.active_service)
        else:
            for each in self._heard_nothing:
                self._revival.gave_up(each)
            await self._give_up(ErrorFrame(reason))
        self._doubted = True

    # How the next one takes over

    def _failed(self, error: ErrorFrame) -> None:
        """Take note of an error of one of these. While it is handed over, it is what has made it necessary."""
        if not self._revival.note(error) and error.processor is self.strategy.active_service and self._live:
            self._hand_over(self._after(error))

    def _hand_over(self, work: Coroutine[Any, Any, None]) -> None:
        async def handed_over() -> None:
            await self._stop_watch()
            await work
            self._handing_over = None
            if self._begun_meanwhile and not self._live:
                # What was given up was lost before he spoke: he is owed an attempt of his own, or to be told.
                self.strategy.begin()
                self._hand_over(self._reach(self.strategy.active_service))

        self._live = self._begun_meanwhile = False
        self._handing_over = self.create_task(handed_over())

    async def _after(self, error: ErrorFrame) -> None:
        failed = self.strategy.active_service
        following = await self.strategy.failed(error)
        await self._leave(failed)
        if following is None:
            await self._give_up(error)
        else:
            await self._reach(following)

    async def _reach(self, asr: FrameProcessor) -> None:
        """Have a recogniser hear what was not heard, or whoever follows where it cannot be reached."""
        returning, self._returning = self._returning, None
        if returning is not None:
            await self.cancel_task(returning)
        error = ErrorFrame(f"no transcript within {self._within_secs:g} s")
        following: FrameProcessor | None = asr
        while following is not None and self._left_secs > 0:
            if not self._revival.is_due(following):
                await self._go_live()
                return
            refusal = await self._revival.revive(following, min(self._limit_secs, self._left_secs))
            if refusal is None:
                await self._go_live()
                return
            error = refusal
            waited = isinstance(error.exception, TimeoutError)
            following = await (self.strategy.fail(error.error) if waited else self.strategy.failed(error))
        await self._give_up(error)

    async def _go_live(self) -> None:
        for frame, direction in self._unheard.again():
            await self._give(frame, direction)
        self._live = True
        if not self._unheard.speaking:
            self._expect_words()

    async def _leave(self, asr: FrameProcessor) -> None:
        await retire(asr, speaking=self._hears_voice)
        self._hears_voice = False

    async def _give_up(self, error: ErrorFrame) -> None:
        """Tell of a turn that is lost, in the name of all; whoever is next is reached when the caller speaks again."""
        self._doubted = False
        self._unheard.heard()
        lost = ErrorFrame(error.error, exception=error.exception, processor=self, category=ErrorCategory.UNKNOWN)
        await super().push_frame(lost, FrameDirection.UPSTREAM)

    # How one comes back

    async def _return(self) -> None:
        """Take an earlier one again, if it has cooled down. It hears as well what is said meanwhile."""

        async def revive(asr: FrameProcessor) -> bool:
            if await self._revival.revive(asr, self._limit_secs) is not None:
                return False
            self._live = False
            await self._leave(self.strategy.active_service)
            return True

        await self.strategy.come_back(revive)
        self._returning = None
        if not self._live:
            await self._stop_watch()
            await self._go_live()


def _gate(asr: FrameProcessor, strategy: ServiceSwitcherStrategy, direction: FrameDirection) -> FrameProcessor:
    """Hold back the sound, which goes past, and the words of one that is not at work."""

    async def passes(frame: Frame) -> bool:
        if isinstance(frame, _SOUND):
            return False
        return asr is strategy.active_service or not isinstance(frame, _WORDS)

    return FunctionFilter(filter=passes, direction=direction, filter_system_frames=True, enable_direct_mode=True)
