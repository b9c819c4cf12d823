"""The verb `new`: write a file to begin with. It validates, whatever providers are named."""

import contextlib
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from voicekit.config.agent import Agent
from voicekit.config.document import Scalar
from voicekit.config.environment import Expansion
from voicekit.config.files import variables_beside
from voicekit.config.homes import homes_of
from voicekit.config.loader import load
from voicekit.config.services import ServiceReader
from voicekit.config.skeleton import skeleton
from voicekit.config.snippet import PLACEHOLDER, Choice
from voicekit.problems import Place, Problem, Refused, Severity, refuse
from voicekit.providers.catalog import Kind, catalog
from voicekit.providers.packages import not_here, pip_line, to_install

_EMBEDDED: Final[Mapping[Kind, str]] = {"asr": "pocketsphinx", "llm": "rules", "tts": "auto"}


@click.command("new")
@click.argument("name", metavar="NAME")
@click.option("--asr", show_default=_EMBEDDED["asr"], help="Who hears: a provider, or provider/model.")
@click.option("--llm", show_default=_EMBEDDED["llm"], help="Who thinks.")
@click.option("--tts", show_default=_EMBEDDED["tts"], help="Who speaks.")
@click.option("--realtime", help="Who does all three, in place of --asr, --llm and --tts.")
@click.option("--transport", default="webrtc", show_default=True, help="How the caller's sound comes and goes.")
@click.option("--language", default="en", show_default=True, help="What is spoken, as en, en-GB, zh-CN.")
@click.option("--force", is_flag=True, help="Overwrite a file that exists.")
@click.option("--stdout", is_flag=True, help="Print the file instead of writing it.")
def command(
    name: str,
    *,
    asr: str | None,
    llm: str | None,
    tts: str | None,
    realtime: str | None,
    transport: str,
    language: str,
    force: bool,
    stdout: bool,
) -> None:
    """Write NAME.yaml, a voice agent to begin with.

    NAME is the agent's name, or a path that ends in .yaml. Without options the agent needs no key.
    """
    path = Path(name if name.endswith(".yaml") else f"{name}.yaml")
    if realtime is not None and (asr, llm, tts) != (None, None, None):
        raise click.UsageError("--realtime stands in place of --asr, --llm and --tts")
    named: dict[Kind, str | None] = {"asr": asr, "llm": llm, "tts": tts}
    cascade = {kind: _EMBEDDED[kind] if word is None else word for kind, word in named.items()}
    choices = _choose(cascade if realtime is None else {"realtime": realtime})
    text = skeleton(path.stem if name.endswith(".yaml") else name, choices, transport, language)
    _check(text, path)
    if stdout:
        click.echo(text, nl=False)
        return
    _write(path, text, force=force)
    click.echo(path)
    click.echo("next: " + "\n      ".join(_steps(path, choices)), err=True)


def _choose(words: Mapping[Kind, str]) -> dict[Kind, Choice]:
    """Return what the words name, each `provider` or `provider/model` as in a file."""
    choices: dict[Kind, Choice] = {}
    problems: list[Problem] = []
    for kind, word in words.items():
        named, slash, model = word.partition("/")
        if provider := catalog().find(kind, named):
            choices[kind] = Choice(provider, model if slash else None)
        else:
            reader = ServiceReader(Expansion({}, running=False), homes_of(Agent))
            reader.read(kind, Scalar(word, plain=True, place=Place(""), raw=word))
            problems += reader.problems
    _refuse(problems)
    return choices


def _check(text: str, path: Path) -> None:
    """Refuse a file that would not validate: a model where there is none, a language that nobody speaks."""
    _refuse([each for each in load(path, {}, data=text.encode()).problems if each.severity is Severity.ERROR])


def _refuse(problems: list[Problem]) -> None:
    """Refuse with the problems, if any. Their places are those of a file that is not written."""
    if problems:
        raise Refused(replace(problem, place=None) for problem in problems)


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write the file as a whole or not at all."""
    if os.path.lexists(path) and not force:
        raise refuse("file-exists", f"'{path}' exists already", "choose another name, or overwrite it: --force")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise refuse("cannot-write", f"'{path}' cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _steps(path: Path, choices: Mapping[Kind, Choice]) -> Iterator[str]:
    given = [f"{kind}.{name}" for kind, choice in choices.items() for name in choice.placeholders]
    if given:
        yield f"put your own in place of {PLACEHOLDER}: {', '.join(given)}"
    providers = [choice.provider for choice in choices.values()]
    if line := pip_line(not_here(to_install(providers))):
        yield line
    known = variables_beside(path.parent)
    wanted = dict.fromkeys(variable for provider in providers for variable in provider.must_set)
    if unset := [variable for variable in wanted if not known.get(variable)]:
        yield f"set {', '.join(unset)}, in the environment or in {path.parent / '.env'}"
    yield f"voicekit run {shlex.quote(str(path))}"
