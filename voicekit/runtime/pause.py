"""Pause: holds back what the agent is about to be heard with, and lets it go on where it stopped."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from pipecat.clocks.base_clock import BaseClock
from pipecat.frames.frames import EndFrame, Frame, InterruptionFrame, OutputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_output import BaseOutputTransport

# Between two pieces of one sound.
_GAP_SECS: Final = 0.2

Tell = Callable[[Frame], Coroutine[Any, Any, None]]


class CallClock(BaseClock):
    """The clock by which the words of a call are timed: it stands still while the agent pauses.

    So the model learns of no word that was not heard: each is told of when it is due by this clock.
    """

    def __init__(self) -> None:
        self._began = self._stopped_at = 0

    def get_time(self) -> int:
        """Return the nanoseconds since it was started, without those for which it was stopped; 0 before."""
        return (self._stopped_at or time.monotonic_ns()) - self._began if self._began else 0

    def start(self) -> None:
        """Begin to count."""
        self._began = time.monotonic_ns()

    def stop(self) -> None:
        """Stand still."""
        if self._began:
            self._stopped_at = self._stopped_at or time.monotonic_ns()

    def resume(self) -> None:
        """Go on."""
        if self._stopped_at:
            self._began += time.monotonic_ns() - self._stopped_at
            self._stopped_at = 0


class Pause(FrameProcessor):
    """Stands in front of the transport, and between it and the line.

    Pipecat's transports take sound as fast as it is made and write it at the pace of speech; what waits in one cannot
    be held back but where it is written.

    Args:
        output: The transport.
        clock: The call's.
    """

    def __init__(self, output: BaseOutputTransport, clock: CallClock) -> None:
        super().__init__(enable_direct_mode=True)
        self._clock = clock
        self._output = output
        self._discreet: list[object] = []
        self._write = output.write_audio_frame
        self._open = asyncio.Event()
        self._open.set()
        # How often all that waits was given up, and whether nothing new has come since.
        self._given_up = 0
        self._stale = False
        self._sounded_at = -math.inf
        self._quiet: asyncio.TimerHandle | None = None
        output.write_audio_frame = self._write_when_open  # type: ignore[method-assign] # the one place all sound passes

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Give up what waits when the agent is interrupted, and let all be heard at the end."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self._given_up += 1
            self._stale = True
            self.release()
            self._say_nothing_of_it()
            await self._give_up_words()
        elif isinstance(frame, OutputAudioRawFrame):
            self._stale = False
        elif isinstance(frame, EndFrame):
            self._let_go()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Hold nothing back any more."""
        self._let_go()
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    def hold(self) -> None:
        """Be silent at once; what is to be heard waits."""
        if self._open.is_set():
            self._open.clear()
            self._clock.stop()

    def release(self) -> None:
        """Go on where it stopped, unless it is to be quiet."""
        if self._quiet is None and not self._open.is_set():
            self._clock.resume()
            self._open.set()

    def be_quiet(self, secs: float) -> None:
        """Be silent for so long, whatever there is to say."""
        if secs > 0:
            self.hold()
            if self._quiet is not None:
                self._quiet.cancel()
            self._quiet = asyncio.get_running_loop().call_later(secs, self._let_go)

    def _let_go(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        self.release()

    @property
    def sounding(self) -> bool:
        """Whether something is heard, be it a filler or a line that is no answer, or waits to be."""
        return self.holds or time.monotonic() - self._sounded_at < _GAP_SECS

    @property
    def holds(self) -> bool:
        """Whether something is held back, or would be."""
        return not self._open.is_set()

    async def _give_up_words(self) -> None:
        """Keep words that are due from being told behind an interruption, as the next answer's.

        Pipecat's transport passes an interruption on before it gives up its words.
        """
        for sender in self._output._media_senders.values():
            sender._clock_queue.reset()
            if sender._clock_frame and sender._clock_frame.interruptible:
                await sender._cancel_clock_task()

    def _say_nothing_of_it(self) -> None:
        """Keep sound that is given up from being told as speech, which the transport does before it writes it."""
        for sender in self._output._media_senders.values():
            if sender not in self._discreet:
                self._discreet.append(sender)
                told = self._unless_given_up(sender._handle_bot_speech)
                sender._handle_bot_speech = told  # type: ignore[assignment, method-assign] # the one place that tells

    def _unless_given_up(self, tell: Tell) -> Tell:
        async def told(frame: Frame) -> None:
            if not (self._stale and frame.interruptible):
                await tell(frame)

        return told

    async def _write_when_open(self, frame: OutputAudioRawFrame) -> bool:
        given_up = self._given_up
        await self._open.wait()
        # The transport empties its queue when the interruption reaches it, which is a moment after it was here.
        if frame.interruptible and (self._stale or given_up != self._given_up):
            return True
        if any(frame.audio):
            self._sounded_at = time.monotonic()
        return await self._write(frame)
