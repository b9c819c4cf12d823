"""Patterns: the parts of a phrase and how its text is read into them. Pure.

phrase = (word | group | slot)+
group  = "(" phrase ("|" phrase)* ")" ["?"]
slot   = "{" name [":" kind] "}"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voicekit.config.hearing.numerals import same_words
from voicekit.config.hearing.utterance import utterance

SLOT_KINDS: Final = ("digits", "number", "word", "text", "time", "date")
"""What may stand after the colon of a slot."""

_MOST_NESTED: Final = 20
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL: Final = re.compile(r"[(){}|?\[\]*+^$\\]")


class PhraseError(ValueError):
    """A phrase that cannot be read.

    Attributes:
        message: What is wrong, in one sentence without a full stop.
        start: Offset of the first wrong character.
        end: Offset after the last wrong character.
    """

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end


@dataclass(frozen=True, slots=True)
class Literal:
    """One word. `forms` are the words that count as it, `spelling` is how it was written, in lower case."""

    forms: tuple[str, ...]
    spelling: str


@dataclass(frozen=True, slots=True)
class Slot:
    """Words to catch. The kind is empty for a bare slot."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Group:
    """One of several phrases, or none of them if it may be left out."""

    options: tuple["Sequence", ...]
    optional: bool


Node = Literal | Slot | Group
Sequence = tuple[Node, ...]


def read(text: str) -> Sequence:
    """Read the text of a phrase.

    Raises:
        PhraseError: The text is not a phrase.
    """
    reader = _Reader(text)
    found = reader.sequence(0)
    if reader.position < len(text):
        mark = text[reader.position]
        if mark == "|":
            raise reader.error("alternatives stand in parentheses: (one|another)")
        raise reader.error("this closes nothing")
    if may_be_empty(found):
        raise PhraseError("this phrase would match anything: some word of it must be needed", 0, max(1, len(text)))
    _names_once(found, text)
    return found


def may_be_empty(nodes: Sequence) -> bool:
    """Say whether a phrase can match without any word."""
    return all(isinstance(node, Group) and node.optional for node in nodes)


def slots(nodes: Sequence) -> Iterator[Slot]:
    """Yield the slots of a phrase, in the order they are written."""
    for node in nodes:
        if isinstance(node, Slot):
            yield node
        elif isinstance(node, Group):
            for option in node.options:
                yield from slots(option)


def _names_once(nodes: Sequence, text: str) -> frozenset[str]:
    seen: frozenset[str] = frozenset()
    for node in nodes:
        names: frozenset[str] = frozenset()
        if isinstance(node, Slot):
            names = frozenset({node.name})
        elif isinstance(node, Group):
            names = names.union(*(_names_once(option, text) for option in node.options))
        twice = sorted(seen & names)
        if twice:
            start = text.rfind("{" + twice[0])
            raise PhraseError(f"the slot '{twice[0]}' stands here twice", start, start + len(twice[0]) + 1)
        seen |= names
    return seen


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def error(self, message: str, start: int | None = None, end: int | None = None) -> PhraseError:
        first = self.position if start is None else start
        return PhraseError(message, first, first + 1 if end is None else end)

    def sequence(self, depth: int) -> Sequence:
        nodes: list[Node] = []
        while self.position < len(self.text) and self.text[self.position] not in "|)":
            mark = self.text[self.position]
            if mark == "(":
                nodes.append(self.group(depth))
            elif mark == "{":
                nodes.append(self.slot())
            elif mark == "?":
                self.question()
            elif _SPECIAL.match(mark):
                raise self.error(f"'{mark}' means nothing in a phrase, which is not a regular expression")
            else:
                nodes.extend(self.words())
        return tuple(nodes)

    def words(self) -> Iterator[Literal]:
        match = _SPECIAL.search(self.text, self.position)
        stretch = self.text[self.position : match.start() if match else len(self.text)]
        self.position += len(stretch)
        for word in utterance(stretch).words:
            yield Literal(same_words(word.text), stretch[word.start : word.end].lower())

    def question(self) -> None:
        """Pass a question mark that is punctuation; one that looks like "may be left out" is refused."""
        after = self.text[self.position + 1 :].lstrip()
        if after and after[0] not in "|)":
            raise self.error("put what may be left out in parentheses: (please)?")
        self.position += 1

    def group(self, depth: int) -> Group:
        start = self.position
        if depth == _MOST_NESTED:
            raise self.error(f"parentheses stand more than {_MOST_NESTED} deep")
        options: list[Sequence] = []
        while self.position < len(self.text) and (self.text[self.position] != ")" or not options):
            self.position += 1
            before = self.position
            option = self.sequence(depth + 1)
            if may_be_empty(option):
                raise self.error("an alternative is empty: write (one|another)?", start, max(before, start + 1))
            options.append(option)
        if self.position == len(self.text):
            raise self.error("this parenthesis is never closed", start)
        self.position += 1
        optional = self.text[self.position : self.position + 1] == "?"
        self.position += optional
        return Group(tuple(options), optional)

    def slot(self) -> Slot:
        start = self.position
        end = self.text.find("}", start)
        if self.text.startswith("{{", start):
            raise self.error("a phrase catches words with {name}; {{name}} is for what is said", start, start + 2)
        if end < 0:
            raise self.error("this brace is never closed", start)
        name, colon, kind = (part.strip() for part in self.text[start + 1 : end].partition(":"))
        if not _NAME.fullmatch(name):
            raise self.error(f"'{name}' cannot be the name of a slot", start, end + 1)
        if colon and kind not in SLOT_KINDS:
            kinds = f"{', '.join(SLOT_KINDS[:-1])} or {SLOT_KINDS[-1]}"
            raise self.error(f"'{kind}' is no kind of slot: it is {kinds}", start, end + 1)
        self.position = end + 1
        return Slot(name, kind)
