"""Sources: the files that one load reads, and the folder none of them may lie outside of."""

import os
import re
from pathlib import Path
from typing import Final

from voicekit.config.document import MAX_BYTES, DocumentError, Node, read
from voicekit.config.scalars import printable
from voicekit.problems import Place, Problem

# How many values, and how much text, the includes of one file may bring in all.
MAX_INCLUDED: Final = 1000
MAX_TEXT: Final = 8 * MAX_BYTES

# What is never printed, whether or not the catalogue knows it: what stands before it, and the secret.
_SECRETS: Final = (
    re.compile(
        r"""(?im)([\w-]*(?:key|secret|token|password|credentials?|authorization)["']?[ \t]*[:=][ \t]*)(\S[^,}\n]*)"""
    ),
    re.compile(r"(?i)(\bbearer[ \t]+)([^\s,}\"']+)"),
    re.compile(r"(://[^/\s:@]+:)([^@\s/]+)(?=@)"),
)
_REFERENCE: Final = re.compile(r"""["']?(bearer )?\$\{\w+(:\?[^}]*)?\}["']?\s*""", re.IGNORECASE)
# What marks the folder of a project.
_MARKS: Final = (".git", "pyproject.toml")


class Sources:
    """The files of one load.

    Args:
        first: The file that was asked for. Places name every file relative to where it is named.
        data: What is in it, where that comes from elsewhere.

    Attributes:
        texts: The text of each file that was read, without secrets, for printing problems.
        problems: What is wrong in them and did not keep them from being read.
    """

    def __init__(self, first: Path, data: bytes | None = None) -> None:
        self.texts: dict[str, str] = {}
        self.problems: list[Problem] = []
        self._folder = _project(first.absolute().parent)
        self._given = {} if data is None else {str(first): data}
        self._read: dict[str, str] = {}
        self._documents: dict[str, Node] = {}
        self._named = 0
        self._size = 0

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
            self.texts[name] = without_secrets(text)
            self._documents[name], problems = read(text, name)
            self.problems += problems
        return self._documents[name]

    def text(self, path: Path, place: Place | None = None) -> str:
        """Return the text of a file, as `document` does its tree."""
        name = str(path)
        if place is not None:
            self._check(path, place)
        if name not in self._read:
            self._read[name] = _decoded(self._given[name], path) if name in self._given else _text(path, place)
            self._size += len(self._read[name])
            if self._size > MAX_TEXT:
                raise DocumentError(Problem("too-large", "the included files are larger than 8 MiB", place))
        return self._read[name]

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


def _text(path: Path, place: Place | None) -> str:
    name = str(path)
    try:
        # A pipe is fine where a person names it; where a file does, nobody may ever write to it.
        if place is not None and path.exists() and not path.is_file() and not path.is_dir():
            raise DocumentError(Problem("no-file", f"'{name}' is not a file", place))
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise DocumentError(Problem("no-file", f"there is no file '{name}'", place)) from None
    except IsADirectoryError:
        raise DocumentError(Problem("no-file", f"'{name}' is a folder, not a file", place)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DocumentError(Problem("no-file", f"'{printable(name)}' cannot be read: {reason}", place)) from None
    return _decoded(content, path)


def _decoded(content: bytes, path: Path) -> str:
    if len(content) > MAX_BYTES:
        raise DocumentError(Problem("too-large", "the file is larger than 1 MiB", Place(str(path))))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = f"the file is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}"
        raise DocumentError(Problem("not-utf8", text, Place(str(path)))) from None


def without_secrets(text: str) -> str:
    """Return the text with whatever looks like a secret blacked out: a problem prints the line it stands on."""
    for secret in _SECRETS:
        text = secret.sub(_blacked_out, text)
    return text


def _blacked_out(match: re.Match[str]) -> str:
    before, secret = match[1], match[2]
    return match[0] if _REFERENCE.fullmatch(secret) else before + re.sub(r"\S", "*", secret)
