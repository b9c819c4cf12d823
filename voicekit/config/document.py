"""Document: YAML text as a tree of nodes that know their places. Decides no types and knows no key.

The tree is built from PyYAML's events and not by its constructor, because the constructor drops
duplicate keys, flattens merges and turns `no` into False before a key's type can be asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import yaml

from voicekit.config import misreading, syntax
from voicekit.config.characters import refused
from voicekit.config.redaction import redacted
from voicekit.config.suggestions import keep_one, suggest
from voicekit.problems import Place, Problem, Severity, source_lines

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 20_000

INCLUDE = "!include"
UNSET = "!unset"
TAGS = (INCLUDE, UNSET)
"""The tags that a value may have; the layers of a file give them their meaning."""

# The parser in C is twelve times as fast.
_FAST: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as it is written: `text` without quotes, and whether it stood without them.

    `raw` is the text before variables of the environment were put in; it equals `text` where there were none.
    `known` is False while a variable in it is unset: its type cannot be checked.
    `template` is the text for a key with placeholders, where a variable holds what would be taken for one; else empty.
    `tag` is one of `TAGS`, or empty. `verbatim` says that it is an included text, in which `${` means nothing.
    `comment` is what stands behind an empty value: perhaps it was meant to be the value.
    """

    text: str
    plain: bool
    place: Place
    raw: str = ""
    known: bool = True
    template: str = ""
    tag: str = ""
    verbatim: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list and its items."""

    items: tuple["Node", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; its place is that of its first key. `keys` has the place of each key.

    `broken` says that a key of it could not be read, which has been reported: it is not looked into again.
    """

    entries: dict[str, "Node"]
    keys: dict[str, Place]
    place: Place
    broken: bool = False


Node: TypeAlias = Scalar | Sequence | Mapping


class DocumentError(Exception):
    """Text that is not one YAML document, with the problem that says so."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.text)


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read."""

    start: yaml.Event
    place: Place
    children: list[Node] = field(default_factory=list)


