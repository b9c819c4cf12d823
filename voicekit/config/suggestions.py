"""Suggestions: what a wrong word was meant to be. Known words first, similarity last."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from voicekit.config.vocabulary import KNOWN, Word

# Longer words are no misspelt keys, and comparing them costs.
_LONGEST: Final = 60
# Keys that say nothing without their section.
_EVERYWHERE: Final = frozenset({"type", "provider"})
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Homes = Mapping[str, tuple[str, ...]]
"""Each key of the language to the sections that have it; the top level is an empty text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a key that its section does not have.

    Attributes:
        said: What it is instead, or empty.
        help: What to write, or empty.
        meant: The key of the same section that is given by it: `*` for all, empty for none.
        moved: The key of the top level that is given by it, or empty.
    """

    said: str = ""
    help: str = ""
    meant: str = ""
    moved: str = ""


def answer(word: str, section: str, choices: Iterable[str], *, homes: Homes, value: str = "") -> Answer:
    """Return what to say to an unknown key.

    Args:
        word: The key.
        section: The section, as the table of words names it; several are separated by spaces.
        choices: The keys that the section has.
        homes: Where the keys of the language stand.
        value: What was written behind it, if it is short and no secret.
    """
    names = sorted(choices)
    plain = _plain(word)
    for where in section.split():
        known = KNOWN.get((where, plain))
        if known and (known.ours in names or known.ours in ("", "*")):
            return _known(known, value)
    if plain not in names and plain in homes and plain not in _EVERYWHERE:
        return _moved(plain, homes[plain], value)
    close = similar(word, tuple(names))
    return Answer(help=f"did you mean '{close}'?" if close else "", meant=close)


def _known(word: Word, value: str) -> Answer:
    renamed = word.renamed and word.ours and value
    said = word.said or f"voicekit calls it '{word.ours}'"
    return Answer(said, f"{word.ours}: {value}" if renamed else word.example, word.ours)


def _moved(word: str, homes: tuple[str, ...], value: str) -> Answer:
    if "" in homes:
        return Answer("it belongs at the top level", f"begin '{word}' in column 1", moved=word)
    said = f"it belongs in {' or '.join(homes)}"
    # A comma would end the value inside {…}.
    return Answer(said, f"{homes[0]}: {{{word}: {'…' if ',' in value or not value else value}}}")


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return the help for a wrong word, `did you mean 'x'?`, or an empty text."""
    close = similar(word, tuple(sorted(choices)))
    return f"did you mean '{close}'?" if close else ""


@lru_cache(maxsize=1024)
def similar(word: str, names: tuple[str, ...]) -> str:
    """Return the name most like a word, or an empty text where none is."""
    if len(word) > _LONGEST:
        return ""
    plain = _plain(word)
    return plain if plain in names else next(iter(get_close_matches(word.lower(), names, n=1, cutoff=0.6)), "")


def _plain(word: str) -> str:
    """Return a word in small letters with '_', as keys are written: `firstMessage` as `first_message`."""
    return _CAMEL.sub("_", word).replace("-", "_").lower() if len(word) <= _LONGEST else word


def keep_one(key: str) -> str:
    """Return the help for a key that is given twice."""
    return "keep one; for failover write a list" if key in ("asr", "llm", "tts") else "keep one"


def listed(choices: Iterable[str], most: int = 8) -> str:
    """Return a few choices for a help line: `one of: a, b, c, …`."""
    names = list(choices)
    shown = ", ".join(names[:most])
    return f"one of: {shown}, …" if len(names) > most else f"one of: {shown}"
