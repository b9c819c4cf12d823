"""Layers: a file laid over the one it extends. Lower layers first; what is removed is written `!unset`."""

from collections.abc import Mapping as Table
from dataclasses import replace
from typing import Final

from voicekit.config.document import UNSET, DocumentError, Mapping, Node, Scalar, Sequence
from voicekit.config.includes import Includer
from voicekit.config.shorthand import write_out
from voicekit.config.sources import Sources, beside
from voicekit.config.tool import TOOL_KINDS
from voicekit.problems import Problem

Path = tuple[str, ...]

# The keys by which a section chooses what it is. A mapping that chooses something else replaces what it extends, so
# that no option reaches another provider. "*" is any name; a tool's kind is the key itself, whatever its value.
_CHOICES: Final[Table[Path, tuple[str, ...]]] = {
    ("asr",): ("provider", "class"),
    ("llm",): ("provider", "class"),
    ("tts",): ("provider", "class"),
    ("realtime",): ("provider", "class"),
    ("vad",): ("provider",),
    ("transport",): ("type",),
    ("tools", "*"): TOOL_KINDS,
}
# What a file says of itself only.
_OWN: Final = ("version", "name", "extends")


def layered(file: str, root: Mapping, sources: Sources) -> Mapping:
    """Return a file laid over all that it extends.

    Args:
        file: Its name.
        root: Its tree.
        sources: Where files come from; told what is wrong.

    Raises:
        DocumentError: A file that is extended cannot be read.
    """
    includer = Includer(sources)
    layers = [_included(includer, root, file)]
    trail = [file]
    while "extends" in layers[-1].entries:
        named = layers[-1].entries["extends"]
        file, base = _base(named, trail, sources)
        trail.append(file)
        layers.append(_included(includer, base, file))
    result = replace(layers[-1], entries=dict(layers[-1].entries))
    for upper in reversed(layers[:-1]):
        lower = {key: node for key, node in result.entries.items() if key not in _OWN and not key.startswith("x-")}
        result = lay(write_out(replace(result, entries=lower)), upper)
    entries = {key: node for key, node in result.entries.items() if key != "extends"}
    return replace(result, entries=entries)


def _included(includer: Includer, root: Mapping, file: str) -> Mapping:
    entries = {key: node if key == "extends" else includer.put_in(node, (file,)) for key, node in root.entries.items()}
    return replace(root, entries=entries)


def _base(named: Node, trail: list[str], sources: Sources) -> tuple[str, Mapping]:
    if not isinstance(named, Scalar) or not named.text or named.tag:
        raise DocumentError(
            Problem("wrong-type", "'extends' is the path of one file", named.place, "extends: base.yaml")
        )
    path = beside(trail[-1], named.text)
    if str(path) in trail:
        text = f"'{trail[0]}' extends itself: {' → '.join((*trail, str(path)))}"
        raise DocumentError(Problem("extends-cycle", text, named.place, "remove one 'extends'"))
    base = sources.document(path, named.place)
    if not isinstance(base, Mapping):
        raise DocumentError(Problem("not-a-mapping", f"'{path}' is not a mapping of keys", named.place))
    return str(path), base


def lay(lower: Mapping, upper: Mapping, at: Path = ()) -> Mapping:
    """Return one mapping laid over another: mappings merge key by key, everything else replaces.

    Args:
        lower: What is extended, with its short forms written out.
        upper: What is laid over it.
        at: The path of both.
    """
    entries, keys = dict(lower.entries), dict(lower.keys)
    for key, node in upper.entries.items():
        below = entries.get(key)
        if below is not None and is_unset(node):
            del entries[key], keys[key]
            continue
        entries[key], keys[key] = over(below, node, (*at, key)), upper.keys[key]
    return replace(upper, entries=entries, keys=keys, broken=lower.broken or upper.broken)


def over(below: Node | None, node: Node, path: Path) -> Node:
    """Return what becomes of a value laid over another one at a path."""
    if isinstance(below, Mapping) and isinstance(node, Mapping) and not _replaces(below, node, path):
        return lay(below, node, path)
    return node


def is_unset(node: Node) -> bool:
    """Say whether a value removes its key."""
    return isinstance(node, Scalar) and node.tag == UNSET


def settle(node: Node, problems: list[Problem]) -> Node:
    """Return a finished tree without the `!unset` that found nothing to remove; they are reported."""
    if isinstance(node, Sequence):
        return replace(node, items=tuple(settle(item, problems) for item in node.items if not _useless(item, problems)))
    if isinstance(node, Mapping):
        kept = {key: value for key, value in node.entries.items() if not _useless(value, problems, key)}
        return replace(node, entries={key: settle(value, problems) for key, value in kept.items()})
    return node


def _useless(node: Node, problems: list[Problem], key: str = "") -> bool:
    if not is_unset(node):
        return False
    text = f"there is no '{key}' here to remove" if key else "an item of a list cannot be removed"
    problems.append(Problem("nothing-to-unset", text, node.place, "leave it out"))
    return True


def _replaces(below: Mapping, node: Mapping, path: Path) -> bool:
    if path[:1] == ("tools",) and len(path) == 2:
        kinds = _CHOICES["tools", "*"]
        chosen = node.entries.keys() & kinds
        return bool(chosen) and chosen != below.entries.keys() & kinds
    choices = _CHOICES.get(path, ())
    return any(key in node.entries and _text(node.entries[key]) != _text(below.entries.get(key)) for key in choices)


def _text(node: Node | None) -> str | None:
    return node.text if isinstance(node, Scalar) else None
