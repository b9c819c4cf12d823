"""Files: how a file is read together with the environment and the `.env` beside it."""

import os
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Variables
from pathlib import Path

from voicekit.config.loader import Loaded, load
from voicekit.problems import Refused, refuse


def variables_beside(folder: Path) -> Variables[str, str]:
    """Return the environment over the `.env` of a folder: a file never overrides what is set.

    Raises:
        Refused: There is a `.env` and it cannot be read.
    """
    path = folder / ".env"
    try:
        written = _written(path) if path.is_file() else {}
    except UnicodeDecodeError as error:
        raise refuse("not-utf8", f"'{path}' is not UTF-8") from error
    except OSError as error:
        raise refuse("no-file", f"'{path}' cannot be read: {error.strerror}") from error
    return written | dict(os.environ)


def _written(path: Path) -> dict[str, str]:
    # Most files have no `.env` beside them, and the package takes longer to import than a file to check.
    from dotenv import dotenv_values  # noqa: PLC0415

    return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}


def read_file(
    path: Path,
    *,
    running: bool = False,
    overrides: Sequence[str] = (),
    data: bytes | None = None,
    variables_of: Callable[[Path], Variables[str, str]] = variables_beside,
) -> Loaded:
    """Read and check a file with the variables of its folder; those that cannot be read are a problem of the file.

    Args:
        path: The file.
        running: Whether it is about to run: an unset variable is then an error, else a warning.
        overrides: `path=value` each, laid over the file in order.
        data: What is in the file, where that has been read already or comes from elsewhere.
        variables_of: Returns the variables for a folder; may raise `Refused`.
    """
    try:
        variables = variables_of(path.parent)
    except Refused as refused:
        return Loaded(path, None, refused.problems, {})
    return load(path, variables, running=running, overrides=overrides, data=data)
