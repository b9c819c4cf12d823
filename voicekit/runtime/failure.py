"""Failure: what a caller hears when a turn cannot be answered, and that he hears something in time whatever breaks."""

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
)
from pipecat.pipeline.service_switcher import ServiceSwitcher
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from voicekit.config.agent import Agent
from voicekit.config.lines import said
from voicekit.records.events import Listener, Trouble
from voicekit.runtime.failover_llm import UNFINISHED
from voicekit.runtime.owed import Owed
from voicekit.runtime.parting import Say
from voicekit.runtime.readable import readable
from voicekit.runtime.waiting_lines import waiting_lines
from voicekit.services.llm_rules import Values

# For so long the same error of a session is not told again: it comes with each piece of sound that cannot be sent.
QUIET_SECS: Final = 5.0

Part = Callable[[str, str], Awaitable[None]]
"""Says the last words and ends the call, for a reason."""


class Failure(FrameProcessor):
    """Hears of every error of one call, and watches over what a caller who waits hears. Stands behind the voice.

    A turn fails when a service gives it up, when nothing of its answer could be heard, or when nothing was heard for
    `failure.within_ms`. While something is still tried, within a time limit of its own, a filler is said at that
    moment in place of giving up, if there are any (see `waiting_lines`) and no limit has passed unheeded.

    Args:
        agent: The file.
        listener: Told of each error.
        say: Says a line.
        part: Ends the call, after too many turns in a row that failed.
        values: Gives what placeholders in the lines stand for.
        ends: Says whether the call is about to end: nothing is owed any more.
        sleep: Waits.
        now: Tells the time, in seconds.
    """

    def __init__(
        self,
        agent: Agent,
        listener: Listener,
        say: Say,
        part: Part,
        values: Values = dict,
        *,
        ends: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(enable_direct_mode=True)
        self._lines = itertools.cycle(agent.failure.say)
        self._goodbyes = itertools.cycle(agent.failure.goodbye)
        fillers = waiting_lines(agent)
        self._fillers = itertools.cycle(fillers) if fillers else None
        self._tries = agent.failure.tries
        self._within_ms = agent.failure.within_ms
        # Then everybody has been given up; who follows in a list has a shorter limit.
        self._patience_secs = max((each.timeout_secs for each in agent.services), default=0) + self._within_ms / 1000
        self._owed = Owed(agent.failure.within_ms / 1000)
        self._realtime = agent.realtime is not None
        self._values = values
        self._listener = listener
        self._say = say
        self._part = part
        # A conversation that is written has nothing to be heard.
        self._audible = bool(agent.tts or agent.realtime)
        self._ends = ends
        self._sleep = sleep
        self._now = now
        self._watch: asyncio.Task[None] | None = None
        self._saying: asyncio.Task[None] | None = None
        self._caller_open = self._failed = False
        self._in_a_row = 0
        self._filled_at = -math.inf
        self._told: tuple[str, str, float] = ("", "", 0.0)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Follow what is asked, answered and heard."""
        await super().process_frame(frame, direction)
        self._heed_caller(frame)
        self._heed_answer(frame)
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop watching."""
        for task in (self._watch, self._saying):
            if task is not None:
                await self.cancel_task(task)
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    def turn_ended(self) -> None:
        """The caller has finished a turn that wants an answer."""
        self._failed = self._caller_open = False
        self._owed.turn_ended(self._now())
        if self._audible and self._watch is None:
            self._watch = self.create_task(self._keep_promise())

    async def on_error(self, error: ErrorFrame) -> None:
        """Report an error, and speak when it has cost the caller a turn."""
        # Pipecat's word for what a tool does: it has answered all the same, and reported itself.
        if error.category is ErrorCategory.APPLICATION and isinstance(error.processor, LLMService):
            return
        source = self._source(error.processor)
        self._tell(source, readable(error.error))
        # What an asr calls the application's is what it has recovered from by itself.
        recovered = error.category is ErrorCategory.APPLICATION
        asked = source in ("llm", "tts", "realtime") or (source == "asr" and (self._caller_open or self.answer_owed))
        if asked and not recovered:
            self.fail()

    def fail(self) -> None:
        """The turn has failed: say so, or say goodbye when too many have."""
        if self._failed or self._ends():
            return
        self._failed, self._caller_open = True, False
        self._owed.over()
        self._in_a_row += 1
        if self._in_a_row >= self._tries:
            self._speak(self._part(said(next(self._goodbyes), self._values()), "failure"))
        else:
            self._speak(self._say(said(next(self._lines), self._values()), True))

    async def unanswerable(self) -> bool:
        """No turn can be answered now: say so, or goodbye.

        Returns:
            When that has been heard, whether the call goes on.
        """
        self._failed = False
        self.fail()
        if self._saying is not None:
            await asyncio.wait({self._saying})
        return not self._ends()

    async def bridge(self) -> None:
        """Say a filler to a caller who waits longer than usual, unless he hears something or just has."""
        heard_at = max(self._filled_at, self._owed.audible_until)
        if self._fillers is None or self._ends() or self._saying or self._now() < heard_at:
            return
        await self._fill(next(self._fillers))

    async def _fill(self, line: str) -> None:
        # Until the promise of the turn, if there is one, is due again.
        self._filled_at = self._now() + self._within_ms / 1000
        await self._say(said(line, self._values()), False)
        self._owed.filled(self._now())

    @property
    def answer_owed(self) -> bool:
        """Whether the caller waits for an answer, or for the rest of one."""
        return self._owed.due() is not None

    def _speak(self, words: Awaitable[None]) -> None:
        before = self._saying

        async def spoken() -> None:
            if before is not None:
                await self.cancel_task(before)
            await words
            self._saying = None

        self._saying = self.create_task(spoken())

    def _heed_caller(self, frame: Frame) -> None:
        if isinstance(frame, VADUserStartedSpeakingFrame):
            # It may be a cough, or a "mm-hm": whoever waits goes on waiting.
            self._caller_open, self._failed = True, False
        elif isinstance(frame, UserStartedSpeakingFrame):
            self._caller_open, self._failed = True, False
            self._owed.over()
        elif isinstance(frame, UserStoppedSpeakingFrame) and self._realtime:
            self.turn_ended()
        elif isinstance(frame, InterruptionFrame):
            self._owed.over()

    def _heed_answer(self, frame: Frame) -> None:
        if isinstance(frame, OutputAudioRawFrame):
            if any(frame.audio):
                secs = frame.num_frames / frame.sample_rate
                self._owed.sounded(secs, self._now(), answer=isinstance(frame, TTSAudioRawFrame))
        elif isinstance(frame, LLMFullResponseStartFrame):
            self._owed.response_began()
        elif isinstance(frame, LLMFullResponseEndFrame) and UNFINISHED not in frame.metadata:
            self._answered()
        elif isinstance(frame, FunctionCallsStartedFrame):
            # It comes before the end of the answer that calls them; that they are in progress, only behind it.
            for call in frame.function_calls:
                self._owed.tool_began(call.tool_call_id)
        elif isinstance(frame, FunctionCallResultFrame | FunctionCallCancelFrame):
            answered = isinstance(frame, FunctionCallResultFrame) or frame.run_llm
            self._owed.tool_ended(frame.tool_call_id, self._now(), answered=answered)

    def _answered(self) -> None:
        if not self._owed.response_ended():
            return
        if self._owed.heard or self._ends() or not self._audible:
            self._in_a_row = 0
        else:
            self._tell("call", "nothing of the answer was heard")
            self.fail()

    async def _keep_promise(self) -> None:
        """Wait until something is due; that moves on with all that is heard."""
        while (due := self._owed.due()) is not None and not self._ends():
            if (left := due - self._now()) > 0:
                await self._sleep(left)
            elif self._fillers is not None and self._owed.stands_still(self._now()) < self._patience_secs:
                await self._fill(next(self._fillers))
            else:
                self._tell("call", f"nothing was heard within {self._within_ms} ms")
                self.fail()
        self._watch = None

    def _tell(self, source: str, text: str) -> None:
        """Report an error, once in a while where the same is said at each piece of sound that cannot be sent."""
        last_source, last_text, until = self._told
        if source == "realtime" and (source, text) == (last_source, last_text) and self._now() < until:
            return
        self._told = (source, text, self._now() + QUIET_SECS)
        self._listener(Trouble(source, text))

    def _source(self, processor: FrameProcessor | None) -> str:
        service = processor.services[0] if isinstance(processor, ServiceSwitcher) else processor
        kinds = ((STTService, "asr"), (LLMService, "realtime" if self._realtime else "llm"), (TTSService, "tts"))
        kind = next((kind for cls, kind in kinds if isinstance(service, cls)), "")
        return kind or (str(processor.name) if processor else "call")
