"""The verb `providers`: who can be named in a file, with which options. Reads the catalogue only."""

import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final, NoReturn

import click

from voicekit.cli.listing import detail, matches, overview
from voicekit.config.agent import Agent
from voicekit.config.snippet import Choice, whole
from voicekit.config.suggestions import answer, listed
from voicekit.problems import Refused, refuse
from voicekit.providers.catalog import KINDS, Kind, Provider, catalog

# The kinds that a file has a section for.
_USABLE: Final[tuple[Kind, ...]] = tuple(kind for kind in KINDS if kind in Agent.model_fields)
_WIDTH: Final = 80
_FOOTER: Final = '[x] is pip install "pipecat-ai[x]"; one in full: voicekit providers KIND NAME'


@click.command("providers")
@click.argument("kind", metavar="[KIND]", required=False)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--search", metavar="WORD", help="Only those with WORD in their name, label or options.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(kind: str | None, name: str | None, search: str | None, form: str) -> None:
    """List providers, those of one KIND, or one in full.

    KIND is asr, llm or tts. A name alone shows every kind that has it.
    """
    chosen = _chosen(kind, name)
    if search:
        chosen = [each for each in chosen if matches(each, search)]
        if not chosen:
            raise refuse("nothing-found", f"no name, label or option has '{search}' in it")
    if form == "json":
        click.echo(json.dumps([_data(each) for each in chosen], indent=2, ensure_ascii=False))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    if search or kind is None or (kind in _USABLE and name is None):
        click.echo(overview(chosen, width, search or ""), nl=False)
        click.echo(_FOOTER, err=True)
    else:
        click.echo("\n".join(detail(each, min(width, 100)) for each in chosen), nl=False)


def _chosen(kind: str | None, name: str | None) -> list[Provider]:
    """Return the providers that the arguments name; the first may be a name alone."""
    usable = [each for each in catalog().providers() if each.kind in _USABLE]
    if kind is None:
        return usable
    if kind not in _USABLE and name is not None:
        raise _unknown(f"no kind of provider is named '{kind}'", kind, _USABLE)
    if kind not in _USABLE:
        return [each for each in usable if each.name == kind] or _none(kind)
    within = [each for each in usable if each.kind == kind]
    return within if name is None else [each for each in within if each.name == name] or _none_of(kind, name, within)


def _none(word: str) -> NoReturn:
    if word in KINDS or catalog().kinds_of(word):
        text = f"'{word}' is speech to speech, which no file can name yet"
        raise refuse("unknown-provider", text, listed(_USABLE))
    words = {name for kind in _USABLE for name in catalog().names(kind)} | set(_USABLE)
    raise _unknown(f"no provider and no kind of provider is named '{word}'", word, words)


def _none_of(kind: str, name: str, within: Iterable[Provider]) -> NoReturn:
    text = f"no {kind} provider is named '{name}'"
    if others := [each for each in catalog().kinds_of(name) if each in _USABLE]:
        hint = f"it offers {' and '.join(others)}: voicekit providers {name}"
        raise refuse("unknown-provider", text, hint)
    raise _unknown(text, name, [each.name for each in within])


def _unknown(text: str, word: str, choices: Iterable[str]) -> Refused:
    reply = answer(word, "agent", choices, homes={})
    return refuse("unknown-provider", text, reply.said or reply.help or "voicekit providers lists them")


def _data(provider: Provider) -> dict[str, Any]:
    """Return all that the catalogue has for a user, with keys that stay."""
    return {
        "kind": provider.kind,
        "name": provider.name,
        "label": provider.label,
        "class": f"{provider.module}:{provider.cls}" if provider.cls else "",
        "install": provider.extra,
        "environment": dict(provider.environment),
        "must_set": provider.must_set,
        "needs": provider.needs,
        "defaults": dict(provider.defaults),
        "one_of": provider.one_of,
        "options": {
            name: {key: value for key, value in asdict(option).items() if key not in ("name", "target")}
            for name, option in provider.options.items()
        },
        "yaml": whole(Choice(provider)),
    }
