"""Columns: how much of a terminal a text takes, and what of it may be shown there.

Widths follow what terminals agree on: Unicode's East Asian Width (UAX 11) and emoji sequences (UTS 51).
"""

import unicodedata
from typing import Final

_JOINER: Final = "\u200d"
_EMOJI_STYLE: Final = "\ufe0f"
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
# The vowels and final consonants of decomposed Korean are drawn into the syllable that their first consonant begins.
_JAMO: Final = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))
# What Python calls not printable and a text needs all the same: those that join letters and emoji, or keep them apart.
_NEEDED: Final = frozenset("\u200c\u200d")


def visible(text: str) -> str:
    """Return a text of the same length with each character replaced that cannot be seen or would steer a terminal.

    A tab becomes one space, every other one U+FFFD; spaces of all kinds stay.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _stand_in(char) for char in text)


def _stand_in(char: str) -> str:
    if char == "\t":
        return " "
    return char if char in _NEEDED or unicodedata.category(char) == "Zs" else "\ufffd"


def widths(text: str) -> list[int]:
    """Return for each character the columns it adds; a cluster's are those of its first character."""
    found: list[int] = []
    base = -1  # the character that those which take no column are drawn with
    for index, char in enumerate(text):
        width = _width(char)
        if base >= 0 and char == _EMOJI_STYLE:
            found[base] = found[base] and 2
        elif base >= 0 and _joins(text[index - 1], char, text[base]):
            width = 0
        if width:
            base = index
        found.append(width)
    return found


def _joins(previous: str, char: str, base: str) -> bool:
    """Say whether a character is drawn as part of an emoji before it."""
    if ord(char) in _SKIN_TONES:
        return unicodedata.category(base) == "So"
    return previous == _JOINER and unicodedata.category(char) in ("So", "Sm")


def _width(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or any(ord(char) in jamo for jamo in _JAMO):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
