"""Failover TTS: a list of voices, where the next takes over from one that fails or is slow, and says what is unsaid."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    SystemFrame,
    TextFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.pipeline.service_switcher import ServiceSwitcher
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from voicekit.records.events import Trouble
from voicekit.runtime.clients import close_client
from voicekit.runtime.readable import readable
from voicekit.runtime.succession import Succession, Terms
from voicekit.runtime.unsaid import Mark, Rest, Unsaid

_DOWN: Final = FrameDirection.DOWNSTREAM
_ENDS: Final = (Mark, LLMFullResponseEndFrame)


class FailoverTTS(ServiceSwitcher[Succession]):
    """Voices tried in order: when one fails, is silent or stalls, the next says the sentences that were not whole.

    The model's context gets each word once. Who is alone is given up in time all the same.

    Args:
        voices: The voices.
        terms: When the next one takes over.
        sleep: Waits.
    """

    def __init__(
        self,
        voices: list[TTSService],
        terms: Terms,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(list(voices), Succession)
        self.strategy.agree(terms)
        self._terms = terms
        self._sleep = sleep
        self._unsaid = Unsaid()
        # What is given to a voice, and what is taken from it to be given to another, is given in one order.
        self._giving = asyncio.Lock()
        self._retired: set[str] = set()
        self._silenced: set[int] = set()
        self._repeated = 0
        self._open: str | None = None
        self._last_sign = 0.0
        self._watch: asyncio.Task[None] | None = None
        self._handing_over: asyncio.Task[None] | None = None
        for voice in voices:
            voice.add_event_handler("on_tts_request", self._asked)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Keep what is to be said until it has been."""
        if direction is _DOWN and not _is_written(frame) and not isinstance(frame, SystemFrame | EndFrame):
            async with self._giving:
                await self._give(frame)
            return
        if isinstance(frame, InterruptionFrame):
            self._forget()
        await super().process_frame(frame, direction)

    async def push_frame(self, frame: Frame, direction: FrameDirection = _DOWN) -> None:
        """Let sound and words of the voice at work through."""
        if frame.id in self._silenced:
            self._silenced.discard(frame.id)
            self._unsaid.passed(frame)
        elif isinstance(frame, ErrorFrame) and frame.processor is self.strategy.active_service:
            await self._failed(frame)
        elif direction is not _DOWN or await self._heed(frame):
            await super().push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop watching, and close what the voices are reached with."""
        for task in (self._watch, self._handing_over):
            if task is not None:
                await self.cancel_task(task)
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        for voice in self.services:
            await close_client(voice)

    async def _give(self, frame: Frame) -> None:
        if self._unsaid.empty:
            self.strategy.begin()
            await self.strategy.come_back()
        self._unsaid.give(frame)
        await super().process_frame(frame, _DOWN)
        if isinstance(frame, TTSSpeakFrame):
            mark = Mark()
            self._unsaid.give(mark)
            await super().process_frame(mark, _DOWN)

    async def _asked(self, voice: TTSService, context: str, text: str) -> None:
        if voice is not self.strategy.active_service or context in self._retired:
            self._retired.add(context)
            return
        self._unsaid.asked(context, text)
        self._last_sign = self._terms.now()
        if self._watch is None:
            self._watch = self.create_task(self._wait_for_sound())

    async def _heed(self, frame: Frame) -> bool:
        """Follow what comes out of the voice; say whether it goes on."""
        context = getattr(frame, "context_id", None)
        if context in self._retired:
            return False
        if isinstance(frame, TTSAudioRawFrame | TTSTextFrame | TTSStartedFrame | TTSStoppedFrame):
            return self._heed_sound(frame, str(context))
        if isinstance(frame, _ENDS) and (self._handing_over or not self._unsaid.has(frame)):
            # Who takes over says when all has been said.
            return _is_written(frame)
        if not self._unsaid.passed(frame):
            self._hand_over_because("no sound came of it")
            return False
        if isinstance(frame, _ENDS):
            self.strategy.done()
        return not isinstance(frame, Mark)

    def _heed_sound(self, frame: Frame, context: str) -> bool:
        if isinstance(frame, TTSAudioRawFrame):
            if any(frame.audio):
                self._unsaid.sounded(context)
                self._last_sign = self._terms.now()
        elif isinstance(frame, TTSTextFrame):
            self._unsaid.told(context, frame.text)
            return self._is_news(frame)
        elif isinstance(frame, TTSStartedFrame):
            self._open = context
        elif isinstance(frame, TTSStoppedFrame):
            self._open = None
            self._unsaid.stopped(context)
        return True

    def _is_news(self, frame: TTSTextFrame) -> bool:
        """Cut off words that the voice before has told; say whether any are left."""
        while self._repeated and frame.text:
            self._repeated -= frame.text[0].isalnum()
            frame.text = frame.text[1:]
        return bool(frame.text)

    async def _failed(self, error: ErrorFrame) -> None:
        if error.category is ErrorCategory.APPLICATION:
            await super().push_frame(error, FrameDirection.UPSTREAM)
        elif self._unsaid.empty and len(self.services) == 1:
            # It costs nobody anything, and may be well again by the next word.
            self._terms.listener(Trouble(self._terms.kind, readable(error.error)))
        else:
            self._hand_over_because(error.error, error)

    async def _wait_for_sound(self) -> None:
        while what := self._unsaid.waits():
            limit = self._limit_secs(what == "more")
            if (left := self._last_sign + limit - self._terms.now()) > 0:
                # Once something is heard, less is waited for the rest.
                await self._sleep(min(left, self._limit_secs(True)))
            else:
                self._hand_over_because(f"no {'more sound for' if what == 'more' else 'sound within'} {limit:g} s")
                break
        self._watch = None

    def _limit_secs(self, stalled: bool) -> float:
        if stalled or self.strategy.successor:
            return self._terms.fallback.tts_ms / 1000
        return self._terms.services[self.services.index(self.strategy.active_service)].timeout_secs

    def _hand_over_because(self, reason: str, error: ErrorFrame | None = None) -> None:
        # In a task of its own: the one at hand may be the voice's, which is about to be interrupted.
        if self._handing_over is None:
            # What comes of it from now on is not heard.
            self._retired |= self._unsaid.contexts
            self._handing_over = self.create_task(self._hand_over(reason, error))

    async def _hand_over(self, reason: str, error: ErrorFrame | None) -> None:
        async with self._giving:
            failed = self.strategy.active_service
            following = await (self.strategy.failed(error) if error else self.strategy.fail(reason))
            rest = self._unsaid.rest()
            # Nobody else hears this interruption: nobody has been interrupted.
            stop = InterruptionFrame()
            self._silenced.add(stop.id)
            await failed.queue_frame(stop)
            self._handing_over = None
            if following is not None:
                await self._go_on(rest)
        if following is None:
            self._forget()
            told = error or ErrorFrame(reason, processor=failed, category=ErrorCategory.UNKNOWN)
            await super().push_frame(told, FrameDirection.UPSTREAM)

    async def _go_on(self, rest: Rest) -> None:
        """Give the voice that is now at work what the one before has not said."""
        if self._open is not None:
            opened, self._open = self._open, None
            await super().push_frame(TTSStoppedFrame(context_id=opened))
        self._repeated += rest.repeated
        if rest.quiet:
            self._silenced.add(rest.quiet.id)
        for frame in rest.frames:
            await super().process_frame(frame, _DOWN)

    def _forget(self) -> None:
        self._retired |= self._unsaid.contexts
        self._unsaid.clear()
        self._repeated, self._open = 0, None


def _is_written(frame: Frame) -> bool:
    """Say whether it belongs to what is shown and not spoken."""
    kinds = TextFrame | LLMFullResponseStartFrame | LLMFullResponseEndFrame
    return isinstance(frame, kinds) and bool(frame.skip_tts)
