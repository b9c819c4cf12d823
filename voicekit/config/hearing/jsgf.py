"""JSGF: phrases as a grammar for a speech decoder that hears nothing else. Pure.

JSpeech Grammar Format 1.0, W3C note of June 2000. A decoder knows only the words of its dictionary, and
refuses a grammar with any other: pass them as `known`. Alternatives that hold an unknown word are left out.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Final, Protocol

from voicekit.config.hearing import patterns
from voicekit.config.hearing.moments import DAYS, MONTHS, ORDINALS, WEEKDAYS
from voicekit.config.hearing.numerals import SMALL, TENS, TIMES

Known = Container[str] | None

_UNIT = list(SMALL)[1:10]
_DIGIT = [*list(SMALL)[:10], "oh"]
_RULES: Final[dict[str, tuple[str, ...]]] = {
    "digit": (*_DIGIT, *(f"{times} {digit}" for times in TIMES for digit in _DIGIT)),
    "unit": tuple(_UNIT),
    "small": (*list(SMALL)[1:], *TENS, "<tens> <unit>"),
    "tens": tuple(TENS),
    "hundreds": ("<small>", "<small> hundred", "<small> hundred <small>", "<small> hundred and <small>"),
    "number": ("zero", "<hundreds>", "<hundreds> thousand", "<hundreds> thousand <hundreds>"),
    "part": ("a m", "p m", "in the morning", "in the afternoon", "in the evening", "at night"),
    "clock": ("<small>", "<small> o'clock", "<small> <small>", "<small> oh <unit>", "<past> <small>"),
    "past": ("half past", "quarter past", "quarter to", "<small> past", "<small> to"),
    "time": ("noon", "midday", "midnight", "<clock>", "<clock> <part>"),
    "month": MONTHS,
    "weekday": WEEKDAYS,
    "ordinal": (*ORDINALS, *(f"<tens> {word}" for word, day in ORDINALS.items() if day < 10)),
    "day": ("<ordinal> of <month>", "the <ordinal> of <month>", "<month> <ordinal>", "<month> <small>"),
    "year": ("<small> <small>", "two thousand and <small>", "two thousand <small>"),
    "date": (*DAYS, "<weekday>", "next <weekday>", "<day>", "<day> <year>"),
}
_OF_KIND: Final = {"digits": "<digit>+", "number": "<number>", "time": "<time>", "date": "<date>"}


class _Speakable(Protocol):
    def jsgf(self, known: Known = None) -> str | None: ...


class _HasNodes(Protocol):
    @property
    def nodes(self) -> patterns.Sequence: ...


def fragment(nodes: patterns.Sequence, known: Known = None) -> str | None:
    """Write a phrase as a JSGF expansion, with references to the rules that `grammar` defines.

    Args:
        nodes: The parts of the phrase.
        known: The words of the decoder's dictionary; None takes every word.

    Returns:
        The expansion, or None if there is none: a needed word is unknown, or a needed slot takes any words at
        all (one of kind text or word, or a bare one).
    """
    parts = []
    for node in nodes:
        part = _part(node, known)
        if part is None:
            return None
        parts.append(part)
    return " ".join(part for part in parts if part)


def grammar(phrases: Iterable[_Speakable], known: Known = None) -> str:
    """Write a whole JSGF grammar of which each sentence is one of the phrases.

    Phrases without an expansion are left out; `unknown_words` says which words are to blame.

    Raises:
        ValueError: No phrase has an expansion.
    """
    expansions = [text for phrase in phrases if (text := phrase.jsgf(known))]
    if not expansions:
        raise ValueError("no phrase can be written as a grammar")
    lines = ["#JSGF V1.0;", "grammar phrases;", f"public <phrase> = {' | '.join(dict.fromkeys(expansions))};"]
    lines += [f"<{name}> = {' | '.join(options)};" for name, options in _rules(expansions, known).items()]
    return "\n".join(lines) + "\n"


def unknown_words(phrases: Iterable[_HasNodes], known: Container[str]) -> tuple[str, ...]:
    """Return the words of phrases that a dictionary lacks, each once, in the order they are met."""
    words = (literal for phrase in phrases for literal in _literals(phrase.nodes))
    return tuple(dict.fromkeys(word.spelling for word in words if _spelling(word, known) is None))


def _part(node: patterns.Node, known: Known) -> str | None:
    if isinstance(node, patterns.Literal):
        return _spelling(node, known)
    if isinstance(node, patterns.Slot):
        return _OF_KIND.get(node.kind)
    options = [text for option in node.options if (text := fragment(option, known))]
    if not options:
        return "" if node.optional else None
    return f"[{' | '.join(options)}]" if node.optional else f"({' | '.join(options)})"


def _spelling(word: patterns.Literal, known: Known) -> str | None:
    if known is None:
        return next((form for form in (word.spelling, *word.forms) if not form.isdecimal()), word.spelling)
    return next((form for form in (word.spelling, *word.forms) if form in known), None)


def _literals(nodes: patterns.Sequence) -> Iterator[patterns.Literal]:
    for node in nodes:
        if isinstance(node, patterns.Literal):
            yield node
        elif isinstance(node, patterns.Group):
            for option in node.options:
                yield from _literals(option)


def _rules(expansions: Sequence[str], known: Known) -> dict[str, list[str]]:
    """The rules that expansions refer to, directly or not, without options that hold an unknown word."""
    wanted, found = list(expansions), dict[str, list[str]]()
    while wanted:
        text = wanted.pop()
        for name in _RULES:
            if f"<{name}>" in text and name not in found:
                found[name] = [option for option in _RULES[name] if _is_known(option, known)]
                wanted += found[name]
    return {name: found[name] for name in _RULES if name in found}


def _is_known(option: str, known: Known) -> bool:
    return known is None or all(word.startswith("<") or word in known for word in option.split())
