"""Memory: what of a call the model is shown: its last turns, or those and a summary of the ones before."""

from collections.abc import Sequence
from typing import Any, Final, cast

from pipecat.frames.frames import Frame, LLMContextFrame
from pipecat.processors.aggregators.llm_context import LLMContext, LLMContextMessage
from pipecat.processors.aggregators.llm_response_universal import LLMAssistantAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.context.llm_context_summarization import LLMAutoContextSummarizationConfig, LLMContextSummaryConfig

from voicekit.config.agent import Agent

# Of what is summarised, the summary may be so long.
_SUMMARY_SHARE: Final = 4
# What stands in the place of a tool's result until it has come.
_UNFINISHED: Final = "IN_PROGRESS"


class Window(FrameProcessor):
    """Takes from the conversation what is older than the last turns, before the model is asked. Stands in front of it.

    Args:
        turns: How many turns of the caller's it keeps.
    """

    def __init__(self, turns: int) -> None:
        super().__init__(enable_direct_mode=True)
        self._turns = turns

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Shorten the conversation, and pass on everything."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame) and direction is FrameDirection.DOWNSTREAM:
            forget(frame.context, self._turns)
        await self.push_frame(frame, direction)


def forget(context: LLMContext, turns: int) -> None:
    """Leave in a conversation the last turns of the caller's, each with all that follows it, and what heads it all.

    A tool that is still running keeps the turn that called it, and those behind.
    """
    messages = context.messages
    head = next((at for at, each in enumerate(messages) if _role(each) != "system"), len(messages))
    begins = [at for at, each in enumerate(messages) if at >= head and _role(each) == "user"]
    first = begins[-turns] if len(begins) > turns else head
    running = [at for at, each in enumerate(messages) if _content(each) == _UNFINISHED]
    if running:
        # The call itself stands before.
        first = min(first, max((at for at in begins if at < running[0]), default=head))
    if first > head:
        context.set_messages([*messages[:head], *messages[first:]])


def remembering(agent: Agent) -> LLMAssistantAggregatorParams | None:
    """Return what has Pipecat summarise the conversation, where the file wants it; else None."""
    memory = agent.memory
    if memory.keep != "summary":
        return None
    most = memory.limit(agent.language)
    config = LLMAutoContextSummarizationConfig(
        max_context_tokens=most,
        max_unsummarized_messages=None,
        summary_config=LLMContextSummaryConfig(
            target_context_tokens=max(1, most // _SUMMARY_SHARE),
            # A turn is what the caller says, and the answer.
            min_messages_after_summary=2 * memory.recent_turns,
            summarization_timeout=max(service.timeout_secs for service in agent.llm),
        ),
    )
    return LLMAssistantAggregatorParams(
        enable_auto_context_summarization=True, auto_context_summarization_config=config
    )


def windows(agent: Agent) -> Sequence[FrameProcessor]:
    """Return what shortens the conversation, where the file wants it."""
    return [Window(agent.memory.turns)] if agent.memory.keep == "window" else []


def _role(message: LLMContextMessage) -> str:
    return str(cast("Any", message).get("role")) if isinstance(message, dict) else ""


def _content(message: LLMContextMessage) -> object:
    return cast("Any", message).get("content") if isinstance(message, dict) else None
