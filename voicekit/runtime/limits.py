"""Limits: how much one call may take, and how it ends when it has taken that."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from voicekit.config.agent import Agent
from voicekit.config.lines import said
from voicekit.records.cost import Bill
from voicekit.records.events import LimitReached, Listener, Trouble
from voicekit.runtime.parting import Say
from voicekit.services.llm_rules import Values

Part = Callable[[str, str, bool], Awaitable[None]]
"""Says the last words and ends the call, for a reason; whether what is being said and thought is stopped first."""

Limit = Literal["call_secs", "turns", "tool_calls", "tool_calls_per_turn", "tokens", "cost_usd"]

# Whoever has just finished a turn is not told of the time before he is answered: the model is asked within this.
_PAUSE_SECS: Final = 0.5

_REFUSED: Final[dict[Limit, str]] = {
    "tool_calls": "no more tools can be called in this call; answer with what you know",
    "tool_calls_per_turn": "no more tools can be called in this turn; answer now with what you know",
}


class Limiter(FrameProcessor):
    """Holds one call to the limits of its file. Stands behind the voice.

    A limit of money or tokens, once it is reached, lets the answer under way be heard to its end and has no other
    asked for. A turn too many is answered with the goodbye. The time is up when it is.

    Args:
        agent: The file.
        bill: What the call has used up.
        listener: Told of each limit that is reached.
        say: Says a line.
        part: Ends the call.
        fail: Gives up the caller's turn.
        values: Gives what placeholders in the lines stand for.
        ends: Says whether the call is about to end: its last words are not cut off by the time.
        sleep: Waits.
    """

    def __init__(
        self,
        agent: Agent,
        bill: Bill,
        listener: Listener,
        *,
        say: Say,
        part: Part,
        fail: Callable[[], None],
        values: Values = dict,
        ends: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(enable_direct_mode=True)
        self._limits = agent.limits
        self._warnings = itertools.cycle(agent.limits.warn_say)
        self._goodbyes = itertools.cycle(agent.limits.goodbye)
        self._realtime = agent.realtime is not None
        self._bill = bill
        self._listener = listener
        self._say = say
        self._part = part
        self._fail = fail
        self._values = values
        self._call_ends = ends
        self._sleep = sleep
        self._tasks: list[asyncio.Task[None]] = []
        self._reached = self._leaves = False
        self._turns = 0
        self._tools_in_call = self._tools_in_turn = 0
        self._refused = self._insists = self._told = False
        self._busy: set[str] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Follow who speaks, and pass on everything but a request that is one too many."""
        await super().process_frame(frame, direction)
        self._heed(frame)
        if isinstance(frame, LLMContextFrame) and direction is FrameDirection.UPSTREAM and not self._may_go_on():
            return
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop the clock."""
        for task in self._tasks:
            await self.cancel_task(task)
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    def opened(self) -> None:
        """The line is open: the time runs."""
        secs, warning = self._limits.call_secs, self._limits.warn_secs
        if secs is not None:
            self._start(self._time_is_up(secs))
            if warning is not None:
                self._start(self._warn(secs - warning))

    def turn(self) -> bool:
        """The caller has finished a turn; return whether it may be answered."""
        self._turns += 1
        self._tools_in_turn = 0
        self._refused = self._insists = self._told = False
        if self._limits.turns is not None and self._turns > self._limits.turns:
            self._reach("turns", self._limits.turns, stop=True)
        if not self._reached:
            self._begins("answer")
        return not self._reached

    def spent(self) -> None:
        """The bill has grown."""
        if self._limits.tokens is not None and self._bill.tokens >= self._limits.tokens:
            self._reach("tokens", self._limits.tokens)
        if self._limits.cost_usd is not None and self._bill.usd >= self._limits.cost_usd:
            self._reach("cost_usd", self._limits.cost_usd)

    def admit_tool(self) -> str:
        """Count the call of a tool; return why it is refused, or nothing where it may run."""
        counted: tuple[tuple[Limit, int | None, int], ...] = (
            ("tool_calls_per_turn", self._limits.tool_calls_per_turn, self._tools_in_turn),
            ("tool_calls", self._limits.tool_calls, self._tools_in_call),
        )
        for limit, most, used in counted:
            if most is not None and used >= most:
                if not self._told:
                    self._listener(LimitReached(limit, most))
                self._refused = self._told = True
                return _REFUSED[limit]
        self._tools_in_call += 1
        self._tools_in_turn += 1
        return ""

    def _may_go_on(self) -> bool:
        """Say whether the model may be asked again, with what its tools have answered."""
        if self._refused and self._insists and not self._reached:
            source = "realtime" if self._realtime else "llm"
            self._listener(Trouble(source, "it calls tools again that it may not call, and gives no answer"))
            self._fail()
            return False
        self._insists, self._refused = self._insists or self._refused, False
        if not self._reached:
            self._begins("answer")
        return not self._reached

    def _heed(self, frame: Frame) -> None:
        if isinstance(frame, InterruptionFrame):
            self._ends("answer", "voice")
        elif isinstance(frame, LLMFullResponseStartFrame):
            self._begins("answer")
        elif isinstance(frame, LLMFullResponseEndFrame):
            self._ends("answer")
        elif isinstance(frame, TTSStartedFrame):
            self._begins("voice")
        elif isinstance(frame, TTSStoppedFrame):
            self._ends("voice")
        else:
            self._heed_speech(frame)

    def _heed_speech(self, frame: Frame) -> None:
        if isinstance(frame, UserStartedSpeakingFrame):
            self._begins("caller")
        elif isinstance(frame, UserStoppedSpeakingFrame):
            self._ends("caller")
            if self._realtime:
                self.turn()
        elif isinstance(frame, BotStartedSpeakingFrame):
            self._begins("sound")
        elif isinstance(frame, BotStoppedSpeakingFrame):
            self._ends("sound")

    def _begins(self, what: str) -> None:
        self._busy.add(what)
        self._quiet.clear()

    def _ends(self, *what: str) -> None:
        self._busy -= {*what}
        if not self._busy:
            self._quiet.set()
        if self._reached:
            self._leave()

    def _reach(self, limit: Limit, value: float, *, stop: bool = False) -> None:
        """End the call: at once, or behind the answer under way."""
        if not self._reached:
            self._reached = True
            self._listener(LimitReached(limit, value))
        self._leave(stop=stop)

    def _leave(self, *, stop: bool = False) -> None:
        """Say goodbye, once: at once, or when all of the answer under way has been handed on."""
        if self._leaves or (not stop and self._busy & {"answer", "voice"}):
            return
        self._leaves = True
        self._start(self._part(said(next(self._goodbyes), self._values()), "limit", stop))

    async def _warn(self, after_secs: float) -> None:
        await self._sleep(after_secs)
        while not self._quiet.is_set():
            await self._quiet.wait()
            await self._sleep(_PAUSE_SECS)
        if not (self._leaves or self._call_ends()):
            await self._say(said(next(self._warnings), self._values()), False)

    async def _time_is_up(self, secs: float) -> None:
        await self._sleep(secs)
        if not self._call_ends():
            self._reach("call_secs", secs, stop=True)

    def _start(self, work: Awaitable[None]) -> None:
        self._tasks.append(self.create_task(_waited_for(work)))


async def _waited_for(work: Awaitable[None]) -> None:
    await work


class Gate(FrameProcessor):
    """Keeps a turn from the model that the call may not take any more. Stands in front of it.

    Args:
        turn: Told of each turn of the caller's; says whether it may be answered.
    """

    def __init__(self, turn: Callable[[], bool]) -> None:
        super().__init__(enable_direct_mode=True)
        self._turn = turn

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass on everything else."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame) and direction is FrameDirection.DOWNSTREAM and not self._turn():
            return
        await self.push_frame(frame, direction)
