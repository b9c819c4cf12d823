"""Mouth: what comes out of one voice of several, before it meets what the others say."""

from collections.abc import Callable, Sequence

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

Heed = Callable[[FrameProcessor, Frame], Sequence[Frame]]
"""Takes a voice and a frame of it; returns what is to be handed on in its place."""


class Mouth(FrameProcessor):
    """Stands behind a voice.

    Args:
        voice: The voice.
        heed: Decides what is handed on.
    """

    def __init__(self, voice: FrameProcessor, heed: Heed) -> None:
        super().__init__(enable_direct_mode=True)
        self._voice = voice
        self._heed = heed

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass on what may be heard; upstream, everything."""
        await super().process_frame(frame, direction)
        frames = self._heed(self._voice, frame) if direction is FrameDirection.DOWNSTREAM else [frame]
        for each in frames:
            await self.push_frame(each, direction)
