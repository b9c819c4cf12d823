"""Failure: what the caller hears when a turn cannot be answered, and what the operator reads."""

import itertools
from collections.abc import Awaitable, Callable

from pipecat.frames.frames import ErrorFrame, TTSSpeakFrame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from voicekit.config.agent import Agent
from voicekit.records.events import Listener, Trouble
from voicekit.runtime.failover import FailoverLLM

_LONGEST = 300
# A shorter one is a placeholder, and part of many words.
_SHORTEST_SECRET = 6


class Failure:
    """Hears of every error of one call.

    Args:
        agent: The file; its secrets are cut out of what is reported.
        listener: Told of each error.
        say: Speaks a line.
    """

    def __init__(self, agent: Agent, listener: Listener, say: Callable[[TTSSpeakFrame], Awaitable[None]]) -> None:
        self._lines = itertools.cycle(agent.failure.say)
        self._secrets = _secrets(agent)
        self._listener = listener
        self._say = say

    async def on_error(self, error: ErrorFrame) -> None:
        """Report an error, and speak when it has cost the caller a turn."""
        # Pipecat's word for what a tool does: it has answered all the same, and reported itself.
        if error.category is ErrorCategory.APPLICATION and isinstance(error.processor, LLMService):
            return
        self._listener(Trouble(_source(error.processor), self._shown(error.error)))
        if _lost_turn(error.processor):
            await self._say(TTSSpeakFrame(next(self._lines), append_to_context=False))

    def _shown(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _source(processor: FrameProcessor | None) -> str:
    kinds = ((STTService, "asr"), (LLMService, "llm"), (FailoverLLM, "llm"), (TTSService, "tts"))
    kind = next((kind for cls, kind in kinds if isinstance(processor, cls)), "")
    return kind or (str(processor.name) if processor else "call")


def _lost_turn(processor: FrameProcessor | None) -> bool:
    if isinstance(processor, LLMService | FailoverLLM):
        return True
    return isinstance(processor, STTService) and not processor.is_usable


def _secrets(agent: Agent) -> list[str]:
    services = (agent.asr, *agent.llm, agent.tts)
    return [
        str(value)
        for service in services
        for name, value in service.options.items()
        if (option := service.provider.options.get(name)) and option.secret and len(str(value)) >= _SHORTEST_SECRET
    ]
