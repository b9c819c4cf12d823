"""Paths: which files the arguments of a verb stand for."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from voicekit.calls.beside import SUFFIX
from voicekit.config.document import MAX_BYTES
from voicekit.problems import Problem

# The argument that stands for the standard input, and what places call it.
_DASH: Final = Path("-")
_STDIN: Final = Path("<stdin>")

# Told by a glance at the text, because a file that is no YAML has to be checked too. In a block mapping nothing but
# a top-level key begins a line; in one written as JSON a brace stands before its first.
_VERSION: Final = re.compile(rb"""^(?:\xef\xbb\xbf)?(?:\{\s*)?["']?version["']?[ \t]*:""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Given:
    """A file to check, and what is in it where that has been read."""

    path: Path
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What the arguments stand for.

    Attributes:
        files: The agents to check, each once.
        tests: Files of tests, which have a form of their own.
        skipped: Files of a folder that are no agents: bases, included files, and what belongs to other programs.
        problems: What is wrong with an argument itself, by its name.
    """

    files: list[Given] = field(default_factory=list)
    tests: list[Given] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    problems: dict[str, list[Problem]] = field(default_factory=dict)


def select(paths: Iterable[Path]) -> Selection:
    """Return the files that arguments stand for: a file, `-`, or a folder with every `*.yaml` and `*.yml` below it.

    In a folder, what is hidden is left out, and so is a file without a top-level `version`. A file that is named is
    always taken, whether or not it exists.
    """
    selection = Selection()
    seen: set[str] = set()
    folders = []
    for path in paths:
        if path.is_dir():
            folders.append(path)
        elif _is_new(path, seen):
            given = Given(_STDIN, sys.stdin.buffer.read()) if path == _DASH else Given(path)
            (selection.tests if path.name.endswith(SUFFIX) else selection.files).append(given)
    for folder in folders:
        _take_folder(folder, selection, seen)
    return selection


def _is_new(path: Path, seen: set[str]) -> bool:
    real = os.path.realpath(path)
    new = real not in seen
    seen.add(real)
    return new


def _take_folder(folder: Path, selection: Selection, seen: set[str]) -> None:
    unreadable: list[OSError] = []
    paths = sorted(_below(folder, unreadable))
    found = False
    for path in paths:
        data = _read(path)
        if path.name.endswith(SUFFIX):
            selection.tests.extend([Given(path, data)] if _is_new(path, seen) else [])
            continue
        is_agent = data is None or bool(_VERSION.search(data))
        found = found or is_agent
        if not _is_new(path, seen):
            continue
        if is_agent:
            selection.files.append(Given(path, data))
        else:
            selection.skipped.append(path)
    problems = [Problem("no-file", f"'{error.filename}' cannot be read: {error.strerror}") for error in unreadable]
    if not found and not problems:
        problems.append(_empty(folder, holds_files=bool(paths)))
    if problems:
        selection.problems[str(folder)] = problems


def _below(folder: Path, unreadable: list[OSError]) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        named = (Path(root, name) for name in files if not name.startswith(".") and name.endswith((".yaml", ".yml")))
        yield from (path for path in named if path.is_file() or path.is_symlink())


def _read(path: Path) -> bytes | None:
    """Return what is in a file, or None where it cannot be read: the check will say why."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError:
        return None


def _empty(folder: Path, *, holds_files: bool) -> Problem:
    if holds_files:
        text = f"there is no agent in '{folder}': no YAML file below it has a top-level 'version'"
        return Problem("empty-folder", text, help="name a file to have it checked all the same")
    text = f"there is no *.yaml or *.yml file in '{folder}'"
    return Problem("empty-folder", text, help="name a file, or the folder that your agents are in")
