"""Asides: words that are no part of the answer, a filler or a line about a tool. The answer cuts them off.

The voice makes their sound faster than it is heard, and a transport plays what it has been given. So their sound is
held here and handed on as it is heard, and what is left of it is dropped when the first sound of an answer comes.

It leaves as plain sound, not as a `TTSAudioRawFrame`. Pipecat counts that one as the agent speaking, and would then
keep a tool's result from the model until the line is over (`LLMAssistantAggregator._maybe_push_context`), and take
the line for the answer where it measures how long that took.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeGuard

import numpy as np
from pipecat.frames.frames import (
    AggregatedTextFrame,
    AggregatedTextProgressFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from voicekit.records.events import AgentFilled, Listener
from voicekit.runtime.word_times import WordTimes

ASIDE: Final = "aside"
"""The type of text by which Pipecat tells asides from answers."""
# How far ahead of the ear the sound is handed on: for so long an answer may wait behind it.
LEAD_SECS: Final = 0.05
_SLICE_SECS: Final = 0.02
# A sound that ends at once is heard as a click.
_FADE_SECS: Final = 0.02
# What a transport takes at once, and fills up with silence at an end: Pipecat's default.
_CHUNK_SECS: Final = 0.04

_OfAside: TypeAlias = AggregatedTextFrame | AggregatedTextProgressFrame | TTSAudioRawFrame | TTSStoppedFrame
_OF_ASIDE: Final = (AggregatedTextFrame, AggregatedTextProgressFrame, TTSAudioRawFrame, TTSStoppedFrame)


def aside(words: str) -> TTSSpeakFrame:
    """Return the frame that says words as an aside; the model never sees them."""
    return TTSSpeakFrame(words, append_to_context=False, text_type=ASIDE)


class Asides(FrameProcessor):
    """Plays asides, between the voice and the transport, until the answer is heard.

    One that is not yet heard when the agent speaks waits until it is silent, and is dropped when an answer is on its
    way by then.

    Args:
        listener: Told of each aside that is heard.
        sleep: Waits.
        now: Tells the time, in seconds.
    """

    def __init__(
        self,
        listener: Listener,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._listener = listener
        self._sleep = sleep
        self._now = now
        self._texts: dict[str, str] = {}
        self._dropped: set[str] = set()
        self._queue: asyncio.Queue[TTSAudioRawFrame | TTSStoppedFrame] = asyncio.Queue()
        self._player: asyncio.Task[None] | None = None
        self._heard: str | None = None
        self._heard_until = 0.0
        self._rest: OutputAudioRawFrame | None = None
        self._answer_coming = False
        self._times = WordTimes()
        self._agent_silent = asyncio.Event()
        self._agent_silent.set()

    def give_way(self) -> None:
        """Drop what nobody has heard yet, because an answer is coming; what is heard goes on until that is heard."""
        self._answer_coming = True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Keep the sound of asides back, and pass on everything else."""
        await super().process_frame(frame, direction)
        if self._is_of_aside(frame):
            self._keep(frame)
            return
        now = self.get_clock().get_time()
        begins = now + round(self._ahead_secs() * 1e9)
        if isinstance(frame, TTSAudioRawFrame):
            self._times.begin(frame.context_id, now, begins)
            await self._answer_heard()
        elif isinstance(frame, BotStoppedSpeakingFrame):
            self._agent_silent.set()
        elif isinstance(frame, InterruptionFrame | CancelFrame):
            await self._interrupted()
        elif isinstance(frame, EndFrame):
            await self._finish()
        self._times.correct(frame, now, begins)
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop playing."""
        await self._clear()
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    def _is_of_aside(self, frame: Frame) -> TypeGuard[_OfAside]:
        if isinstance(frame, AggregatedTextFrame) and frame.text_type == ASIDE and frame.context_id:
            self._texts.setdefault(frame.context_id, frame.text)
        return isinstance(frame, _OF_ASIDE) and frame.context_id in self._texts

    def _keep(self, frame: _OfAside) -> None:
        """Keep the sound of an aside; nobody needs its words, and they would be shown when they are not heard."""
        if isinstance(frame, AggregatedTextFrame | AggregatedTextProgressFrame):
            self._times.pass_over(frame.pts)
        elif frame.context_id not in self._dropped:
            self._queue.put_nowait(frame)
            if self._player is None:
                self._player = self.create_task(self._play())

    async def _play(self) -> None:
        while True:
            frame = await self._queue.get()
            if isinstance(frame, TTSStoppedFrame):
                self._heard = None
                await self.push_frame(frame)
            elif await self._may_be_heard(str(frame.context_id)):
                await self._hand_on(frame)
            self._queue.task_done()

    async def _may_be_heard(self, context: str) -> bool:
        """Wait for silence; say whether an aside goes on, or begins."""
        if context == self._heard:
            return True
        await self._agent_silent.wait()
        if self._answer_coming or context in self._dropped:
            self._dropped.add(context)
            return False
        self._heard = context
        self._listener(AgentFilled(self._texts[context]))
        return True

    async def _hand_on(self, frame: TTSAudioRawFrame) -> None:
        step = _bytes(frame, _SLICE_SECS)
        for at in range(0, len(frame.audio), step):
            self._rest = OutputAudioRawFrame(frame.audio[at:], frame.sample_rate, frame.num_channels)
            early = self._heard_until - LEAD_SECS - self._now()
            if early > 0:
                await self._sleep(early)
            sound = frame.audio[at : at + step]
            self._heard_until = max(self._heard_until, self._now()) + len(sound) / _bytes(frame, 1)
            await self.push_frame(OutputAudioRawFrame(sound, frame.sample_rate, frame.num_channels))
        self._rest = None

    def _ahead_secs(self) -> float:
        """Return how long a transport has still to play of what is heard, if an answer comes now."""
        if self._heard is None:
            return 0.0
        return max(0.0, self._heard_until - self._now()) + _FADE_SECS + _CHUNK_SECS

    async def _answer_heard(self) -> None:
        """Make place for the sound of an answer."""
        self._answer_coming = False
        self._agent_silent.clear()
        if self._player is None:
            return
        heard, rest = self._heard, self._rest
        self._dropped.update(self._texts)
        await self._clear()
        if heard is None:
            return
        if rest is not None:
            await self.push_frame(_faded(rest))
        # So that a transport hands out what it holds for want of a whole chunk.
        await self.push_frame(TTSStoppedFrame(context_id=heard))

    async def _interrupted(self) -> None:
        await self._clear()
        self._agent_silent.set()
        self._answer_coming = False
        # So does the voice.
        self._times = WordTimes()

    async def _finish(self) -> None:
        """Let what is heard be heard to its end."""
        if self._heard is not None and self._agent_silent.is_set():
            await self._queue.join()
        await self._clear()

    async def _clear(self) -> None:
        player, self._player = self._player, None
        if player is not None:
            await self.cancel_task(player)
        self._queue = asyncio.Queue()
        self._heard = self._rest = None
        self._heard_until = 0.0


def _bytes(frame: OutputAudioRawFrame, secs: float) -> int:
    """Return how many bytes so many seconds of a frame's sound are, in whole samples."""
    return round(secs * frame.sample_rate) * frame.num_channels * 2


def _faded(frame: OutputAudioRawFrame) -> OutputAudioRawFrame:
    """Return the beginning of a sound, fading to nothing."""
    samples = np.frombuffer(frame.audio[: _bytes(frame, _FADE_SECS)], dtype="<i2")
    faded = (samples * np.linspace(1, 0, len(samples))).astype("<i2")
    return OutputAudioRawFrame(faded.tobytes(), frame.sample_rate, frame.num_channels)
