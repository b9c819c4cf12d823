"""Failure: what the caller hears when a turn cannot be answered, and what the operator reads."""

import itertools
import time
from collections.abc import Awaitable, Callable

from pipecat.frames.frames import ErrorFrame, TTSSpeakFrame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from voicekit.config.agent import Agent
from voicekit.config.lines import said
from voicekit.records.events import Listener, Trouble
from voicekit.runtime.failover_llm import FailoverLLM
from voicekit.runtime.readable import readable
from voicekit.services.llm_rules import Values

QUIET_SECS = 5.0


class Failure:
    """Hears of every error of one call.

    Args:
        agent: The file.
        listener: Told of each error.
        say: Speaks a line.
        values: Gives what placeholders in the lines stand for.
        now: Tells the time, in seconds.
    """

    def __init__(
        self,
        agent: Agent,
        listener: Listener,
        say: Callable[[TTSSpeakFrame], Awaitable[None]],
        values: Values = dict,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines = itertools.cycle(agent.failure.say)
        self._values = values
        self._listener = listener
        self._say = say
        self._now = now
        self._llm = "realtime" if agent.realtime else "llm"
        self._quiet_until = 0.0
        self._told: tuple[str, str, float] = ("", "", 0.0)

    async def on_error(self, error: ErrorFrame) -> None:
        """Report an error, and speak when it has cost the caller a turn."""
        # Pipecat's word for what a tool does: it has answered all the same, and reported itself.
        if error.category is ErrorCategory.APPLICATION and isinstance(error.processor, LLMService):
            return
        self._tell(self._source(error.processor), readable(error.error))
        # One cause is often reported several times: a connection that is tried again, say.
        if _may_cost_a_turn(error) and self._now() >= self._quiet_until:
            self._quiet_until = self._now() + QUIET_SECS
            await self._say(TTSSpeakFrame(said(next(self._lines), self._values()), append_to_context=False))

    def _tell(self, source: str, text: str) -> None:
        """Report an error, once in a while where the same is said at each piece of sound that cannot be sent."""
        last_source, last_text, until = self._told
        if source == "realtime" and (source, text) == (last_source, last_text) and self._now() < until:
            return
        self._told = (source, text, self._now() + QUIET_SECS)
        self._listener(Trouble(source, text))

    def _source(self, processor: FrameProcessor | None) -> str:
        kinds = ((STTService, "asr"), (LLMService, self._llm), (FailoverLLM, "llm"), (TTSService, "tts"))
        kind = next((kind for cls, kind in kinds if isinstance(processor, cls)), "")
        return kind or (str(processor.name) if processor else "call")


def _may_cost_a_turn(error: ErrorFrame) -> bool:
    # What an asr calls the application's is what it has recovered from by itself.
    recovered = error.category is ErrorCategory.APPLICATION
    services = LLMService | FailoverLLM | STTService | TTSService
    return isinstance(error.processor, services) and not recovered
