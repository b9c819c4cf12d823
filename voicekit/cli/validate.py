"""The verb `validate`: check files and say everything that is wrong. Needs no key and no SDK."""

import functools
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from voicekit.cli.options import overriding
from voicekit.cli.paths import Selection, select
from voicekit.cli.terminal import has_colour
from voicekit.config.files import read_file, variables_beside
from voicekit.config.loader import Loaded
from voicekit.problems import Problem, Severity
from voicekit.report import FORMATS, Findings, summary
from voicekit.report.columns import visible

if TYPE_CHECKING:
    from voicekit.calls.suite import Suite

# What a person reads as it goes by has a closing line; what a program reads stands alone.
_CLOSED: Final = frozenset({"text", "github"})
_NAMED: Final = 5


@click.command("validate")
@click.argument("paths", metavar="[PATHS]…", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "wanted",
    type=click.Choice(["auto", *FORMATS]),
    default="auto",
    show_default=True,
    help="auto: github in a GitHub workflow, else text.",
)
@click.option("--strict", is_flag=True, help="Let a warning end with 1, as an error does.")
@click.option("--env", "running", is_flag=True, help="Let an unset variable be an error, as it is for `run`.")
@overriding
def command(paths: tuple[Path, ...], wanted: str, strict: bool, running: bool, overrides: tuple[str, ...]) -> None:
    """Check files and say everything that is wrong.

    PATHS are files, folders with *.yaml and *.yml files somewhere below, or - for the standard input; without any it
    is the current folder. In a folder a file without a top-level 'version' is skipped. Needs no key and no package
    of a provider.
    """
    selection = select(paths or (Path(),))
    _tell_skipped(selection.skipped)
    found: list[Loaded | Suite] = [*_check(selection, overrides, running=running), *_check_tests(selection)]
    problems = _print(found, selection, _format(wanted))
    fatal = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    sys.exit(any(problem.severity in fatal for problem in problems))


def _check(selection: Selection, overrides: Sequence[str], *, running: bool) -> list[Loaded]:
    variables_of = functools.cache(variables_beside)
    return [
        read_file(given.path, running=running, overrides=overrides, data=given.data, variables_of=variables_of)
        for given in selection.files
    ]


def _check_tests(selection: Selection) -> "list[Suite]":
    if not selection.tests:
        return []
    from voicekit.calls.suite import read_suite  # noqa: PLC0415 - most checks are of agents

    return [read_suite(given.path, given.data) for given in selection.tests]


def _format(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    return "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"


def _print(found: "Iterable[Loaded | Suite]", selection: Selection, name: str) -> Sequence[Problem]:
    """Print what was found, text to stderr and all else to stdout, and return it."""
    checked: dict[str, Sequence[Problem]] = dict(selection.problems)
    sources: dict[str, str] = {}
    for loaded in found:
        checked[str(loaded.path)] = loaded.problems
        sources |= loaded.sources if loaded.problems else {}
    talks = name == "text"
    coloured = has_colour(sys.stderr)
    findings = Findings(checked, sources, coloured)
    if text := FORMATS[name](findings):
        click.echo(text, err=talks, color=coloured and talks)
    problems = findings.problems
    if name in _CLOSED:
        click.echo(summary(problems, len(selection.files) + len(selection.tests)))
    return problems


def _tell_skipped(paths: Sequence[Path]) -> None:
    if paths:
        count = "1 file" if len(paths) == 1 else f"{len(paths)} files"
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        names = ", ".join(map(str, paths[:_NAMED]))
        click.echo(visible(f"skipped {count} without a top-level 'version': {names}{more}"), err=True)
