"""Farewell: when the agent that has ended a call has said its last words."""

import asyncio

from pipecat.frames.frames import (
    FunctionCallResultFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSStartedFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed


class Farewell(BaseObserver):
    """Waits for the end of the answer that follows a tool's result.

    The answer that called the tool ends too, before or after the tool has run, and is not the last one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._result_seen = False
        self._begun = False
        self._said = asyncio.Event()
        self._heard = asyncio.Event()

    async def on_push_frame(self, data: FramePushed) -> None:
        """Follow the answers of the model."""
        frame = data.frame
        if isinstance(frame, FunctionCallResultFrame):
            self._result_seen, self._begun = True, False
        elif isinstance(frame, LLMFullResponseStartFrame) and self._result_seen:
            self._begun = True
        elif isinstance(frame, LLMTextFrame | TTSStartedFrame) and self._begun:
            self._heard.set()
        elif isinstance(frame, LLMFullResponseEndFrame) and self._begun:
            self._said.set()
            self._heard.set()

    def expect(self) -> None:
        """Begin to wait: only a tool that ends from now on counts."""
        self._result_seen = self._begun = False
        self._said.clear()
        self._heard.clear()

    async def said(self, begins_secs: float, within_secs: float) -> bool:
        """Wait until the last words have been made; they may still be playing. False when none came in time.

        Args:
            begins_secs: How long the first of them may take.
            within_secs: How long they may take from then on.
        """
        try:
            async with asyncio.timeout(begins_secs):
                await self._heard.wait()
            async with asyncio.timeout(within_secs):
                await self._said.wait()
        except TimeoutError:
            return False
        return True
