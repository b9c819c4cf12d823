"""The verb `explain`: a file as it will run, each value with where it came from, and the pipeline it becomes."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from voicekit.cli.drawing import drawn
from voicekit.cli.options import overriding
from voicekit.cli.terminal import show
from voicekit.config.document import Mapping, Node, Scalar, Sequence
from voicekit.config.files import read_file
from voicekit.config.origins import complete, origin
from voicekit.config.overrides import steps
from voicekit.config.redaction import masked
from voicekit.config.snippet import is_plain
from voicekit.config.suggestions import suggest
from voicekit.problems import Refused, refuse

# Where the origins stand, if the values leave room.
_COLUMN: Final = 48

Line = tuple[str, str]
"""A line of YAML, and the origin of its value."""


@click.command("explain")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("key", metavar="[KEY]", default="")
@overriding
def command(path: Path, key: str, overrides: tuple[str, ...]) -> None:
    """Show FILE as it will run, with the origin of each value.

    KEY shows a part of it: turn, llm[1].model. What is printed is a voicekit file itself: with everything it extends
    and includes in it, every default written out, and secrets by the names of their variables.
    """
    loaded = read_file(path, running=False, overrides=overrides)
    show(loaded.problems, loaded.sources)
    if loaded.agent is None or loaded.tree is None:
        sys.exit(1)
    tree = complete(loaded.agent, loaded.tree)
    if key:
        click.echo(_page(_lines(_part(tree, key), "")))
        return
    click.echo(_page(_lines(tree, "")))
    click.echo("\n".join(f"# {line}".rstrip() for line in ("", *drawn(loaded.agent))))


def _part(tree: Node, key: str) -> Node:
    """Return the part of a tree at a path, under its own name.

    Raises:
        Refused: Nothing is there.
    """
    node = tree
    path = steps(key)
    if not path:
        raise refuse(
            "bad-path", f"'{key}' is no path of keys", "names joined by dots, [0] for an item of a list: llm[1].model"
        )
    for step in path:
        name = step.name
        if isinstance(node, Sequence) and isinstance(name, int) and name < len(node.items):
            node = node.items[name]
        elif isinstance(node, Mapping) and isinstance(name, str) and name in node.entries:
            node = node.entries[name]
        else:
            raise _nothing(key, str(name), node)
    return node


def _nothing(key: str, name: str, node: Node) -> Refused:
    close = suggest(name, node.entries if isinstance(node, Mapping) else ())
    # The schema knows no positions in lists.
    known = re.sub(r"\[[0-9]+\]", "", key)
    return refuse("no-value", f"nothing is at '{key}'", close or f"see voicekit schema {known}")


def _page(lines: Iterator[Line]) -> str:
    """Return lines with their origins in one column."""
    found = list(lines)
    column = max((len(text) for text, where in found if where and len(text) <= _COLUMN), default=0)
    return "\n".join(f"{text:{column}}  # {where}" if where else text for text, where in found)


def _lines(node: Node, indent: str) -> Iterator[Line]:
    if isinstance(node, Scalar):
        yield from _scalar("", node, indent)
    for head, value in _children(node, indent):
        if isinstance(value, Scalar):
            yield from _scalar(head, value, indent)
        elif not (value.entries if isinstance(value, Mapping) else value.items):
            yield f"{head}{'{}' if isinstance(value, Mapping) else '[]'}", origin(value.place)
        elif isinstance(value, Mapping) and head.endswith("- "):
            yield from _item(head, value, indent)
        else:
            yield head.rstrip(), ""
            yield from _lines(value, indent + "  ")


def _children(node: Node, indent: str) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Mapping):
        yield from ((f"{indent}{_key(key)}: ", value) for key, value in node.entries.items())
    elif isinstance(node, Sequence):
        yield from ((f"{indent}- ", value) for value in node.items)


def _item(head: str, value: Mapping, indent: str) -> Iterator[Line]:
    """Yield a mapping in a list: its first key stands behind the dash."""
    for number, (text, where) in enumerate(_lines(value, indent + "  ")):
        yield (text if number else head + text[len(head) :]), where


def _scalar(head: str, node: Scalar, indent: str) -> Iterator[Line]:
    text = node.text.replace("$", "$$") if node.verbatim else node.text
    text = masked(text)
    where = origin(node.place)
    if _is_block(text):
        mark = "|" if text.endswith("\n") else "|-"
        yield f"{head}{mark}", where
        yield from ((f"{indent}  {line}".rstrip(), "") for line in text.rstrip("\n").split("\n"))
    else:
        yield f"{head}{text if node.plain and is_plain(text) else json.dumps(text, ensure_ascii=False)}", where


def _is_block(text: str) -> bool:
    """Say whether a text of several lines can stand as such."""
    return "\n" in text and not text.startswith((" ", "\n")) and not text.endswith("\n\n") and _is_printable(text)


def _is_printable(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


def _key(key: str) -> str:
    return key if is_plain(key) and ":" not in key else json.dumps(key, ensure_ascii=False)
