"""Revival: a recogniser's fresh start, after it has failed or its work has been given to another one.

Pipecat's own reconnecting waits four seconds before it begins, and gives up for good after a few attempts.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast

from pipecat.frames.frames import ErrorFrame, VADUserStoppedSpeakingFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import SegmentedSTTService, WebsocketSTTService
from pipecat.utils.errors import ErrorCategory
from websockets.protocol import State


class Revival:
    """Knows which recognisers of one call have failed, and connects them again, one at a time."""

    def __init__(self) -> None:
        self._failed: set[FrameProcessor] = set()
        self._under_way: tuple[FrameProcessor, asyncio.Future[ErrorFrame]] | None = None

    def note(self, error: ErrorFrame) -> bool:
        """Take note of an error; say whether it is the answer to an attempt to connect that is under way."""
        asr = error.processor
        if asr is None:
            return False
        if self._under_way is not None and self._under_way[0] is asr:
            if not self._under_way[1].done():
                self._under_way[1].set_result(error)
            return True
        self._failed.add(asr)
        return False

    def gave_up(self, asr: FrameProcessor) -> None:
        """Take note of one that hangs: it is connected again before it is given any more work."""
        self._failed.add(asr)

    def is_due(self, asr: FrameProcessor) -> bool:
        """Say whether one has failed, or has lost its connection where that can be known."""
        if asr in self._failed:
            return True
        if not isinstance(asr, WebsocketSTTService):
            return False
        return asr._websocket is None or asr._websocket.state is not State.OPEN

    async def revive(self, asr: FrameProcessor, limit_secs: float) -> ErrorFrame | None:
        """Connect a recogniser, after closing what it has of a connection; it is usable then.

        Args:
            asr: The recogniser; one that sends requests has no connection and is revived at once.
            limit_secs: How long it may take.

        Returns:
            What is wrong, with a `TimeoutError` where it took too long, or None.
        """
        error: ErrorFrame | None
        try:
            async with asyncio.timeout(limit_secs):
                await _own(asr, "_disconnect")()
                await asr.set_usable(True)
                error = await self._connect(asr)
        except TimeoutError as raised:
            text = f"not connected within {limit_secs:.3g} s"
            error = ErrorFrame(text, exception=raised, category=ErrorCategory.CONNECTIVITY)
        except Exception as raised:  # noqa: BLE001 - whatever an SDK raises
            error = ErrorFrame(str(raised), exception=raised, category=ErrorCategory.CONNECTIVITY)
        if error is None:
            self._failed.discard(asr)
        else:
            self._failed.add(asr)
        return error

    async def _connect(self, asr: FrameProcessor) -> ErrorFrame | None:
        """Connect; some raise what is wrong, some push it and try for ever."""
        wrong: asyncio.Future[ErrorFrame] = asyncio.get_running_loop().create_future()
        self._under_way = asr, wrong
        opening = asyncio.ensure_future(_own(asr, "_connect")())
        try:
            await asyncio.wait(cast("set[asyncio.Future[Any]]", {opening, wrong}), return_when=asyncio.FIRST_COMPLETED)
            if wrong.done():
                return wrong.result()
            await opening
        finally:
            self._under_way = None
            opening.cancel()
        return None


async def retire(asr: FrameProcessor, *, speaking: bool) -> None:
    """Have a recogniser end what it is at: nobody waits for its words any more.

    Args:
        asr: The recogniser.
        speaking: Whether it has heard a voice begin and not stop.
    """
    if isinstance(asr, SegmentedSTTService):
        await _drop_segments(asr)
    elif speaking:
        # Upstream, as it comes from the aggregator; without the time from which a transcript would be measured.
        await asr.queue_frame(VADUserStoppedSpeakingFrame(stop_secs=0.0), FrameDirection.UPSTREAM)


def _own(asr: FrameProcessor, name: str) -> Callable[[], Awaitable[None]]:
    """Return how a service does something, or what does nothing."""

    async def nothing() -> None:
        pass

    method = getattr(asr, name, None)
    return method if inspect.iscoroutinefunction(method) else nothing


async def _drop_segments(asr: Any) -> None:
    await asr._cancel_segment_task()
    asr._audio_buffer.clear()
    asr._user_speaking = False
    asr._segment_queue = asyncio.Queue()
    asr._segment_task = asr.create_task(asr._segment_task_handler())
