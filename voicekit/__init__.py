"""voicekit: one YAML file is a voice agent.

    loaded = voicekit.load("agent.yaml")
    loaded.agent     # the checked agent, or None
    loaded.problems  # everything that is wrong

Importing this costs nothing: what reads files is imported when the first one is read.
"""

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicekit.config.loader import Loaded

__all__ = ["load"]


def load(path: str | PathLike[str], *, variables: Mapping[str, str] | None = None, env: bool = False) -> "Loaded":
    """Read and check one file. Needs no key and no provider's package, and never imports Pipecat.

    Args:
        path: The file; the places of problems name it as it is written here.
        variables: What `${NAME}` and the providers' usual keys are read from. Absent: the environment, and the
            `.env` beside the file for what the environment does not set.
        env: Whether an unset variable is an error, as it is when the file runs; else it is a warning.

    Returns:
        What became of it: `agent` is None where an error keeps it from running; `problems` are in no order, and
        `voicekit.report.render(loaded.problems, loaded.sources)` prints them. A file that cannot be read is a
        problem too, and nothing is raised for it.
    """
    from pathlib import Path  # noqa: PLC0415 - see above

    from voicekit.config.files import read_file, variables_beside  # noqa: PLC0415

    return read_file(
        Path(path), running=env, variables_of=variables_beside if variables is None else lambda folder: variables
    )
