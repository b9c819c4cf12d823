"""Document: YAML text as a tree of nodes that know their places. Decides no types and knows no key.

The tree is built from PyYAML's events and not by its constructor, because the constructor drops
duplicate keys, flattens merges and turns `no` into False before a key's type can be asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import yaml

from voicekit.problems import Place, Problem, Severity

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 100_000

INCLUDE = "!include"
UNSET = "!unset"
TAGS = (INCLUDE, UNSET)
"""The tags that a value may have; the layers of a file give them their meaning."""

# The parser in C is twelve times as fast; the one in Python says more about a mistake.
_FAST: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as it is written: `text` without quotes, and whether it stood without them.

    `raw` is the text before variables of the environment were put in; it equals `text` where there were none.
    `known` is False while a variable in it is unset: its type cannot be checked.
    `tag` is one of `TAGS`, or empty. `verbatim` says that it is an included text, in which `${` means nothing.
    """

    text: str
    plain: bool
    place: Place
    raw: str = ""
    known: bool = True
    tag: str = ""
    verbatim: bool = False


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
    try:
        return _Builder(file).build(yaml.parse(text, Loader=_FAST))
    except yaml.YAMLError as fast:
        try:
            for _ in yaml.parse(text, Loader=yaml.SafeLoader):
                pass
        except yaml.YAMLError as error:
            raise DocumentError(_syntax_problem(error, text, file)) from None
        raise DocumentError(_syntax_problem(fast, text, file)) from None


class _Builder:
    """Turns the events of one document into nodes, without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.open: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.unused: dict[str, Place] = {}
        self.root: Node | None = None
        self.sizes: dict[int, tuple[int, int]] = {}

    def build(self, events: Iterator[yaml.Event]) -> tuple[Node, list[Problem]]:
        for event in events:
            self._take(event)
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
            tag = event.tag if event.tag in TAGS else ""
            if not tag:
                self._refuse_tag(event)
            self._add(Scalar(event.value, not event.style, self._value_place(event), event.value, tag=tag), event)
        elif isinstance(event, yaml.AliasEvent):
            self._add_alias(event)

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
            raise DocumentError(Problem("unknown-anchor", text, self._place(event)))
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
                self.problems.append(_not_a_key(key))
            elif key.text == "<<" and key.plain:
                merged += self._merges(value)
            elif key.text in keys:
                first = keys[key.text].line
                self.problems.append(
                    Problem(
                        "duplicate-key",
                        f"'{key.text}' is given twice, first on line {first}",
                        key.place,
                        "keep one of them",
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


def _not_a_key(key: Sequence | Mapping) -> Problem:
    return Problem(
        "bad-key",
        "a list or a mapping cannot be a key",
        key.place,
        "a value that begins with '{' needs quotes",
    )


def _syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    place = Place(file, mark.line + 1, mark.column + 1, mark.column + 2) if mark else Place(file)
    found = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: place.column]:
        said = "a tab indents this line; YAML allows spaces only"
        return Problem("yaml-syntax", said, place, "replace it by 2 spaces")
    if found == "mapping values are not allowed here":
        said = "a ': ' inside a value needs quotes"
        return Problem("yaml-syntax", said, place, 'write the whole value in "…"')
    context = getattr(error, "context", None)
    return Problem("yaml-syntax", f"this is not YAML: {found}" + (f" {context}" if context else ""), place)
