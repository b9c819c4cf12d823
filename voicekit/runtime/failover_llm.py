"""Failover LLM: a list of models, where the next takes over from one that fails or is slow, and keeps the turn."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final, cast

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMMarkerFrame,
    LLMMarkerResponseFrame,
    LLMTextFrame,
)
from pipecat.pipeline.llm_switcher import LLMSwitcher
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.utils.errors import ErrorCategory

from voicekit.records.events import Trouble
from voicekit.runtime.readable import readable
from voicekit.runtime.succession import Succession, Terms

UNFINISHED: Final = "unfinished"
"""Marks the end of an answer that another model gives again: it is not the end of the turn."""
# Where a model is asked whether the caller has finished, a mark may be all there is of an answer, and of a second one
# to the same turn nothing is let out but this report.
_MARKED: Final = (LLMMarkerFrame, LLMMarkerResponseFrame)
# How Pipecat begins the text of an error of a summary, which is tried again with the next answer; and what says that
# the conversation is too short for one.
_OF_SUMMARIES: Final = ("Error generating context summary", "Context summarization timed out")
_NOTHING_TO_DO: Final = "No messages to summarize"
# How long a model that has been told to stop may take to end its answer: two answers must not be mixed.
_END_SECS: Final = 1.0


class FailoverLLM(LLMSwitcher[Succession]):
    """Models tried in order: when one fails or gives no word in time, the next gets the same request.

    One that falls silent in the middle of an answer, and one whose answer has no words and calls no tool, has failed.

    Args:
        llms: The models; one alone has nobody to hand over to, and is given up in time all the same.
        terms: When the next one takes over.
        ends: Says whether the call is about to end: the last words are then the model's to leave out.
    """

    def __init__(self, llms: list[LLMService[Any]], terms: Terms, ends: Callable[[], bool] = lambda: False) -> None:
        super().__init__(llms, Succession)
        self.strategy.agree(terms)
        self._terms = terms
        self._ends = ends
        self._asked: LLMContextFrame | None = None
        self._last_sign = 0.0
        self._said = self._interrupted = False
        self._watch: asyncio.Task[None] | None = None
        self._stop: InterruptionFrame | None = None
        self._handing_over: asyncio.Task[None] | None = None
        self._handed_over: LLMContext | None = None
        self._ended = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Watch each request for its words."""
        if isinstance(frame, LLMContextFrame):
            await self._settle()
            if frame.context is not self._handed_over:
                self.strategy.begin()
                await self.strategy.come_back()
            self._handed_over = None
            self._interrupted = self._said = False
            self._asked, self._last_sign = frame, self._terms.now()
            self._watch = self.create_task(self._wait_for_words(frame))
        elif isinstance(frame, InterruptionFrame):
            await self._settle()
            await self._stop_handing_over()
            self._handed_over = None
            self._interrupted = True
        await super().process_frame(frame, direction)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Let an answer through, keep back what only stops a slow model, and ask the next one after an error."""
        if self._stop is not None and frame.id == self._stop.id:
            return
        if isinstance(frame, ErrorFrame) and self._costs_nothing(frame):
            if _NOTHING_TO_DO not in frame.error:
                self._terms.listener(Trouble(self._terms.kind, readable(frame.error)))
            return
        asked = self._asked
        if self._handing_over and isinstance(frame, LLMFullResponseEndFrame):
            self._ended.set()
        elif asked is not None and isinstance(frame, ErrorFrame) and frame.processor is self.strategy.active_service:
            await self._settle()
            if await self.strategy.failed(frame):
                self._start_handing_over(asked)
                return
        elif asked is not None:
            await self._heed(frame, asked)
        if self._handing_over and isinstance(frame, LLMFullResponseEndFrame):
            frame.metadata[UNFINISHED] = True
        await super().push_frame(frame, direction)

    def _costs_nothing(self, error: ErrorFrame) -> bool:
        """Say whether nobody waits for what has failed: an answer that was interrupted, or a summary."""
        return error.processor in self.llms and (self._interrupted or error.error.startswith(_OF_SUMMARIES))

    async def cleanup(self) -> None:
        """Stop watching."""
        await self._settle()
        await self._stop_handing_over()
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    async def _heed(self, frame: Frame, asked: LLMContextFrame) -> None:
        """Follow an answer."""
        if isinstance(frame, _MARKED) or (isinstance(frame, LLMTextFrame) and frame.text.strip()):
            self._said, self._last_sign = True, self._terms.now()
        elif isinstance(frame, FunctionCallsStartedFrame):
            self.strategy.done()
            await self._settle()
        elif isinstance(frame, LLMFullResponseEndFrame):
            await self._settle()
            if self._said:
                self.strategy.done()
            elif not self._ends():
                await self._wordless(asked)

    async def _wordless(self, asked: LLMContextFrame) -> None:
        """Have the next model answer for one that has nothing to say."""
        silent, reason = self.strategy.active_service, "its answer has no words"
        if await self.strategy.fail(reason):
            self._start_handing_over(asked)
            self._ended.set()
        else:
            await silent.push_error(reason, category=ErrorCategory.UNKNOWN)

    async def _stop_handing_over(self) -> None:
        task, self._handing_over = self._handing_over, None
        if task is not None:
            await self.cancel_task(task)

    async def _settle(self) -> None:
        self._asked = None
        watch, self._watch = self._watch, None
        if watch is not None:
            await self.cancel_task(watch)

    async def _wait_for_words(self, asked: LLMContextFrame) -> None:
        active, fallback = self.strategy.active_service, self._terms.fallback
        own_secs = self._terms.services[self.llms.index(cast("LLMService[Any]", active))].timeout_secs
        limit = fallback.llm_ms / 1000 if self.strategy.successor else own_secs
        while (left := self._last_sign + limit - self._terms.now()) > 0:  # noqa: ASYNC110 - each word moves the end
            await asyncio.sleep(left)
        # From here on nothing that is said can make this watch unnecessary.
        self._handing_over, self._watch = self._watch, None
        self._asked = None
        self._ended.clear()
        reason = f"{'no more words for' if self._said else 'no word within'} {limit:g} s"
        following = await self.strategy.fail(reason)
        # Only the slow model hears this interruption: nobody has been interrupted.
        self._stop = InterruptionFrame()
        await active.queue_frame(self._stop)
        if following is not None:
            await self._hand_over(asked)
        else:
            self._handing_over = None
            await active.push_error(reason, category=ErrorCategory.UNKNOWN)

    def _start_handing_over(self, asked: LLMContextFrame) -> None:
        self._ended.clear()
        self._handing_over = self.create_task(self._hand_over(asked))

    async def _hand_over(self, asked: LLMContextFrame) -> None:
        """Ask the next model once the failed one has ended its answer: two answers must not be mixed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECS):
                await self._ended.wait()
        self._handing_over = None
        self._handed_over = asked.context
        await self.queue_frame(LLMContextFrame(asked.context))
