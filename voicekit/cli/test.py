"""The verb `test`: hold the scenarios of FILE.test.yaml with the agent of FILE.yaml, on emulators and with no key."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from voicekit.calls.beside import SUFFIX, tests_of
from voicekit.calls.outcome import Outcome
from voicekit.calls.stage import stage_variables
from voicekit.calls.suite import Suite, read_suite
from voicekit.cli.outcomes import as_json, as_junit, as_line, closing, details
from voicekit.cli.paths import select
from voicekit.cli.terminal import has_colour, show
from voicekit.config.files import read_file, variables_beside
from voicekit.config.loader import Loaded
from voicekit.problems import Problem, Refused, Severity, has_errors, refuse

JOBS: Final = 4


@click.command("test")
@click.argument("paths", metavar="[FILES]…", nargs=-1, type=click.Path(path_type=Path))
@click.option("-k", "--scenario", "wanted", metavar="TEXT", default="", help="Only scenarios with TEXT in their names.")
@click.option("-j", "--jobs", type=click.IntRange(1, 64), default=JOBS, show_default=True, help="How many at a time.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--junit-xml", type=click.Path(path_type=Path, dir_okay=False), help="Also write JUnit's XML there.")
@click.option(
    "--record", type=click.Path(path_type=Path, file_okay=False), help="Keep the sound of spoken scenarios there."
)
def command(  # noqa: PLR0917 - click names them
    paths: tuple[Path, ...], wanted: str, jobs: int, form: str, junit_xml: Path | None, record: Path | None
) -> None:
    """Hold the scenarios of FILE.test.yaml with the agent of FILE.yaml.

    FILES are agents, their files of tests, or folders; without any it is the current folder. The providers are
    emulated on this machine, and tools answer with their 'mock': nothing leaves it, and no key is needed. The sound of
    a spoken scenario that failed is kept, and its place is told.
    """
    suites, loaded = _suites(paths or (Path(),))
    began = time.monotonic()
    folder = record or Path(tempfile.mkdtemp(prefix="voicekit-test-"))
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = _held(suites, loaded, wanted, folder, jobs, loud=form == "text")
    if record is None:
        _tidy(outcomes, folder)
    if form == "json":
        click.echo(as_json(outcomes))
    else:
        click.echo(closing(outcomes, time.monotonic() - began))
    if junit_xml:
        junit_xml.write_text(as_junit(outcomes) + "\n", encoding="utf-8")
    sys.exit(not all(outcome.passed for outcome in outcomes))


def _suites(paths: Sequence[Path]) -> tuple[list[Suite], dict[Path, Loaded]]:
    """Return the files of tests that arguments stand for, with their agents.

    Raises:
        Refused: There is none, or something is wrong with one of them.
    """
    selection = select(paths)
    problems = [problem for found in selection.problems.values() for problem in found]
    named = [given.path for given in selection.tests]
    for path in (each.path for each in selection.files):
        if tests_of(path).exists():
            named.append(tests_of(path))
        elif path in paths and not path.exists():
            problems.append(Problem("no-file", f"there is no file '{path}'"))
        elif path in paths:
            text = f"there are no tests beside '{path}'"
            problems.append(Problem("no-tests", text, help=f"write them into {tests_of(path)}"))
    if problems:
        raise Refused(problems)
    if not named:
        raise refuse("no-tests", "there is no *.test.yaml beside an agent here", "voicekit test --help")
    suites = [read_suite(path) for path in dict.fromkeys(named)]
    loaded = {suite.agent: _loaded(suite.agent) for suite in suites}
    read: list[Suite | Loaded] = [*suites, *loaded.values()]
    wrong = [one for one in read if has_errors(one.problems)]
    for one in wrong:
        show([problem for problem in one.problems if problem.severity is Severity.ERROR], one.sources)
    if wrong:
        sys.exit(1)
    return suites, loaded


def _loaded(path: Path) -> Loaded:
    return read_file(path, variables_of=lambda folder: stage_variables(variables_beside(folder)))


def _held(
    suites: Sequence[Suite], loaded: Mapping[Path, Loaded], wanted: str, folder: Path, jobs: int, *, loud: bool
) -> list[Outcome]:
    # Pipecat takes seconds to import, and logs a banner and every prompt unless told not to.
    os.environ.setdefault("LOGURU_AUTOINIT", "0")
    from voicekit.calls.trial import Trial, hold_all  # noqa: PLC0415

    trials = [
        Trial(
            suite,
            index,
            agent,
            loaded[suite.agent].sources,
            folder / f"{suite.path.name.removesuffix(SUFFIX)}-{index + 1}.wav",
        )
        for suite in suites
        if (agent := loaded[suite.agent].agent) is not None
        for index, scenario in enumerate(suite.scenarios)
        if wanted.lower() in scenario.name.lower()
    ]
    if not trials:
        raise refuse("no-scenario", f"no scenario has '{wanted}' in its name")
    coloured = has_colour(sys.stdout)

    def tell(outcome: Outcome) -> None:
        if loud:
            click.echo(as_line(outcome))
            if not outcome.passed:
                click.echo(details(outcome, colour=coloured), color=coloured)

    return asyncio.run(hold_all(trials, jobs, tell))


def _tidy(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Remove the sound of what passed: nobody asked to keep it."""
    for outcome in outcomes:
        if outcome.passed and outcome.recording:
            outcome.recording.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
