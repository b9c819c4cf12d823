"""Unheard: what a caller has said that no transcript covers yet, to be heard again by another recogniser."""

from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipecat.frames.frames import (
    InputAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection

Sound: TypeAlias = InputAudioRawFrame | VADUserStartedSpeakingFrame | VADUserStoppedSpeakingFrame
"""What a recogniser hears: the caller, and where a detector heard that his voice began and stopped."""

PREROLL_SECS: Final = 2.0
"""How much is kept while nobody speaks: a detector tells late of speech, by `vad.start_secs`."""
ONSET_SECS: Final = 0.5
"""How much of a speech under way a transcript that comes meanwhile is taken not to cover."""
MOST_SECS: Final = 60.0
"""How much of one turn is kept; of a longer one, its end."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame, the way it went, and how many seconds of sound are in it."""

    frame: Sound
    direction: FrameDirection
    secs: float


class Unheard:
    """The sound of one caller, from a moment before what has not been understood yet."""

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        # The speech that is under way where the kept sound begins.
        self._open: Piece | None = None
        self._secs = 0.0
        self._closed_secs = self._current_secs = 0.0
        self._speaking = False

    @property
    def speaking(self) -> bool:
        """Whether the voice has not stopped."""
        return self._speaking

    @property
    def speech_secs(self) -> float:
        """How much of what was kept is speech, in seconds, without the silence that a detector waits for."""
        return self._closed_secs + self._current_secs

    def add(self, frame: Sound, direction: FrameDirection) -> None:
        """Keep a frame."""
        secs = frame.num_frames / frame.sample_rate if isinstance(frame, InputAudioRawFrame) else 0.0
        self._pieces.append(Piece(frame, direction, secs))
        self._secs += secs
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._speaking, self._current_secs = True, frame.start_secs
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._closed_secs += max(0.0, self._current_secs - frame.stop_secs)
            self._speaking, self._current_secs = False, 0.0
        elif self._speaking:
            self._current_secs += secs
        most = MOST_SECS if self._speaking or self.speech_secs else PREROLL_SECS
        while self._secs > most:
            self._drop()

    def heard(self) -> None:
        """A transcript has come: of all speech that has ended, else of what there is of the one under way."""
        ends = sum(isinstance(each.frame, VADUserStoppedSpeakingFrame) for each in self._pieces)
        if self._speaking and not ends:
            self._current_secs = 0.0
            while self._secs > ONSET_SECS:
                self._drop()
        while ends:
            ends -= isinstance(self._drop(), VADUserStoppedSpeakingFrame)
        self._closed_secs = 0.0

    def again(self) -> list[tuple[Sound, FrameDirection]]:
        """Return all that was kept, in order."""
        pieces = [*([self._open] if self._open else []), *self._pieces]
        return [(each.frame, each.direction) for each in pieces]

    def _drop(self) -> Sound:
        piece = self._pieces.popleft()
        self._secs -= piece.secs
        if isinstance(piece.frame, VADUserStartedSpeakingFrame):
            self._open = piece
        elif isinstance(piece.frame, VADUserStoppedSpeakingFrame):
            self._open = None
        return piece.frame
