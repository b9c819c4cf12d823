"""Files: how the verbs read what they are given."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from dotenv import dotenv_values

from voicekit.config.loader import Loaded, load
from voicekit.problems import Problem, refuse
from voicekit.report import render

overriding = click.option(
    "--set", "overrides", metavar="PATH=VALUE", multiple=True, help="Lay a value over the file: llm.temperature=0.2."
)
"""The option of every verb that reads one agent."""


def read_file(path: Path, *, running: bool, overrides: Sequence[str] = ()) -> Loaded:
    """Read and check a file, with the environment and the `.env` beside it."""
    return load(path, variables(path.parent), running=running, overrides=overrides)


def variables(folder: Path) -> Mapping[str, str]:
    """Return the environment over the `.env` of a folder: a file never overrides what is set."""
    path = folder / ".env"
    try:
        written = dotenv_values(path, interpolate=False) if path.is_file() else {}
    except UnicodeDecodeError as error:
        raise refuse("not-utf8", f"'{path}' is not UTF-8") from error
    return {name: value for name, value in written.items() if value is not None} | dict(os.environ)


def show(problems: Sequence[Problem], sources: Mapping[str, str]) -> None:
    """Print what is wrong with a file."""
    if problems:
        click.echo(render(problems, sources, colour=sys.stderr.isatty()), err=True)
