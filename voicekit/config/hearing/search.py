"""Search: a phrase as a small machine, run over the words of an utterance. Pure.

A state is visited at most twice for each word, loose or not (see `_Visit`): what can follow does not depend
on how one came there, so a visit that failed is not repeated. The cost is the number of states times the
number of words.
"""

from collections.abc import Callable
from dataclasses import dataclass

from voicekit.config.hearing import patterns
from voicekit.config.hearing.moments import read_date, read_time
from voicekit.config.hearing.numerals import Read, read_digits, read_number
from voicekit.config.hearing.utterance import Utterance, is_unspaced

_Reader = Callable[[Utterance, int], Read | None]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a slot of one kind reads: its reader, whether it goes on after one piece, and whether gladly."""

    reader: _Reader
    repeats: bool = False
    greedy: bool = True


@dataclass(frozen=True, slots=True)
class _Take:
    forms: frozenset[str]
    then: int


@dataclass(frozen=True, slots=True)
class _Fork:
    branches: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Catch:
    name: str
    kind: _Kind
    inside: bool
    then: int


@dataclass(frozen=True, slots=True)
class Program:
    """A phrase as states.

    Attributes:
        states: The states; at None the phrase is found.
        start: The first of them.
        first: The words it can begin with, or empty if those are not known.
        needed: Sets of words, of each of which one must occur for a search to be worth while.
    """

    states: tuple[_Take | _Fork | _Catch | None, ...]
    start: int
    first: frozenset[str]
    needed: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The slots, or None if the phrase does not occur, and the number of visits it took."""

    slots: dict[str, str] | None
    visits: int


@dataclass(frozen=True, slots=True)
class _Caught:
    before: "_Caught | None"
    name: str
    kind: _Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Visit:
    """A place to go on from.

    Attributes:
        state: The state of the program.
        at: The index of the next word.
        loose: Nothing was taken since a bare slot, which goes to the end of what was said if nothing follows.
        opened: Where the slot that is being read began.
        caught: The slots read so far, the last one first.
    """

    state: int
    at: int
    loose: bool = False
    opened: int = 0
    caught: _Caught | None = None


def _read_any(heard: Utterance, start: int) -> Read | None:
    return (start + 1, "") if start < len(heard.words) else None


def _read_word(heard: Utterance, start: int) -> Read | None:
    if start >= len(heard.words):
        return None
    end = start + 1
    while end < len(heard.words) and _is_joined(heard, end):
        end += 1
    return end, ""


def _is_joined(heard: Utterance, index: int) -> bool:
    word = heard.words[index]
    return bool(word.gap) and not any(char.isspace() for char in word.gap) and not is_unspaced(heard.said[word.start])


_KINDS = {
    "": _Kind(_read_any, repeats=True, greedy=False),
    "text": _Kind(_read_any, repeats=True),
    "word": _Kind(_read_word),
    "digits": _Kind(read_digits, repeats=True),
    "number": _Kind(read_number),
    "time": _Kind(read_time),
    "date": _Kind(read_date),
}


def compile_nodes(nodes: patterns.Sequence) -> Program:
    """Make the machine of a phrase."""
    states: list[_Take | _Fork | _Catch | None] = [None]

    def add(state: _Take | _Fork | _Catch) -> int:
        states.append(state)
        return len(states) - 1

    def chain(sequence: patterns.Sequence, then: int) -> int:
        for node in reversed(sequence):
            then = one(node, then)
        return then

    def one(node: patterns.Node, then: int) -> int:
        if isinstance(node, patterns.Literal):
            return add(_Take(frozenset(node.forms), then))
        if isinstance(node, patterns.Group):
            branches = [chain(option, then) for option in node.options]
            return add(_Fork((*branches, then) if node.optional else tuple(branches)))
        kind = _KINDS[node.kind]
        inside = add(_Catch(node.name, kind, inside=True, then=then))
        return add(_Catch(node.name, kind, inside=False, then=inside))

    start = chain(nodes, 0)
    needed = tuple(frozenset(node.forms) for node in nodes if isinstance(node, patterns.Literal))
    first = frozenset(nodes[0].forms) if isinstance(nodes[0], patterns.Literal) else frozenset()
    return Program(tuple(states), start, first, needed)


def find(program: Program, heard: Utterance) -> Found:
    """Look for a phrase in an utterance."""
    if any(forms.isdisjoint(heard.texts) for forms in program.needed):
        return Found(None, 0)
    seen: set[tuple[int, int, bool]] = set()
    for first, word in enumerate(heard.words):
        stack = [_Visit(program.start, first)] if not program.first or word.text in program.first else []
        while stack:
            visit = stack.pop()
            key = (visit.state, visit.at, visit.loose)
            if key in seen:
                continue
            seen.add(key)
            state = program.states[visit.state]
            if state is not None:
                stack.extend(reversed(_onward(state, visit, heard)))
            elif not visit.loose or visit.at == len(heard.words):
                return Found(_values(visit.caught, heard), len(seen))
    return Found(None, len(seen))


def _onward(state: _Take | _Fork | _Catch, visit: _Visit, heard: Utterance) -> list[_Visit]:
    """The places to go on from, the preferred first."""
    if isinstance(state, _Take):
        taken = heard.text(visit.at) in state.forms
        return [_Visit(state.then, visit.at + 1, caught=visit.caught)] if taken else []
    if isinstance(state, _Fork):
        return [_Visit(branch, visit.at, visit.loose, caught=visit.caught) for branch in state.branches]
    return _leave(state, visit, heard) if state.inside else _enter(state, visit, heard)


def _enter(state: _Catch, visit: _Visit, heard: Utterance) -> list[_Visit]:
    read = state.kind.reader(heard, visit.at)
    return [_Visit(state.then, read[0], opened=visit.at, caught=visit.caught)] if read else []


def _leave(state: _Catch, visit: _Visit, heard: Utterance) -> list[_Visit]:
    caught = _Caught(visit.caught, state.name, state.kind, visit.opened, visit.at)
    out = _Visit(state.then, visit.at, loose=not state.kind.greedy, caught=caught)
    read = state.kind.reader(heard, visit.at) if state.kind.repeats else None
    if read is None:
        return [out]
    more = _Visit(visit.state, read[0], opened=visit.opened, caught=visit.caught)
    return [more, out] if state.kind.greedy else [out, more]


def _values(caught: _Caught | None, heard: Utterance) -> dict[str, str]:
    values: dict[str, str] = {}
    while caught is not None:
        values[caught.name] = _value(caught, heard)
        caught = caught.before
    return dict(reversed(values.items()))


def _value(caught: _Caught, heard: Utterance) -> str:
    pieces, at = [], caught.start
    while at < caught.end:
        read = caught.kind.reader(heard, at)
        if read is None:
            break
        at = read[0]
        pieces.append(read[1])
    return "".join(pieces) or heard.between(caught.start, caught.end)