def read(text: str, file: str) -> tuple[Node, list[Problem]]:
    """Read one YAML document.

    Args:
        text: The document.
        file: What its places call it.

    Returns:
        The tree, and the problems that did not keep it from being built, such as duplicate keys.

    Raises:
        DocumentError: The text is not one YAML document, or is too large or too deep.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise DocumentError(Problem("too-large", "the file is larger than 1 MiB", Place(file)))
    if problem := refused(text, file):
        raise DocumentError(problem)
    builder = _Builder(file, text)
    try:
        return builder.build(yaml.parse(text, Loader=_FAST))
    except yaml.YAMLError as error:
        raise DocumentError(syntax.explain(error, text, file, builder.last)) from None


class _Builder:
    """Turns the events of one document into nodes, without recursion."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.last: yaml.Event | None = None
        self.problems: list[Problem] = []
        self.open: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.unused: dict[str, Place] = {}
        self.root: Node | None = None
        self.sizes: dict[int, tuple[int, int]] = {}
        self.count = 0

    def build(self, events: Iterator[yaml.Event]) -> tuple[Node, list[Problem]]:
        for event in events:
            self._take(event)
            self.last = event
        if self.root is None:
            raise DocumentError(Problem("empty-file", "the file is empty", Place(self.file)))
        for name, place in self.unused.items():
            text = f"the anchor '&{name}' is never used"
            self.problems.append(Problem("unused-anchor", text, place, "remove it", Severity.WARNING))
        return self.root, self.problems

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._start_document(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._refuse_tag(event)
            if len(self.open) >= MAX_DEPTH:
                raise DocumentError(
                    Problem("too-deep", f"values are nested more than {MAX_DEPTH} deep", self._place(event))
                )
            self.open.append(_Open(event, self._place(event)))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close()
        elif isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event), event)
        elif isinstance(event, yaml.AliasEvent):
            self._add_alias(event)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file, without secrets."""
        return source_lines(redacted(self.text))

    def _line(self, place: Place) -> str:
        """Return a line; the parser counts one more than there are where the last has no end."""
        return self.lines[place.line - 1] if place.line <= len(self.lines) else ""

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        tag = event.tag if event.tag in TAGS else ""
        if not tag:
            self._refuse_tag(event)
        plain, place = not event.style, self._value_place(event)
        if plain and (problem := self._misread(event, place)):
            raise DocumentError(problem)
        comment = "" if event.value or tag or not plain else misreading.comment(self._line(place), place)
        return Scalar(event.value, plain, place, event.value, tag=tag, comment=comment)

    def _misread(self, event: yaml.ScalarEvent, place: Place) -> Problem | None:
        """Return the problem of text that was meant to be items of a list."""
        if event.value.startswith("-") and self._begins_line(place):
            return misreading.missing_space(event.value, place)
        last = event.end_mark.line if event.end_mark else 0
        if " - " in event.value and last >= place.line:
            return misreading.swallowed_item(self.lines, place.line - 1, last, self.file)
        return None

    def _begins_line(self, place: Place) -> bool:
        """Say whether a value or key of a mapping without braces is the first thing on its line."""
        start = self.open[-1].start if self.open else None
        in_block = isinstance(start, yaml.MappingStartEvent) and not start.flow_style
        return in_block and not self._line(place)[: place.column - 1].strip()

    def _start_document(self, event: yaml.DocumentStartEvent) -> None:
        if self.root is not None:
            place = self._place(event)
            raise DocumentError(
                Problem(
                    "second-document",
                    f"a second document begins on line {place.line}; one file is one agent",
                    place,
                    "put it into a file of its own",
                )
            )

    def _add_alias(self, event: yaml.AliasEvent) -> None:
        node = self.anchors.get(event.anchor or "")
        if node is None:
            text = f"nothing is anchored as '&{event.anchor}' before this line"
            hint = suggest(event.anchor or "", self.anchors) or f'write "*{event.anchor}" in quotes, if it is text'
            raise DocumentError(Problem("unknown-anchor", text, self._place(event), hint))
        self.unused.pop(event.anchor or "", None)
        self._add(node, event)

    def _refuse_tag(self, event: yaml.NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag and tag != "!":
            name = tag.replace("tag:yaml.org,2002:", "!!")
            text = f"'{name}' stands before one value" if tag in TAGS else f"the tag '{name}' means nothing here"
            self.problems.append(Problem("unknown-tag", text, self._place(event), "remove it"))

    def _close(self) -> None:
        done = self.open.pop()
        if isinstance(done.start, yaml.SequenceStartEvent):
            node: Node = Sequence(tuple(done.children), done.place)
        else:
            node = self._mapping(done)
        self._measure(node, done)
        self._add(node, done.start)

    def _measure(self, node: Node, done: _Open) -> None:
        """Refuse what becomes too large or too deep once every alias stands for what it names."""
        inside = [self.sizes.get(id(child), (1, 0)) for child in done.children]
        size, depth = 1 + sum(each[0] for each in inside), 1 + max((each[1] for each in inside), default=0)
        if size > MAX_NODES:
            raise DocumentError(Problem("too-large", f"aliases make this more than {MAX_NODES} values", done.place))
        if depth > MAX_DEPTH:
            raise DocumentError(Problem("too-deep", f"values are nested more than {MAX_DEPTH} deep", done.place))
        self.sizes[id(node)] = size, depth

    def _mapping(self, done: _Open) -> Mapping:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        merged: list[Mapping] = []
        broken = False
        for key, value in zip(done.children[::2], done.children[1::2], strict=True):
            if not isinstance(key, Scalar):
                broken = True
                self.problems.append(misreading.not_a_key(self._line(done.place), done.place, key.place))
            elif key.text == "<<" and key.plain:
                merged += self._merges(value)
            elif key.text in keys:
                first = keys[key.text].line
                self.problems.append(
                    Problem(
                        "duplicate-key",
                        f"'{key.text}' is given twice, first on line {first}",
                        key.place,
                        keep_one(key.text),
                    )
                )
            else:
                entries[key.text], keys[key.text] = value, key.place
        for base in merged:
            for name, value in base.entries.items():
                if name not in entries:
                    entries[name], keys[name] = value, base.keys[name]
        return Mapping(entries, keys, next(iter(keys.values()), done.place), broken)

    def _merges(self, value: Node) -> list[Mapping]:
        bases = value.items if isinstance(value, Sequence) else (value,)
        for base in bases:
            if not isinstance(base, Mapping):
                self.problems.append(Problem("bad-merge", "'<<' takes a mapping", base.place))
        return [base for base in bases if isinstance(base, Mapping)]

    def _add(self, node: Node, event: yaml.Event) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            raise DocumentError(Problem("too-large", f"the file has more than {MAX_NODES} values", node.place))
        anchor = getattr(event, "anchor", None)
        if anchor and not isinstance(event, yaml.AliasEvent):
            self.anchors[anchor] = node
            place = self._place(event)
            self.unused[anchor] = replace(place, end=place.column + len(anchor) + 1)
        if self.open:
            self.open[-1].children.append(node)
        else:
            self.root = node

    def _place(self, event: yaml.Event) -> Place:
        start, end = event.start_mark, event.end_mark
        if start is None or end is None:
            return Place(self.file)
        column = start.column + 1
        last = end.column + 1 if end.line == start.line else column + 1
        return Place(self.file, start.line + 1, column, max(last, column))

    def _value_place(self, event: yaml.ScalarEvent) -> Place:
        """Return where a value stands, without the anchor or tag before it where that can be told."""
        place = self._place(event)
        start = place.end - len(event.value)
        if (event.anchor or event.tag) and not event.style and event.value and start > place.column:
            return replace(place, column=start)
        return place
