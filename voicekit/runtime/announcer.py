"""Announcer: plays lines that must be heard whatever has failed, past model and voice, as ready-made sound."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from pipecat.frames.frames import (
    DataFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    SpeechOutputAudioRawFrame,
    TTSTextFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.utils.text.base_text_aggregator import TextType

from voicekit.config.lines import Unbroken
from voicekit.records.events import AgentFilled, Listener

# The piece that is handed on at once: small enough to be stopped between two.
_SLICE_SECS: Final = 0.5
# What a transport takes for the end of speech (`BOT_VAD_STOP_SECS` of Pipecat), with some to spare.
_QUIET_SECS: Final = 0.5

_SPOKEN: Final = (OutputAudioRawFrame, TTSTextFrame)

Render = Callable[[str], Awaitable[bytes | None]]
"""Returns words as sound, 16 bit and mono at the rate of the agent's sound; None where nobody can say them."""


@dataclass
class Announced(SpeechOutputAudioRawFrame):
    """Sound of a line; a transport takes it for the agent's speech, and nobody for an answer's."""


@dataclass
class Played(DataFrame):
    """Comes behind the sound of a line; whoever waits for it is told when it leaves the transport.

    Attributes:
        heard: Set then, and when the line is cut off.
        last: Whether nothing else is to be heard any more.
    """

    heard: asyncio.Event = field(default_factory=asyncio.Event)
    last: bool = False


class Announcer(FrameProcessor):
    """Says lines, between the voice and the transport.

    Args:
        render: Makes the sound.
        rate: Of it, in Hz.
        listener: Told of each line.
    """

    def __init__(self, render: Render, rate: int, listener: Listener) -> None:
        super().__init__(enable_direct_mode=True)
        self._render = render
        self._rate = rate
        self._listener = listener
        self._pending: list[Played] = []
        self._ends = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass on what is not spoken over last words; a line that may be interrupted ends with an interruption."""
        await super().process_frame(frame, direction)
        if isinstance(frame, _SPOKEN) and any(each.last for each in self._pending):
            # A speech-to-speech service may have begun an answer as it was stopped.
            return
        await self.push_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            for played in [each for each in self._pending if each.interruptible]:
                played.heard.set()

    @property
    def unbroken(self) -> bool:
        """Whether a line is being said that nobody can cut off."""
        return not all(each.interruptible for each in self._pending)

    async def say(self, words: str, *, stop: bool = True, last: bool = False) -> bool:
        """Say a line, and return when it has been heard to its end or was cut off.

        Args:
            words: The line; an interruption cuts it off, unless it is `Unbroken`, or the last.
            stop: Whether what is said and thought is stopped first, as an interruption does; else it goes on.
            last: Whether these are the last words: whatever else is spoken meanwhile is dropped.

        Returns:
            False where nobody can say it.
        """
        self._ends = self._ends or last
        sound = await self._render(words) if words.strip() else None
        if sound is None:
            return False
        if self._ends and not last:
            # The last words were faster than this.
            return True
        played = Played(last=last)
        played.interruptible = not (last or isinstance(words, Unbroken))
        self._pending.append(played)
        try:
            if stop:
                await self.broadcast_interruption()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
            self._listener(AgentFilled(words))
            # Whoever watches the talk reads it, and the model does not.
            told = TTSTextFrame(words, TextType.SENTENCE)
            told.append_to_context = False
            await self.push_frame(told)
            await self._play(sound, played)
            await played.heard.wait()
        finally:
            self._pending.remove(played)
        return True

    async def _play(self, sound: bytes, played: Played) -> None:
        sound += bytes(_bytes(_QUIET_SECS, self._rate))
        step = _bytes(_SLICE_SECS, self._rate)
        for at in range(0, len(sound), step):
            frame = Announced(sound[at : at + step], self._rate, 1)
            frame.interruptible = played.interruptible
            await self.push_frame(frame)
        await self.push_frame(played)


class Playout(BaseObserver):
    """Tells whoever waits for a line that it has left the transport."""

    async def on_push_frame(self, data: FramePushed) -> None:
        """Look at what comes out behind the transport."""
        if isinstance(data.frame, Played) and isinstance(data.source, BaseOutputTransport):
            data.frame.heard.set()


def _bytes(secs: float, rate: int) -> int:
    return round(secs * rate) * 2
