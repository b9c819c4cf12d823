"""Includes: `!include FILE` replaced by what the file holds: a text, or the value of a YAML or JSON file."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from voicekit.config.document import INCLUDE, MAX_NODES, DocumentError, Mapping, Node, Scalar, Sequence
from voicekit.config.sources import Sources, beside
from voicekit.problems import Problem

_TEXTS: Final = (".md", ".txt")
_VALUES: Final = (".yaml", ".yml", ".json")


class Includer:
    """Puts includes in, and gathers what is wrong with them.

    Args:
        sources: Where files come from.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._values = 0

    def put_in(self, node: Node, trail: tuple[str, ...]) -> Node:
        """Return a tree with its includes put in. One that cannot be is reported and becomes an unknown value.

        Args:
            node: The tree.
            trail: The file the tree is from, after those that included it.
        """
        self._values += 1
        if self._values > MAX_NODES:
            text = f"includes make this more than {MAX_NODES} values"
            raise DocumentError(Problem("too-large", text, node.place))
        if isinstance(node, Sequence):
            return replace(node, items=tuple(self.put_in(item, trail) for item in node.items))
        if isinstance(node, Mapping):
            entries = {key: self.put_in(value, trail) for key, value in node.entries.items()}
            return replace(node, entries=entries)
        return self._included(node, trail) if node.tag == INCLUDE else node

    def _included(self, node: Scalar, trail: tuple[str, ...]) -> Node:
        path = beside(trail[-1], node.text)
        try:
            return self._content(node, path, trail)
        except DocumentError as error:
            self._sources.problems.append(error.problem)
            return replace(node, known=False, tag="")

    def _content(self, node: Scalar, path: Path, trail: tuple[str, ...]) -> Node:
        if path.suffix in _TEXTS:
            text = self._sources.text(path, node.place).rstrip("\n")
            return replace(node, text=text, raw=text, plain=False, tag="", verbatim=True)
        if path.suffix not in _VALUES:
            text = f"'{node.text}' cannot be included" if node.text else "'!include' names no file"
            raise DocumentError(Problem("bad-include", text, node.place, f"name a {', '.join(_TEXTS + _VALUES)} file"))
        if str(path) in trail:
            text = f"'{trail[0]}' includes itself: {' → '.join((*trail, str(path)))}"
            raise DocumentError(Problem("include-cycle", text, node.place, "remove one of the includes"))
        return self.put_in(self._sources.document(path, node.place), (*trail, str(path)))
