"""Failover: a list of models, where the next takes over from one that fails or is slow, and keeps the turn."""

import asyncio
import contextlib
from typing import Any

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
)
from pipecat.pipeline.llm_switcher import LLMSwitcher
from pipecat.pipeline.service_switcher import ServiceSwitcherStrategyManual
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.utils.errors import ErrorCategory

from voicekit.records.events import Listener, Trouble
from voicekit.runtime.clients import close_client

# How long a model may take that nobody can take over from.
LAST_SECS = 10.0
_ANSWERED = (LLMTextFrame, FunctionCallsStartedFrame, LLMFullResponseEndFrame)


class NextOnError(ServiceSwitcherStrategyManual):
    """Switches on every error that is the service's own; Pipecat's strategy ignores a 500 or a refused connection.

    Each service is tried once for a request; when all have failed, so has the turn.
    """

    def __init__(self, services: list[FrameProcessor]) -> None:
        super().__init__(services)
        self._tried: list[FrameProcessor] = []

    def begin(self) -> None:
        """Forget what was tried: a new request comes."""
        self._tried.clear()

    @property
    def successor(self) -> FrameProcessor | None:
        """The service that would take over, or None when all have been tried."""
        at = self.services.index(self.active_service)
        others = (*self.services[at + 1 :], *self.services[:at])
        return next((service for service in others if service.is_usable and service not in self._tried), None)

    async def handle_error(self, error: ErrorFrame) -> FrameProcessor | None:
        """Switch to the next service, unless the error is the application's."""
        return None if error.category is ErrorCategory.APPLICATION else await self.switch()

    async def switch(self) -> FrameProcessor | None:
        """Make the next service the active one; None where there is none."""
        self._tried.append(self.active_service)
        following = self.successor
        return await self._set_active_if_available(following) if following else None


class FailoverLLM(LLMSwitcher[NextOnError]):
    """Models tried in order: when one fails or gives no word in time, the next gets the same request.

    Args:
        llms: The models; one alone has nobody to hand over to, and is given up in time all the same.
        first_word_secs: How long each may take to its first word or tool while there is another.
        listener: Told when another model takes over.
    """

    def __init__(self, llms: list[LLMService[Any]], first_word_secs: float, listener: Listener) -> None:
        super().__init__(llms, NextOnError)
        self._first_word_secs = first_word_secs
        self._listener = listener
        self._asked: LLMContextFrame | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stop: InterruptionFrame | None = None
        self._handing_over: asyncio.Task[None] | None = None
        self._handed_over: LLMContext | None = None
        self._ended = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Watch each request for its first word."""
        if isinstance(frame, LLMContextFrame):
            await self._settle()
            if frame.context is not self._handed_over:
                self.strategy.begin()
            self._handed_over = None
            self._asked = frame
            self._watch = self.create_task(self._wait_for_first_word(frame))
        elif isinstance(frame, InterruptionFrame):
            await self._settle()
            await self._stop_handing_over()
            self._handed_over = None
        await super().process_frame(frame, direction)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Let an answer through, keep back what only stops a slow model, and ask the next one after an error."""
        if self._stop is not None and frame.id == self._stop.id:
            return
        asked = self._asked
        if self._handing_over and isinstance(frame, LLMFullResponseEndFrame):
            self._ended.set()
        elif isinstance(frame, _ANSWERED):
            await self._settle()
        active = self.strategy.active_service
        await super().push_frame(frame, direction)
        if isinstance(frame, ErrorFrame) and active is not self.strategy.active_service:
            self._listener(Trouble("llm", f"{_name(active)} failed: {frame.error}"))
            self._ended.clear()
            self._handing_over = self.create_task(self._hand_over(asked))

    async def cleanup(self) -> None:
        """Stop watching, and close what the models are reached with."""
        await self._settle()
        await self._stop_handing_over()
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        for llm in self.llms:
            await close_client(llm)

    async def _stop_handing_over(self) -> None:
        task, self._handing_over = self._handing_over, None
        if task is not None:
            await self.cancel_task(task)

    async def _settle(self) -> None:
        self._asked = None
        watch, self._watch = self._watch, None
        if watch is not None:
            await self.cancel_task(watch)

    async def _wait_for_first_word(self, asked: LLMContextFrame) -> None:
        limit = self._first_word_secs if self.strategy.successor else max(LAST_SECS, self._first_word_secs)
        await asyncio.sleep(limit)
        # From here on nothing that is said can make this watch unnecessary.
        self._handing_over, self._watch = self._watch, None
        slow = self.strategy.active_service
        late = f"no word within {limit:g} s"
        self._listener(Trouble("llm", f"{_name(slow)} was too slow: {late}"))
        replaced = await self.strategy.switch()
        self._ended.clear()
        # Only the slow model hears this interruption: nobody has been interrupted.
        self._stop = InterruptionFrame()
        await slow.queue_frame(self._stop)
        if replaced is not None:
            await self._hand_over(asked)
        else:
            self._handing_over = None
            await slow.push_error(late, category=ErrorCategory.UNKNOWN)

    async def _hand_over(self, asked: LLMContextFrame | None) -> None:
        """Ask the next model once the failed one has ended its answer: two answers must not be mixed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._ended.wait()
        self._handing_over = None
        self._listener(Trouble("llm", f"{_name(self.strategy.active_service)} takes over"))
        if asked is not None:
            self._handed_over = asked.context
            await self.queue_frame(LLMContextFrame(asked.context))


def _name(service: FrameProcessor) -> str:
    return str(service.name).partition("LLMService")[0]
