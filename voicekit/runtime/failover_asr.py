"""Failover ASR: a list of recognisers, where the next takes over from one that fails or is deaf, and hears the turn."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.service_switcher import ServiceSwitcher
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.stt_service import STTService
from pipecat.utils.errors import ErrorCategory

from voicekit.records.events import Trouble
from voicekit.runtime.readable import readable
from voicekit.runtime.succession import Succession, Terms
from voicekit.runtime.turn_sound import TurnSound

_HEARD: Final = (InputAudioRawFrame, VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame)
_WORDS: Final = (TranscriptionFrame, InterimTranscriptionFrame)
# Under this name a frame of words says whose it is.
_WHOSE: Final = "recogniser"
_NO_WORDS: Final = "no transcript within"


class FailoverASR(ServiceSwitcher[Succession]):
    """Recognisers tried in order; the next one is given the sound of the turn from its beginning.

    Speech of which nobody makes words may have been a noise: it is not held against anybody, but the caller is told.

    Args:
        recognisers: They; one alone has nobody to hand over to, and is given up in time all the same.
        terms: When the next one takes over.
        within_secs: For how long a caller who has spoken may hear nothing.
        sleep: Waits.
    """

    def __init__(
        self,
        recognisers: list[STTService],
        terms: Terms,
        within_secs: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(list(recognisers), Succession)
        self.strategy.agree(terms)
        self._terms = terms
        self._within_secs = within_secs
        self._sleep = sleep
        self._sound = TurnSound()
        # What a recogniser is given, and what the next is given again, is given in one order.
        self._giving = asyncio.Lock()
        self._again: set[int] = set()
        self._silent_since = 0.0
        self._asked_at = 0.0
        self._watch: asyncio.Task[None] | None = None
        self._handing_over: asyncio.Task[None] | None = None
        self._ends_turns = {each for each in recognisers if each.service_metadata_frame().user_turn_strategies}
        for each in recognisers:
            each.add_event_handler("on_before_push_frame", _sign)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Keep what the caller says until it has been understood."""
        if not isinstance(frame, _HEARD):
            await super().process_frame(frame, direction)
            if isinstance(frame, UserStoppedSpeakingFrame):
                await self._turn_ended()
            return
        async with self._giving:
            if isinstance(frame, VADUserStartedSpeakingFrame) and not self._sound.is_speech:
                self._sound.understood()
                self.strategy.begin()
            self._sound.hear(frame, direction)
            await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._silent_since = self._asked_at = self._terms.now()
            self._expect_words()

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Let the words of the one at work through."""
        if frame.id in self._again:
            self._again.discard(frame.id)
        elif isinstance(frame, ErrorFrame) and frame.processor is self.strategy.active_service:
            await self._failed(frame)
        elif isinstance(frame, _WORDS) and frame.metadata.get(_WHOSE) != self.strategy.active_service.id:
            pass
        else:
            if isinstance(frame, _WORDS) and frame.text.strip():
                self._heed(frame)
            await super().push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop watching."""
        for task in (self._watch, self._handing_over):
            if task is not None:
                await self.cancel_task(task)
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    def _heed(self, frame: Frame) -> None:
        # Who ends turns himself may wait for more; that he hears is enough.
        if isinstance(frame, TranscriptionFrame) or self.strategy.active_service in self._ends_turns:
            self.strategy.done()
            self._sound.understood()

    async def _turn_ended(self) -> None:
        if self._handing_over is None and self._watch is None and not self._sound.speaks:
            self._sound.understood()
            self.strategy.begin()
            await self.strategy.come_back()

    async def _failed(self, error: ErrorFrame) -> None:
        if error.category is ErrorCategory.APPLICATION:
            await super().push_frame(error, FrameDirection.UPSTREAM)
        elif len(self.services) > 1:
            self._hand_over_because(error.error, error)
        elif self._sound.open:
            await super().push_frame(error, FrameDirection.UPSTREAM)
        else:
            # It connects again by itself, and nobody has spoken.
            self._terms.listener(Trouble(self._terms.kind, readable(error.error)))

    def _expect_words(self) -> None:
        if self._sound.is_speech and self._watch is None:
            self._watch = self.create_task(self._wait_for_words())

    async def _wait_for_words(self) -> None:
        while self._sound.is_speech and not self._sound.speaks:
            limit = self._limit_secs()
            if (left := self._asked_at + limit - self._terms.now()) > 0:
                await self._sleep(left)
            else:
                self._hand_over_because(f"{_NO_WORDS} {limit:g} s")
                break
        self._watch = None

    def _limit_secs(self) -> float:
        if self.strategy.successor:
            return self._terms.fallback.asr_ms / 1000
        own = self._terms.services[self.services.index(self.strategy.active_service)].timeout_secs
        # Whoever is last is waited for until the caller has to be told.
        return max(0.0, min(own, self._within_secs - (self._asked_at - self._silent_since)))

    def _hand_over_because(self, reason: str, error: ErrorFrame | None = None) -> None:
        # In a task of its own: the one at hand may be the recogniser's.
        if self._handing_over is None:
            self._handing_over = self.create_task(self._hand_over(reason, error))

    async def _hand_over(self, reason: str, error: ErrorFrame | None) -> None:
        async with self._giving:
            failed, needed = self.strategy.active_service, self._sound.open
            following = await (self.strategy.failed(error) if error else self.strategy.fail(reason))
            self._handing_over = None
            if following is not None:
                self._asked_at = self._terms.now()
                for frame, direction in self._sound.again():
                    self._again.add(frame.id)
                    await following.queue_frame(frame, direction)
                if not self._sound.speaks:
                    self._expect_words()
            else:
                self._sound.understood()
        if following is None and needed:
            told = error or ErrorFrame(reason, processor=failed, category=ErrorCategory.UNKNOWN)
            await super().push_frame(told, FrameDirection.UPSTREAM)
        if following is None and error is None:
            await self.strategy.forgive()


def _sign(recogniser: STTService, frame: Frame) -> None:
    """Say whose words they are."""
    if isinstance(frame, _WORDS):
        frame.metadata[_WHOSE] = recogniser.id
