"""Overrides: `--set path=value` of the command line, laid over a file as its last layers.

A path is names joined by dots, `[n]` for an item of a list and `"…"` around a name with dots. A value is YAML's flow
style, read by its key as every value is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from voicekit.config.document import DocumentError, Mapping, Node, Scalar, read
from voicekit.config.document import Sequence as List
from voicekit.config.layers import Path, over
from voicekit.config.shorthand import write_out
from voicekit.config.sources import Sources
from voicekit.problems import OVERRIDES, Place, Problem

_STEP: Final = re.compile(r'(?:^|\.)(?:([A-Za-z_][\w-]*)|"([^"]+)")|\[([0-9]{1,4})\]')
# What begins a value that is more than plain words.
_FLOW: Final = frozenset("{[\"'!")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a key, or the position of an item."""

    name: str | int
    place: Place


def overridden(root: Mapping, overrides: Sequence[str], sources: Sources) -> Mapping:
    """Return a file with overrides laid over it, in order. One that cannot be read or placed is reported."""
    sources.overrides(overrides)
    for number, override in enumerate(overrides, 1):
        try:
            path, value = _parsed(override, number, sources)
            lower = write_out(root)
            root = cast("Mapping", over(lower, _upper(lower, path, value, ()), ()))
        except DocumentError as error:
            sources.problems.append(error.problem)
    return root


def _parsed(override: str, number: int, sources: Sources) -> tuple[list[Step], Node]:
    path, equals, text = override.partition("=")
    place = Place(OVERRIDES, number, 1, len(path) + 1)
    path_steps = steps(path, number)
    if not equals:
        raise DocumentError(Problem("bad-override", f"'{path}' is given no value", place, f"--set {path}=VALUE"))
    if not path_steps:
        hint = "names joined by dots, [0] for an item of a list: llm.temperature, llm[1].model"
        raise DocumentError(Problem("bad-override", f"'{path}' is no path of keys", place, hint))
    start = len(path) + 2
    if text[:1] not in _FLOW:
        return path_steps, Scalar(text, True, Place(OVERRIDES, number, start, start + len(text)), text)
    try:
        node, problems = read(text, OVERRIDES)
    except DocumentError as error:
        raise DocumentError(_problem_moved(error.problem, number, start)) from None
    sources.problems += [_problem_moved(problem, number, start) for problem in problems]
    return path_steps, _relocated(node, number, start)


def steps(path: str, number: int = 1) -> list[Step]:
    """Return the steps of a path; none where it is no path.

    Args:
        path: As in `llm[1].model`.
        number: Which override of the command line it belongs to.
    """
    found: list[Step] = []
    at = 0
    while at < len(path) and (match := _STEP.match(path, at)):
        name = match[1] or match[2]
        start = at + match[0].startswith(".")
        place = Place(OVERRIDES, number, start + 1, match.end() + 1)
        found.append(Step(int(match[3]) if name is None else name, place))
        at = match.end()
    return found if at == len(path) and found and isinstance(found[0].name, str) else []


def _upper(below: Node | None, steps: Sequence[Step], value: Node, at: Path) -> Node:
    """Return what is to be laid over a node so that a value comes to the end of a path."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step.name, int):
        if not isinstance(below, List) or step.name >= len(below.items):
            count = len(below.items) if isinstance(below, List) else 0
            text = f"there is no item {step.name}: the list has {count}" if count else "there is no list here"
            raise DocumentError(Problem("bad-override", text, step.place))
        items = list(below.items)
        items[step.name] = over(items[step.name], _upper(items[step.name], rest, value, at), at)
        return replace(below, items=tuple(items))
    inner = below.entries.get(step.name) if isinstance(below, Mapping) else None
    return Mapping({step.name: _upper(inner, rest, value, (*at, step.name))}, {step.name: step.place}, step.place)


def _relocated(node: Node, number: int, start: int) -> Node:
    """Return a value's tree with its places on the command line."""
    place = _moved(node.place, number, start)
    if isinstance(node, List):
        return replace(node, place=place, items=tuple(_relocated(item, number, start) for item in node.items))
    if isinstance(node, Mapping):
        entries = {key: _relocated(value, number, start) for key, value in node.entries.items()}
        keys = {key: _moved(each, number, start) for key, each in node.keys.items()}
        return replace(node, place=place, entries=entries, keys=keys)
    return replace(node, place=place)


def _problem_moved(problem: Problem, number: int, start: int) -> Problem:
    return replace(problem, place=_moved(problem.place, number, start)) if problem.place else problem


def _moved(place: Place, number: int, start: int) -> Place:
    return Place(OVERRIDES, number, place.column + start - 1, place.end + start - 1)
