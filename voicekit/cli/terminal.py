"""Terminal: how the verbs print what is wrong."""

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

import click

from voicekit.problems import Problem
from voicekit.report import render


def show(problems: Iterable[Problem], sources: Mapping[str, str]) -> None:
    """Print what is wrong to stderr; nothing is printed where nothing is."""
    coloured = has_colour(sys.stderr)
    if text := render(problems, sources, colour=coloured):
        click.echo(text, err=True, color=coloured)


def has_colour(stream: TextIO) -> bool:
    """Say whether to write colours: on a terminal, unless NO_COLOR (https://no-color.org) or FORCE_COLOR decides."""
    if os.environ.get("NO_COLOR"):
        return False
    if forced := os.environ.get("FORCE_COLOR"):
        return forced != "0"
    return stream.isatty() and os.environ.get("TERM") != "dumb"
