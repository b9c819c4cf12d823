"""Fillers: what is said while an answer is awaited, between the model and the voice."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSSpeakFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from voicekit.config.agent import Agent
from voicekit.config.lines import said
from voicekit.runtime.asides import Asides, aside
from voicekit.runtime.tool_lines import ToolLine
from voicekit.runtime.waiting import Waiting
from voicekit.services.llm_rules import Values

_OVER: Final = (InterruptionFrame, EndFrame, CancelFrame)


class Fillers(FrameProcessor):
    """Says a filler when the caller has waited long enough, and the lines of tools.

    Args:
        agent: The file.
        asides: Plays what is said here.
        values: Gives the values of the call, with which lines are filled in.
        sleep: Waits.
        now: Tells the time, in seconds.
    """

    def __init__(
        self,
        agent: Agent,
        asides: Asides,
        values: Values,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._asides = asides
        self._values = values
        self._sleep = sleep
        self._now = now
        self._waiting = Waiting(agent.fillers)
        # The same line never comes twice running, not even where the list has it twice.
        self._lines = itertools.cycle(dict.fromkeys(agent.fillers.say if agent.fillers else ()))
        self._covered = {name for name, tool in agent.tools.items() if tool.say.start}
        self._final = {name for name, tool in agent.tools.items() if tool.builtin == "end_call"}
        self._announced = False
        self._due: float | None = None
        self._timer: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Follow who speaks and what runs."""
        await super().process_frame(frame, direction)
        if isinstance(frame, ToolLine):
            await self._say_of_tool(frame)
            return
        self._heed_speech(frame)
        self._heed_model(frame)
        self._heed_tools(frame)
        await self._watch()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop waiting."""
        self._waiting.over()
        await self._watch()
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    def _heed_speech(self, frame: Frame) -> None:
        if isinstance(frame, UserStoppedSpeakingFrame):
            self._waiting.turn_ended(self._now())
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._waiting.caller_stopped(self._now())
        elif isinstance(frame, UserStartedSpeakingFrame | VADUserStartedSpeakingFrame):
            self._waiting.caller_began()
        elif isinstance(frame, BotStartedSpeakingFrame):
            self._waiting.agent_began()
        elif isinstance(frame, BotStoppedSpeakingFrame):
            self._waiting.agent_stopped(self._now())
        elif isinstance(frame, _OVER):
            self._waiting.over()

    def _heed_model(self, frame: Frame) -> None:
        if isinstance(frame, LLMFullResponseStartFrame):
            self._announced = False
            self._waiting.model_asked()
        elif isinstance(frame, LLMFullResponseEndFrame):
            self._waiting.model_answered()
        elif isinstance(frame, LLMTextFrame) and not frame.skip_tts and frame.text.strip():
            self._announced = True
            self._answered()
        elif isinstance(frame, TTSSpeakFrame):
            # The greeting, or that the turn has failed: there is nothing more to wait for.
            self._waiting.over()
            self._answered()

    def _answered(self) -> None:
        if not self._waiting.agent_speaks:
            self._asides.give_way()
        self._waiting.agent_answered()

    def _heed_tools(self, frame: Frame) -> None:
        if isinstance(frame, FunctionCallInProgressFrame):
            name = frame.function_name
            if name in self._final:
                self._waiting.over()
            else:
                self._waiting.tool_began(frame.tool_call_id, self._now(), covered=name in self._covered)
        elif isinstance(frame, FunctionCallResultFrame | FunctionCallCancelFrame):
            self._waiting.tool_ended(frame.tool_call_id, self._now())

    async def _say_of_tool(self, line: ToolLine) -> None:
        line.begun.set()
        if self._waiting.caller_speaks or (line.opening and self._announced):
            return
        self._announced = self._announced or line.opening
        self._waiting.said(self._now(), filler=False)
        await self._watch()
        await self.push_frame(aside(said(line.line, self._values())))

    async def _watch(self) -> None:
        """Wait for the moment at which a filler is due, and for no other."""
        due = self._waiting.due()
        if due == self._due:
            return
        self._due = due
        timer, self._timer = self._timer, None
        if timer is not None:
            await self.cancel_task(timer)
        if due is not None:
            self._timer = self.create_task(self._fill_at(due))

    async def _fill_at(self, due: float) -> None:
        await self._sleep(max(0.0, due - self._now()))
        # From here on nothing can make this filler unnecessary but the answer, which cuts it off.
        self._timer = None
        self._waiting.said(self._now(), filler=True)
        await self.push_frame(aside(said(next(self._lines), self._values())))
        await self._watch()
