"""Interjection: what a caller says into the agent's words, and whether it interrupts. Pure."""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final

from voicekit.config.turn import Interruption

# Scripts that put no spaces between words: kana, Han, Thai, Lao, Khmer, Burmese.
_UNSPACED: Final = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN: Final = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:'[^\W_{_UNSPACED}]+)*")
_CHARACTERS_A_WORD: Final = 2


class Verdict(Enum):
    """What becomes of an interjection.

    Members:
        INTERRUPTS: The agent stops.
        NOTHING: It goes on.
        OPEN: More of it has to be heard.
    """

    INTERRUPTS = "interrupts"
    NOTHING = "nothing"
    OPEN = "open"


class Interjections:
    """Judges interjections by what a file says of them.

    Args:
        terms: `turn.interruption`.
    """

    def __init__(self, terms: Interruption) -> None:
        self._min_words = terms.min_words
        self._never = frozenset(filter(None, map(_tokens, terms.never)))
        self._always = frozenset(filter(None, map(_tokens, terms.always)))
        self._begun = frozenset(phrase[:end] for phrase in self._never for end in range(1, len(phrase)))
        self._longest = max(map(len, self._never), default=0)

    def verdict(self, text: str, *, final: bool) -> Verdict:
        """Judge an interjection.

        Args:
            text: All that has been heard of it.
            final: Whether that is all of it.
        """
        tokens = _tokens(text)
        if tokens in self._always:
            return Verdict.INTERRUPTS
        if not tokens or words(text) < self._min_words or self._is_made_of_never(tokens):
            return Verdict.NOTHING if final else Verdict.OPEN
        return Verdict.INTERRUPTS

    def is_always(self, text: str) -> bool:
        """Say whether it interrupts however short it is."""
        return _tokens(text) in self._always

    def _is_made_of_never(self, tokens: Sequence[str]) -> bool:
        """Say whether it is one after another of the phrases that never interrupt: "yeah, yeah, okay".

        The last one may have just begun, even where a recogniser calls that final: "okay, I" becomes "okay, I see".
        """
        reached = {0}
        for start in range(len(tokens)):
            if start in reached:
                ends = range(start + 1, min(start + self._longest, len(tokens)) + 1)
                reached |= {end for end in ends if tuple(tokens[start:end]) in self._never}
        return len(tokens) in reached or any(tuple(tokens[start:]) in self._begun for start in reached)


def words(text: str) -> int:
    """Return how many words a text has; two characters of a script without spaces count as one."""
    return math.ceil(sum(_weights(_tokens(text))))


def _weights(tokens: Sequence[str]) -> Iterator[float]:
    for token in tokens:
        yield 1 / _CHARACTERS_A_WORD if re.match(f"[{_UNSPACED}]", token) else 1.0


def _tokens(text: str) -> tuple[str, ...]:
    """Return the words of a text, or its characters where its script has no spaces, in one spelling."""
    spelt = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    # Marks above and below a letter of Thai are no characters of their own.
    return tuple(_TOKEN.findall("".join(each for each in spelt if unicodedata.category(each) != "Mn")))
