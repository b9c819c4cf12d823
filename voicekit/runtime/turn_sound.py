"""Turn sound: what the caller says in one turn, kept until it has been understood, so that another can hear it."""

from collections import deque
from typing import Final, TypeAlias

from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection

# Kept from before the detector has heard speech: it hears it late.
_BEFORE_SECS: Final = 1.0
# What a recogniser has told of is not told again by the next; it may have told of all but the last of it.
_AFTER_WORDS_SECS: Final = 0.5
# Nobody speaks for so long without being understood.
_MOST_SECS: Final = 60.0
# A cough is shorter, and has no words.
_SPEECH_SECS: Final = 0.5

_Piece: TypeAlias = tuple[Frame, FrameDirection]


class TurnSound:
    """Keeps the sound of one caller, and when he speaks."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._secs = 0.0
        self._spoken_secs = 0.0
        self.speaks = False
        """Whether the caller speaks."""

    @property
    def open(self) -> bool:
        """Whether something has been said that has not been understood."""
        return self.speaks or self._spoken_secs > 0

    @property
    def is_speech(self) -> bool:
        """Whether it is long enough for words."""
        return self._spoken_secs >= _SPEECH_SECS

    def hear(self, frame: Frame, direction: FrameDirection) -> None:
        """Keep a frame that recognisers are given."""
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self.speaks = True
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self.speaks = False
        self._pieces.append((frame, direction))
        if isinstance(frame, InputAudioRawFrame):
            secs = _secs(frame)
            self._secs += secs
            self._spoken_secs += secs if self.speaks else 0.0
        self._shorten(_MOST_SECS if self.open else _BEFORE_SECS)

    def understood(self) -> None:
        """Words have come of it; what is said from here on is not among them."""
        self._spoken_secs = 0.0
        self._shorten(_AFTER_WORDS_SECS)
        if not self.speaks:
            self._pieces = deque(piece for piece in self._pieces if isinstance(piece[0], InputAudioRawFrame))

    def again(self) -> list[_Piece]:
        """Return what the next recogniser is given, as frames of their own."""
        pieces = [(_copied(frame), direction) for frame, direction in self._pieces]
        # It has not been told that he speaks, where that has been dropped.
        begins = next((frame for frame, _ in pieces if not isinstance(frame, InputAudioRawFrame)), None)
        if isinstance(begins, VADUserStoppedSpeakingFrame) or (begins is None and self.speaks):
            pieces.insert(0, (VADUserStartedSpeakingFrame(), FrameDirection.UPSTREAM))
        return pieces

    def _shorten(self, most_secs: float) -> None:
        while self._secs > most_secs and self._pieces:
            frame, _ = self._pieces.popleft()
            if isinstance(frame, InputAudioRawFrame):
                self._secs -= _secs(frame)


def _secs(frame: InputAudioRawFrame) -> float:
    return frame.num_frames / frame.sample_rate


def _copied(frame: Frame) -> Frame:
    if isinstance(frame, InputAudioRawFrame):
        return InputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
    if isinstance(frame, VADUserStoppedSpeakingFrame):
        return VADUserStoppedSpeakingFrame(stop_secs=frame.stop_secs, timestamp=frame.timestamp)
    return VADUserStartedSpeakingFrame()
