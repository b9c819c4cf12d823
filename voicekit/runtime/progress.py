"""Progress: how much of one text a voice has said, and what is left of it from the start of a sentence.

Places in the text are counted in letters: in all that is no white space, which voices and models treat as they like.
"""

from collections.abc import Iterable
from typing import Final

from pipecat.utils.text.base_text_aggregator import TextType
from pipecat.utils.text.simple_text_aggregator import SimpleTextAggregator

# Between these two lies all speech, in seconds for a letter; an ideograph is a syllable, and takes as long as three.
_FAST_SECS: Final = 0.03
_SLOW_SECS: Final = 0.1
_FIRST_IDEOGRAPH: Final = "\u2e80"
# How far behind the expected place a text is looked for, where a voice has left out something.
_SKIPPED_LETTERS: Final = 80
# Of the pace of a sound so far, what is left of it may be faster by this.
_QUICKER: Final = 0.6
# The first word of a sound may be told with its first piece.
_EARLY_SECS: Final = 0.6
_NS: Final = 1_000_000_000


class Progress:
    """Follows one text, in one attempt of a voice after another.

    A voice tells in one of three ways how far it is. It times its words (`pts`); or a sentence's text comes behind
    its sound, where a request for each sentence brings its sound (`inline`); or all texts come before their sound,
    and only the length of the sound tells how far it is.

    Attributes:
        said: How many letters have been said.
        written: Up to where the text has been handed on as said, in any attempt.
    """

    def __init__(self, language: str | None) -> None:
        self._sentences = SimpleTextAggregator(aggregation_type=TextType.SENTENCE, language=language)
        self._text = self._letters = ""
        self._ends = [0]
        self.said = self.written = 0
        self.begin(inline=False)

    async def give(self, text: str) -> None:
        """Take more of the text."""
        self._text += text
        self._letters += letters(text)
        async for sentence in self._sentences.aggregate(text):
            self._ends.append(self._ends[-1] + len(letters(sentence.text)))

    async def close(self) -> None:
        """Take note that this was all of the text."""
        await self._sentences.flush()
        self._ends.append(len(self._letters))

    def begin(self, *, inline: bool) -> None:
        """Begin an attempt, at the start of the first sentence that has not been said whole."""
        self._inline = inline
        self._start = self.said = self._at = self._announced_to = max(end for end in self._ends if end <= self.said)
        self._timed = False
        self._secs = self._secs_since_text = 0.0
        self.begin_context()

    def begin_context(self) -> None:
        """Take note that the sound of another context comes."""
        self._context_secs = 0.0
        self._first_word: int | None = None
        self._last_word = 0
        self._weight_before = self._weight_last = 0

    @property
    def rest(self) -> str:
        """What is left, from the start of the first sentence that has not been said whole."""
        start = max(end for end in self._ends if end <= self.said)
        return from_letter(self._text, start) if _speakable(self._letters[start:]) else ""

    @property
    def owed(self) -> bool:
        """Whether sentences were given whole and have not been said whole."""
        return _speakable(self._letters[self.said : self._ends[-1]])

    @property
    def awaited(self) -> bool:
        """Whether sound is surely missing, for sentences that were given whole."""
        told = self._timed or (self._inline and not self._secs_since_text)
        return self.owed and (told or self._secs < _FAST_SECS * _weight(self._letters[self._start : self._ends[-1]]))

    @property
    def sounds(self) -> bool:
        """Whether there has been sound in this attempt."""
        return self._secs > 0

    def sounded(self, secs: float) -> None:
        """Take note of sound."""
        self._secs += secs
        self._context_secs += secs
        self._secs_since_text += secs
        if not self._timed and not self._inline:
            self.said = max(self.said, min(self._at, self._start + _covered(self._letters[self._start :], self._secs)))

    def spoken(self, text: str, pts: int | None) -> tuple[int, int] | None:
        """Take note of a text that a voice says it has said.

        Args:
            text: The text, a word or more.
            pts: When it is heard, where the voice times its words.

        Returns:
            Its first letter and the one behind its last; None where there was no sound for it.
        """
        begin, self._at = self._place(text, self._at)
        if pts:
            self._timed = True
            words = self._letters[begin : self._at]
            if not self._has_sound(pts, words):
                return None
            self._weight_before += self._weight_last
            self._weight_last = _weight(words)
            self._first_word = self._first_word or pts
            self._last_word = max(pts, self._last_word)
        if pts or (self._inline and self._secs_since_text):
            self.said = self._at
        elif self._secs and self._inline:
            # A text without a sound since the last one: this voice's texts come first.
            self._inline = False
        self._secs_since_text = 0.0
        return begin, self._at

    def skipped(self, text: str) -> None:
        """Take note of a text that is not to be said."""
        _, self._at = self._place(text, self._at)
        self.said = max(self.said, self._at)

    def announced(self, text: str) -> tuple[int, int]:
        """Take note of a text that a voice is going to say; return its first letter and the one behind its last."""
        begin, self._announced_to = self._place(text, self._announced_to)
        return begin, self._announced_to

    def expects(self, text: str) -> bool:
        """Say whether a voice may announce this text next."""
        wanted = letters(text)
        return self._letters.find(wanted, self._announced_to, self._announced_to + len(wanted) + _SKIPPED_LETTERS) >= 0

    def stopped(self) -> bool:
        """Take note that a context has ended as it should; say whether there was sound for its last text."""
        if self.owed and not (self._secs_since_text if self._inline and self.said < self._at else self._context_secs):
            return False
        self.said = max(self.said, self._at)
        return True

    def give_up(self) -> None:
        """Take what was given for said."""
        self.said = self._at = self._ends[-1]

    def _place(self, text: str, at: int) -> tuple[int, int]:
        wanted = letters(text)
        found = self._letters.find(wanted, at, at + len(wanted) + _SKIPPED_LETTERS)
        begin = at if found < 0 else found
        return begin, min(begin + len(wanted), len(self._letters))

    def _has_sound(self, pts: int, words: str) -> bool:
        """Say whether there was sound for words.

        Pipecat hands on what is left of a text when its sound has ended, however that came, as if it had been said
        together with the last word (`AggregatedFrameSequencer.force_complete`).
        """
        if not self._context_secs:
            return not _speakable(words)
        if self._first_word is None:
            return self._context_secs + _EARLY_SECS >= _FAST_SECS * _weight(words)
        # Not from the start of the sound: Pipecat's clients may carry over times of a context that was interrupted.
        timed_secs = (self._last_word - self._first_word) / _NS
        letter_secs = max(_FAST_SECS, _QUICKER * timed_secs / max(1, self._weight_before))
        return pts > self._last_word or self._context_secs - timed_secs >= letter_secs * _weight(words)


def letters(text: str) -> str:
    """Return a text without its white space."""
    return "".join(text.split())


def from_letter(text: str, count: int) -> str:
    """Return a text without its first letters, and without the white space behind them."""
    for at, letter in enumerate(text):
        if not letter.isspace():
            if not count:
                return text[at:]
            count -= 1
    return ""


def _speakable(words: Iterable[str]) -> bool:
    return any(letter.isalnum() for letter in words)


def _weight(words: str) -> int:
    return sum(3 if letter >= _FIRST_IDEOGRAPH else 1 for letter in words)


def _covered(words: str, secs: float) -> int:
    """Return how many letters have been said in so many seconds, however slowly."""
    for count, letter in enumerate(words):
        secs -= _SLOW_SECS * _weight(letter)
        if secs < 0:
            return count
    return len(words)
