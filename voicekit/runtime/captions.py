"""Captions: in the place of a voice where nobody listens, what it would say is passed on as text."""

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSSpeakFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from voicekit.runtime.tool_lines import ToolLine


class Captions(FrameProcessor):
    """Makes of each line a response of its own; what the model says passes as it is.

    A line that does not belong to the conversation, such as a filler, may come in the middle of a response and is
    passed on without a beginning and an end. Lines of tools are left out: who reads sees the tool itself.
    """

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Replace each line to be spoken."""
        await super().process_frame(frame, direction)
        if isinstance(frame, ToolLine):
            frame.begun.set()
        elif not isinstance(frame, TTSSpeakFrame):
            await self.push_frame(frame, direction)
        elif frame.append_to_context:
            for part in (LLMFullResponseStartFrame(), LLMTextFrame(frame.text), LLMFullResponseEndFrame()):
                await self.push_frame(part)
        else:
            aside = AggregatedTextFrame(frame.text, frame.text_type)
            aside.append_to_context = False
            await self.push_frame(aside)
