"""Bench: `python -m voicekit.calls.bench_validate` measures `voicekit validate`, beside its libraries and its peers.

One file as a whole process, as a multiple of importing the libraries it stands on; and five hundred generated files
with different providers on one core, beside yamllint and check-jsonschema on the same files.
"""

import itertools
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from voicekit.config.snippet import Choice, section
from voicekit.providers.catalog import Kind, Provider, catalog

STARTS: Final = 15
FILES: Final = 500
IMPORTS: Final = "import click, yaml, pydantic"
# Pydantic imports itself when the first model is made.
MODEL: Final = f"{IMPORTS}\nclass One(pydantic.BaseModel):\n    key: int = 0"
ROOT: Final = Path(__file__).parent.parent.parent
SCHEMA: Final = ROOT / "voicekit" / "config" / "schema.json"
PEERS: Final = ("yamllint==1.38.0", "check-jsonschema==0.38.2")


def main() -> None:
    """Measure and print."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    _measure_one()
    with tempfile.TemporaryDirectory() as folder:
        agents = Path(folder) / "agents"
        agents.mkdir()
        written = write_agents(agents)
        _measure_many(agents, written, Path(folder))


def write_agents(folder: Path) -> int:
    """Write the generated files, no two with the same three providers; return how many there are."""
    mixes = itertools.product(*(_providers(kind) for kind in ("asr", "llm", "tts")))
    every = math.prod(len(_providers(kind)) for kind in ("asr", "llm", "tts")) // FILES
    for number, mix in enumerate(itertools.islice(mixes, 0, FILES * every, every)):
        sections = "".join(section(Choice(provider)) for provider in mix)
        text = f"version: 1\nname: agent-{number}\nprompt: Be kind.\ngreeting: Hello, this is {number}.\n{sections}"
        (folder / f"{number:03}.yaml").write_text(text, encoding="utf-8")
    return FILES


def _providers(kind: Kind) -> list[Provider]:
    return [each for each in catalog().providers() if each.kind == kind and each.name != "rules"]


def _measure_one() -> None:
    commands = {
        "libraries": [sys.executable, "-c", IMPORTS],
        "one pydantic model": [sys.executable, "-c", MODEL],
        "--help": [sys.executable, "-m", "voicekit", "--help"],
        "validate local.yaml": [sys.executable, "-m", "voicekit", "validate", str(ROOT / "pipelines" / "local.yaml")],
        "validate streaming.yaml": [
            sys.executable,
            "-m",
            "voicekit",
            "validate",
            str(ROOT / "pipelines" / "streaming.yaml"),
        ],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(STARTS):
        for name, command in commands.items():
            taken[name].append(_timed(command))
    base = statistics.median(taken.pop("libraries"))
    click.echo(f"{'libraries':24} {base:.2f} s  python -c '{IMPORTS}'")
    for name, times in taken.items():
        middle = statistics.median(times)
        click.echo(f"{name:24} {middle:.2f} s, {middle / base:.2f} x the libraries")


def _measure_many(agents: Path, count: int, folder: Path) -> None:
    names = [str(path) for path in sorted(agents.iterdir())]
    commands = {"voicekit validate": [sys.executable, "-m", "voicekit", "validate", *names]}
    if tools := _peers(folder):
        commands["yamllint"] = [str(tools / "yamllint"), "-d", "relaxed", *names]
        commands["check-jsonschema"] = [str(tools / "check-jsonschema"), "--schemafile", str(SCHEMA), *names]
    for name, command in commands.items():
        times = [_timed(command) for _ in range(3)]
        click.echo(f"{name:24} {statistics.median(times):.2f} s for {count} files, on one core")


def _peers(folder: Path) -> Path | None:
    """Install the peers beside the files; None, with a word, where that cannot be done."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        click.echo("the peers are left out: uv is not here", err=True)
        return None
    place = folder / "peers"
    install = [uv, "pip", "install", "--quiet", "--python", str(place / "bin" / "python"), *PEERS]
    for command in ([uv, "venv", "--quiet", str(place)], install):
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own commands
            click.echo("the peers are left out: they cannot be installed", err=True)
            return None
    return place / "bin"


def _timed(command: Sequence[str]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603 - our own commands
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
