"""Messages: errors of pydantic as problems with places. The text of a wrong value is written here once."""

import inspect
import re
import typing
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Facts
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from voicekit.config.document import Mapping, Node, Scalar, Sequence
from voicekit.config.scalars import shown
from voicekit.config.suggestions import listed, suggest
from voicekit.problems import Place, Problem

Path = tuple[str | int, ...]

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "sec": 1.0, "secs": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
# What pydantic puts at the end of a path to a key.
_KEY: Final = "[key]"
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|secs?|m|min|h)")
_SHAPES: Final = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}


def plain(node: Node) -> Any:
    """Return a tree as dicts, lists and `Scalar` leaves: what pydantic takes."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node


def find(root: Node, path: Iterable[str | int]) -> Node:
    """Return the node at a path, or the last one on the way to it."""
    node = root
    for step in path:
        if isinstance(node, Mapping) and step in node.entries:
            node = node.entries[str(step)]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
    return node


def key_place(root: Node, path: Path) -> Place:
    """Return the place of the key that a path ends with, or of the value where there is none."""
    parent = find(root, path[:-1])
    if path and isinstance(parent, Mapping) and path[-1] in parent.keys:
        return parent.keys[str(path[-1])]
    return find(root, path).place


class Places:
    """Where the keys and values of a tree stand, by their paths. What is not there is where its parent is."""

    def __init__(self, root: Node) -> None:
        self._root = root

    def key(self, *path: str | int) -> Place:
        """Return the place of a key."""
        return key_place(self._root, path)

    def value(self, *path: str | int) -> Place:
        """Return the place of a value."""
        return find(self._root, path).place


def translate(error: ValidationError, root: Node, model: type[BaseModel], within: Path = ()) -> Iterator[Problem]:
    """Yield a problem for each error of a validation.

    Args:
        error: What pydantic found.
        root: The tree that was validated.
        model: The model it was validated against.
        within: The path of that tree in the file, for messages.
    """
    items = error.errors(include_url=False)
    meant = {meaning for item in items if item["type"] == "extra_forbidden" for meaning in _meant(item["loc"], model)}
    for item in items:
        path: Path = tuple(item["loc"])
        node = find(root, path)
        if (isinstance(node, Mapping) and node.broken) or (isinstance(node, Scalar) and not node.known):
            continue
        kind, facts = item["type"], item.get("ctx", {})
        section = _section(within + path[:-1])
        key = str(path[-1]) if path else _section(within)
        if kind == "extra_forbidden":
            yield unknown_key(key, section, _keys(model, path[:-1]), key_place(root, path))
        elif key == _KEY:
            text = f"'{path[-2]}' cannot be a name here"
            yield Problem(kind, text, key_place(root, path[:-1]), f"it takes {facts['form']}")
        elif kind == "missing":
            # A misspelt key is one mistake: it is told where it stands.
            if path not in meant and path[-1] not in getattr(node, "entries", ()) and node is find(root, path[:-1]):
                yield Problem("missing-key", f"'{key}' is missing{_in(section)}", node.place)
        else:
            yield wrong_value(kind, facts, _named(path) or key, node)


def _meant(path: Path, model: type[BaseModel]) -> Iterator[Path]:
    """Yield the path of the key that an unknown key was meant to be."""
    choices = list(_keys(model, path[:-1]))
    yield from ((*path[:-1], choice) for choice in choices if f"'{choice}'" in suggest(str(path[-1]), choices))


def wrong_value(kind: str, facts: Facts[str, Any], key: str, node: Node) -> Problem:
    """Return the problem for one value that its key cannot take.

    Args:
        kind: The type of the error, pydantic's or ours.
        facts: What the error says of itself.
        key: The key, as the message names it.
        node: The value.
    """
    found = shown(node)
    if isinstance(node, Scalar) and node.plain and not node.text:
        kind = "no-value"
    if kind in _SHAPES:
        kind, facts = "wrong-type", {"wanted": _SHAPES[kind], "found": found}
    if kind == "wrong-type":
        text = f"'{key}' is {facts['wanted']}, not {facts['found']}"
        return Problem("wrong-type", text, node.place, _duration(key, node))
    if kind == "no-value":
        return Problem("no-value", f"'{key}' has no value", node.place, "give it one, or remove the line")
    if kind == "empty-list":
        return Problem("empty-list", f"'{key}' is an empty list", node.place, "give it an item, or remove the line")
    if kind == "out-of-range":
        return _out_of_range(key, facts, node)
    if kind == "wrong-form":
        return Problem("wrong-form", f"'{key}' cannot be {found}", node.place, f"it takes {facts['form']}")
    if kind in ("literal_error", "unknown-choice"):
        choices = facts.get("choices") or re.findall(r"'([^']*)'", facts.get("expected", ""))
        text = f"'{key}' cannot be {found}"
        return Problem("unknown-choice", text, node.place, suggest(found.strip("'"), choices) or listed(choices))
    if kind in _OWN:
        return _OWN[kind](key, facts, node)
    return Problem("wrong-value", f"'{key}' cannot be {found}", node.place)


def unknown_key(key: str, section: str, choices: Iterable[str], place: Place | None) -> Problem:
    """Return the problem for a key that means nothing in its section."""
    return Problem("unknown-key", f"no key '{key}'{_in(section)}", place, suggest(key, choices))


def _phrase(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    place = node.place
    # Inside quotes an escape shifts the columns, so only a plain value is pointed into.
    if isinstance(node, Scalar) and node.plain and len(node.text) == place.end - place.column:
        start = place.column + int(facts["start"])
        place = Place(place.file, place.line, start, max(start + 1, place.column + int(facts["end"])))
    return Problem("bad-phrase", f"'{key}' cannot be read: {facts['reason']}", place)


def _placeholder(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    text = f"'{key}' has a placeholder that cannot be read: {facts['reason']}"
    return Problem("bad-placeholder", text, node.place, r"write {{name}}, {{name:-words}}, or \{{ for the signs")


def _tool_kind(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    text = f"the tool '{key}' is exactly one of 'builtin' and 'python'"
    return Problem("tool-kind", text, node.place, f"{key}: builtin, or python: module:function")


_OWN: Final = {
    "bad-phrase": _phrase,
    "bad-placeholder": _placeholder,
    "tool-kind": _tool_kind,
}


def _out_of_range(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    value, low, high = facts["value"], facts["low"], facts["high"]
    if low == high:
        return Problem("out-of-range", f"'{key}' can only be {_number(low)}, not {_number(value)}", node.place)
    text = f"{key}: {_number(value)} is outside {_number(low)} to {_number(high)}"
    hint = ""
    if key.endswith("_ms") and low <= value * 1000 <= high:
        hint = f"did you mean seconds? {key}: {_number(value * 1000)}"
    elif key.endswith("_secs") and low <= value / 1000 <= high:
        hint = f"did you mean milliseconds? {key}: {_number(value / 1000)}"
    return Problem("out-of-range", text, node.place, hint)


def _duration(key: str, node: Node) -> str:
    """Return the number that a text such as `10m` means for a key whose name has a unit."""
    match = _DURATION.fullmatch(node.text) if isinstance(node, Scalar) else None
    unit = 0.001 if key.endswith("_ms") else 1.0 if key.endswith("_secs") else 0.0
    if match is None or not unit:
        return ""
    return f"{key}: {_number(round(float(match[1]) * _SECONDS[match[2]] / unit, 3))}"


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else str(int(value))


def _section(path: Path) -> str:
    return ".".join(str(step) for step in path if isinstance(step, str) and step != _KEY)


def _in(section: str) -> str:
    return f" in {section}" if section else ""


def _named(path: Path) -> str:
    """Return the last name of a path: an item of a list is named by its list."""
    names = [step for step in path if isinstance(step, str) and step != _KEY]
    return names[-1] if names else ""


def _keys(model: type[BaseModel], path: Path) -> Iterable[str]:
    """Return the keys of the section at a path, walking the annotations of the models."""
    annotation: Any = model
    for step in path:
        found = _model(annotation)
        if found is not None and isinstance(step, str) and step in found.model_fields:
            annotation = found.model_fields[step].annotation
    found = _model(annotation)
    return [field.alias or name for name, field in found.model_fields.items()] if found else ()


def _model(annotation: Any) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in typing.get_args(annotation) if (model := _model(part))), None)
