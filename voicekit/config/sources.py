"""Sources: the files that one load reads, and the folder none of them may lie outside of."""

import os
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from voicekit.config.characters import not_utf8
from voicekit.config.document import MAX_BYTES, DocumentError, Node, read
from voicekit.config.redaction import redacted
from voicekit.problems import OVERRIDES, Place, Problem

# How many values, and how much text, the includes of one file may bring in all.
MAX_INCLUDED: Final = 1000
MAX_TEXT: Final = 8 * MAX_BYTES

# What marks the folder of a project.
_MARKS: Final = (".git", "pyproject.toml")


class Sources(Mapping[str, str]):
    """The files of one load. As a mapping: the text of each by its name, without secrets, for printing problems.

    Args:
        first: The file that was asked for. Places name every file relative to where it is named.
        data: What is in it, where that comes from elsewhere.

    Attributes:
        problems: What is wrong in them and did not keep them from being read.
    """

    def __init__(self, first: Path, data: bytes | None = None) -> None:
        self.problems: list[Problem] = []
        self._folder = _project(first.absolute().parent)
        self._data: dict[str, bytes] = {} if data is None else {str(first): data}
        self._command_line: tuple[str, ...] = ()
        self._documents: dict[str, Node] = {}
        self._named = 0
        self._size = 0

    def __getitem__(self, file: str) -> str:
        if file == OVERRIDES:
            # As in a file a key and its value; the lines keep their lengths.
            lines = [redacted(line.replace("=", ":", 1)) for line in self._command_line]
            return "\n".join(line.replace(":", "=", 1) for line in lines)
        return redacted(self._data[file].decode("utf-8-sig", "replace"))

    def __iter__(self) -> Iterator[str]:
        return iter((*self._data, OVERRIDES))

    def __len__(self) -> int:
        return len(self._data) + 1

    def overrides(self, overrides: Sequence[str]) -> None:
        """Take the overrides of the command line as one more text, a line each."""
        self._command_line = tuple(overrides)

    def document(self, path: Path, place: Place | None = None) -> Node:
        """Return the tree of a file; a file is read once, however often it is named.

        Args:
            path: The file.
            place: Where it is named, if that is in another file.

        Raises:
            DocumentError: It cannot be read, is no YAML, or lies outside the project's folder.
        """
        name = str(path)
        text = self.text(path, place)
        if name not in self._documents:
            self._documents[name], problems = read(text, name)
            self.problems += problems
        return self._documents[name]

    def text(self, path: Path, place: Place | None = None) -> str:
        """Return the text of a file, as `document` does its tree."""
        name = str(path)
        if place is not None:
            self._check(path, place)
        if name not in self._data:
            self._data[name] = _bytes(path, place)
            self._size += len(self._data[name])
            if self._size > MAX_TEXT:
                raise DocumentError(Problem("too-large", "the included files are larger than 8 MiB", place))
        return _decoded(self._data[name], name)

    def _check(self, path: Path, place: Place) -> None:
        self._named += 1
        if self._named > MAX_INCLUDED:
            text = f"more than {MAX_INCLUDED} files are included"
            raise DocumentError(Problem("too-large", text, place))
        if not Path(os.path.realpath(path)).is_relative_to(self._folder):
            text = f"'{path}' lies outside the project's folder"
            raise DocumentError(Problem("outside-project", text, place, "move it inside, or copy what is needed"))


def beside(file: str, written: str) -> Path:
    """Return the path that a file means by a relative one."""
    return Path(os.path.normpath(Path(file).parent / written))


def _project(folder: Path) -> Path:
    """Return the nearest folder upwards that is a project's, or the folder itself."""
    real = Path(os.path.realpath(folder))
    return next((each for each in (real, *real.parents) if any((each / mark).exists() for mark in _MARKS)), real)


def _bytes(path: Path, place: Place | None) -> bytes:
    """Return what a file holds, and of one that is too large no more than shows it."""
    name = str(path)
    try:
        # A pipe is fine where a person names it; where a file does, nobody may ever write to it.
        if place is not None and path.exists() and not path.is_file() and not path.is_dir():
            raise DocumentError(Problem("no-file", f"'{name}' is not a file", place))
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + len(BOM_UTF8) + 1)
    except FileNotFoundError:
        raise DocumentError(Problem("no-file", f"there is no file '{name}'", place)) from None
    except IsADirectoryError:
        raise DocumentError(Problem("no-file", f"'{name}' is a folder, not a file", place)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DocumentError(Problem("no-file", f"'{name}' cannot be read: {reason}", place)) from None


def _decoded(data: bytes, name: str) -> str:
    too_large = len(data.removeprefix(BOM_UTF8)) > MAX_BYTES
    try:
        # What is cut off is no reason to doubt what is there.
        text = data.decode("utf-8-sig", "replace" if too_large else "strict")
    except UnicodeDecodeError as error:
        raise DocumentError(not_utf8(error, name)) from None
    if too_large:
        raise DocumentError(Problem("too-large", "the file is larger than 1 MiB", Place(name)))
    return text
