"""The verb `calls`: what is kept of those who have called."""

import contextlib
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from voicekit.cli.terminal import show
from voicekit.config.files import read_file
from voicekit.config.memory import MOST_DAYS
from voicekit.problems import refuse
from voicekit.records.facts import Facts, facts_path

_FILE = click.argument("path", metavar="FILE", type=click.Path(path_type=Path))


@click.group("calls")
def command() -> None:
    """Show and delete what is kept of those who have called."""


@command.command("remembered")
@_FILE
@click.argument("number")
def remembered(path: Path, number: str) -> None:
    """Show what the agent of FILE has noted of the caller with NUMBER, each with its day."""
    facts = _facts(path)
    with _readable():
        found = facts.of(number)
    for fact in found:
        click.echo(f"{fact.day.isoformat()}  {fact.text}")


@command.command("forget")
@_FILE
@click.argument("number", default="")
@click.option("--all", "everybody", is_flag=True, help="Delete what it has noted of all callers.")
def forget(path: Path, number: str, everybody: bool) -> None:
    """Delete what the agent of FILE has noted of the caller with NUMBER."""
    if bool(number) is everybody:
        raise click.UsageError("give the NUMBER of a caller, or --all")
    facts = _facts(path)
    with _readable():
        count = facts.forget(None if everybody else number)
    click.echo(f"{count} {'note' if count == 1 else 'notes'} deleted")


def _facts(path: Path) -> Facts:
    """Return what the agent of a file has noted. What it keeps no more can still be deleted."""
    loaded = read_file(path)
    if loaded.agent is None:
        show(loaded.problems, loaded.sources)
        sys.exit(1)
    between = loaded.agent.memory.between_calls
    return Facts(facts_path(), loaded.agent.name, between.days if between else MOST_DAYS)


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Refuse where the notes cannot be read or deleted.

    Raises:
        Refused: They cannot.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise refuse("memory-unusable", f"{facts_path()} cannot be used: {error}") from error
