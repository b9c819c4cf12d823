"""The verb `validate`: check files and say everything that is wrong. Needs no key and no SDK."""

import sys
from pathlib import Path

import click

from voicekit.cli.files import read_file, show
from voicekit.problems import has_errors
from voicekit.report import summary


@click.command("validate")
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
def command(paths: tuple[Path, ...]) -> None:
    """Check files and say everything that is wrong."""
    found = [read_file(path, running=False) for path in paths]
    for loaded in found:
        show(loaded.problems, loaded.sources)
    problems = [problem for loaded in found for problem in loaded.problems]
    click.echo(summary(problems, len(found)))
    sys.exit(1 if has_errors(problems) else 0)
