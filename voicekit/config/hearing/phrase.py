"""Hearing: phrases with slots, and whether one is found in what was said. Pure.

A phrase is words found one after another, anywhere in what was said; case, punctuation and apostrophes do not
count, and a number word equals its digits ("one", "1").

    (a|b)            one of several
    (please)?        may be left out
    {name}           one or more words, up to the next word of the phrase, or to the end of what was said
    {name:text}      one or more words, as many as possible
    {name:word}      what stands between two spaces (of Chinese: one character)
    {name:digits}    "one two oh double three" → 12033, as many as follow one another
    {name:number}    "a hundred and five" → 105
    {name:time}      "half past three pm" → 15:30
    {name:date}      "the fifth of March 2026" → 2026-03-05; without a year, the words as said

What number, digits, time and date understand is written in `numerals` and `moments`. The earliest place wins;
there, alternatives are tried as written, and what may be left out is first tried with. A phrase is not a
regular expression: whatever it is, matching visits each pair of a word and a part of it at most twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from voicekit.config.hearing import patterns, search
from voicekit.config.hearing.jsgf import Known, fragment, grammar, unknown_words
from voicekit.config.hearing.patterns import PhraseError
from voicekit.config.hearing.utterance import Utterance, utterance

__all__ = ["Phrase", "PhraseError", "Utterance", "grammar", "parse", "unknown_words", "utterance"]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase, ready to be looked for.

    Attributes:
        text: The phrase as it was written. Two phrases are equal if their texts are.
        nodes: Its parts.
        slots: The kind of each slot by its name, in the order they are written; a bare slot's kind is empty.
    """

    text: str
    nodes: patterns.Sequence = field(compare=False, repr=False)
    slots: Mapping[str, str] = field(compare=False, repr=False)
    program: search.Program = field(compare=False, repr=False)

    def match(self, said: str | Utterance) -> dict[str, str] | None:
        """Look for the phrase.

        Args:
            said: What was said. Whoever tries many phrases cuts it into words once, with `utterance`.

        Returns:
            The value of each slot that was filled, or None if the phrase was not said.
        """
        heard = utterance(said) if isinstance(said, str) else said
        return search.find(self.program, heard).slots

    def jsgf(self, known: Known = None) -> str | None:
        """Return the phrase as a JSGF expansion; see `jsgf.fragment`."""
        return fragment(self.nodes, known)


def parse(text: str) -> Phrase:
    """Read a phrase.

    Raises:
        PhraseError: With the offsets of what cannot be read.
    """
    nodes = patterns.read(text)
    slots: dict[str, str] = {}
    for slot in patterns.slots(nodes):
        slots.setdefault(slot.name, slot.kind)
    return Phrase(text, nodes, slots, search.compile_nodes(nodes))
