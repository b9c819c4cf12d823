"""Shorthand: short forms written out, so that each section has one shape when it is checked."""

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import replace
from typing import Final

from voicekit.config.document import Mapping, Node, Scalar, Sequence

# Where a value stands for a mapping: the section, and the key that it is the value of.
MEANS: Final[Table[str, str]] = {
    "transport": "type",
    "vad": "provider",
    "turn": "end",
    "memory": "keep",
    "greeting": "say",
    "fillers": "say",
}
# The same within a tool.
TOOL_MEANS: Final[Table[str, str]] = {"say": "start"}
# What stands for a tool that voicekit brings under the same name.
BUILTIN: Final = "builtin"


def write_out(root: Mapping) -> Mapping:
    """Return the file with its short forms written out. Places stay those of what was written."""
    entries = {key: _FORMS[key](node) if key in _FORMS else node for key, node in root.entries.items()}
    return replace(root, entries=entries)


def _keyed(key: str, node: Node) -> Mapping:
    return Mapping({key: node}, {key: node.place}, node.place)


def _section(key: str) -> Callable[[Node], Node]:
    return lambda node: _keyed(key, node) if isinstance(node, Scalar) and node.text and not node.tag else node


def as_service(node: Node) -> Node:
    """Return a service written out: `provider/model` splits at the first slash.

    A text with a variable in it stays as it is until the variable is put in: the slash may come with it.
    """
    if not isinstance(node, Scalar) or not node.text or node.tag or (node.plain and node.text in ("~", "null")):
        return node
    if "${" in node.text and node.raw == node.text:
        return node
    name, slash, model = node.text.partition("/")
    end = node.place.column + len(name) if node.plain else node.place.end
    entries: dict[str, Node] = {"provider": replace(_part(node, name), place=replace(node.place, end=end))}
    if slash:
        entries["model"] = _part(node, model)
    return Mapping(entries, dict.fromkeys(entries, node.place), node.place)


def _part(node: Scalar, text: str) -> Scalar:
    """Return a part of a value; one that came from the environment stays known as such."""
    return replace(node, text=text, raw=text if node.raw == node.text else node.raw)


def _services(node: Node) -> Node:
    """Return a section of services written out; a list of one is its item."""
    if not isinstance(node, Sequence):
        return as_service(node)
    if len(node.items) == 1:
        return as_service(node.items[0])
    return replace(node, items=tuple(as_service(item) for item in node.items))


def _line(key: str) -> Callable[[Node], Node]:
    """Return what writes out a section that a line stands for, and `false` switches off."""

    def written(node: Node) -> Node:
        if isinstance(node, Scalar) and (not node.text or node.tag or (node.plain and node.text == "false")):
            return node
        return _keyed(key, node) if isinstance(node, Scalar | Sequence) else node

    return written


def _tools(node: Node) -> Node:
    if not isinstance(node, Mapping):
        return node
    entries = {name: _tool(name, tool) for name, tool in node.entries.items()}
    return replace(node, entries=entries)


def _tool(name: str, node: Node) -> Node:
    if isinstance(node, Scalar) and node.text == BUILTIN:
        return _keyed(BUILTIN, replace(node, text=name))
    if not isinstance(node, Mapping):
        return node
    short = {key: _line(means)(node.entries[key]) for key, means in TOOL_MEANS.items() if key in node.entries}
    return replace(node, entries={**node.entries, **short})


_FORMS: Final[Table[str, Callable[[Node], Node]]] = {
    **{section: _section(key) for section, key in MEANS.items()},
    **{section: _line(MEANS[section]) for section in ("greeting", "fillers")},
    "asr": _services,
    "llm": _services,
    "tts": _services,
    "realtime": _services,
    "tools": _tools,
}
