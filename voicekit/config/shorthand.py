"""Shorthand: short forms written out, so that each section has one shape when it is checked.

`asr`, `llm` and `tts` have their own short form, in `voicekit.config.services`.
"""

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import replace
from typing import Final

from voicekit.config.document import Mapping, Node, Scalar, Sequence

# Where a text stands for a mapping: the section, and the key that the text is the value of.
_TEXT_MEANS: Final[Table[str, str]] = {"transport": "type", "vad": "provider", "turn": "end"}


def write_out(root: Mapping) -> Mapping:
    """Return the file with its short forms written out. Places stay those of what was written."""
    entries = {key: _FORMS[key](node) if key in _FORMS else node for key, node in root.entries.items()}
    return replace(root, entries=entries)


def _keyed(key: str, node: Node) -> Mapping:
    return Mapping({key: node}, {key: node.place}, node.place)


def _section(key: str) -> Callable[[Node], Node]:
    return lambda node: _keyed(key, node) if isinstance(node, Scalar) and node.text else node


def _greeting(node: Node) -> Node:
    if isinstance(node, Scalar) and (not node.text or (node.plain and node.text == "false")):
        return node
    return _keyed("say", node) if isinstance(node, Scalar | Sequence) else node


def _tools(node: Node) -> Node:
    if not isinstance(node, Mapping):
        return node
    entries = {name: _tool(name, tool) for name, tool in node.entries.items()}
    return replace(node, entries=entries)


def _tool(name: str, node: Node) -> Node:
    if isinstance(node, Scalar) and node.text == "builtin":
        return _keyed("builtin", replace(node, text=name))
    return node


_FORMS: Final[Table[str, Callable[[Node], Node]]] = {
    **{section: _section(key) for section, key in _TEXT_MEANS.items()},
    "greeting": _greeting,
    "tools": _tools,
}
