"""Words: what was said, cut into words that can be compared. Imports nothing of voicekit.

A word is a run of letters, marks and digits. Case, punctuation and apostrophes do not count: "What's" and
"whats" are one word, "twenty-five" is two. Where a script puts no spaces between words (Chinese, Japanese,
Thai, Lao, Burmese, Khmer) each character is a word, together with the marks that hang on it.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

APOSTROPHES = "'\u2019\u02bc\uff07`"
# First and last code points of the scripts written without spaces; Unicode 15, Blocks.txt.
UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3005, 0x3007),
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text.

    Attributes:
        text: The word as it is compared: NFKC, case folded, without apostrophes.
        start: Offset of its first character.
        end: Offset after its last character.
        gap: What stands between the word before and this one.
    """

    text: str
    start: int
    end: int
    gap: str


@dataclass(frozen=True)
class Utterance:
    """What was said, and its words."""

    said: str
    words: tuple[Word, ...]

    @cached_property
    def texts(self) -> frozenset[str]:
        """Every word that occurs, for a quick no."""
        return frozenset(word.text for word in self.words)

    def text(self, index: int) -> str:
        """The word at an index, or an empty text past the end."""
        return self.words[index].text if index < len(self.words) else ""

    def between(self, first: int, last: int) -> str:
        """What was said from one word up to, not including, another; as it was written."""
        return self.said[self.words[first].start : self.words[last - 1].end]

    def index_of_end(self, offset: int, start: int) -> int | None:
        """The index after the word that ends at an offset, looking at a few words from `start`."""
        for index in range(start, min(start + 8, len(self.words))):
            if self.words[index].end == offset:
                return index + 1
        return None


def utterance(said: str) -> Utterance:
    """Cut what was said into words."""
    words: list[Word] = []
    last = 0
    for start, end in _stretches(said):
        words.append(Word(folded(said[start:end]), start, end, said[last:start]))
        last = end
    return Utterance(said, tuple(words))


def folded(text: str) -> str:
    """A word as it is compared."""
    folded_text = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded_text if char not in APOSTROPHES)


def is_unspaced(char: str) -> bool:
    """Say whether a character belongs to a script written without spaces."""
    code = ord(char)
    return any(first <= code <= last for first, last in UNSPACED)


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    while position < len(text):
        if _is_letter(text[position]):
            end = _end_of_word(text, position)
            yield position, end
            position = end
        else:
            position += 1


def _end_of_word(text: str, start: int) -> int:
    end = start + 1
    alone = is_unspaced(text[start])
    while end < len(text) and _goes_on(text, end, alone):
        end += 1
    return end


def _goes_on(text: str, position: int, alone: bool) -> bool:
    char = text[position]
    if unicodedata.category(char)[0] == "M":
        return True
    if alone:
        return False
    if char in APOSTROPHES:
        return position + 1 < len(text) and _is_spaced_letter(text[position + 1])
    return _is_spaced_letter(char)


def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN"


def _is_spaced_letter(char: str) -> bool:
    return _is_letter(char) and not is_unspaced(char)
