"""Utterance: a stretch of announced speech: its words become known as it goes on, all of them when it pauses."""

from dataclasses import dataclass
from typing import Final

from voicekit.emulators.hearing import Announcement

# How fast the words become known where nobody said how long they take.
_SECS_PER_WORD: Final = 0.25
# Silence after which all words are known: less is a gap between two words.
_GAP_SECS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was announced, and when it was said, in seconds of the audio."""

    text: str
    start: float
    end: float


class Utterance:
    """What is known of it, while it is heard.

    Args:
        announced: Its words, and for how many seconds no pause ends it.
        began: When it did, in seconds of the audio.
        now: How much of the audio has been heard.

    Attributes:
        announced: As given.
    """

    def __init__(self, announced: Announcement, began: float, now: float) -> None:
        self.announced = announced
        self._words = announced.text.split()
        self._secs = announced.secs
        self._began = began
        self._voiced_until = now
        self._first = 0
        self._shown = 0
        self._from = began

    def window(self, voiced: bool, now: float) -> None:
        """Take one more window of the audio."""
        if voiced:
            self._voiced_until = now

    def silence_secs(self, now: float) -> float:
        """Return for how long nothing has been said."""
        return now - self._voiced_until

    def going_on(self, now: float) -> bool:
        """Say whether more is to come, whatever the silence is."""
        return now - self._began < self._secs

    def paused(self, now: float) -> bool:
        """Say whether all has been said."""
        return self.silence_secs(now) >= _GAP_SECS and not self.going_on(now)

    def ended(self, now: float, pause_secs: float) -> bool:
        """Say whether all has been said, and nothing for so long."""
        return self.paused(now) and self.silence_secs(now) >= pause_secs

    def known(self, now: float) -> int:
        """Return how many of the words are known."""
        if self.paused(now):
            return len(self._words)
        each = self._secs / len(self._words) if self._secs and self._words else _SECS_PER_WORD
        return min(len(self._words), int((now - self._began) / each))

    def news(self, now: float) -> bool:
        """Say whether words have become known since this was last asked."""
        before, self._shown = self._shown, self.known(now)
        return self._shown > before

    def timed(self, now: float) -> list[Word]:
        """Return the known words that have not been told for good, spread evenly over their time."""
        return self.first(self.known(now))

    def first(self, count: int) -> list[Word]:
        """Return those of so many words that have not been told for good, spread evenly over their time."""
        words = self._words[self._first : count]
        each = (max(self._voiced_until, self._from) - self._from) / max(1, len(words))
        return [
            Word(text, round(self._from + index * each, 3), round(self._from + (index + 1) * each, 3))
            for index, text in enumerate(words)
        ]

    def told(self, count: int, now: float) -> None:
        """Take it that so many more words have been told for good."""
        self._first += count
        self._from = now
