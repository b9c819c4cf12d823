"""The verb `providers`: who can be named in a file, with which options. Reads the catalogue only."""

import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final, NoReturn

import click

from voicekit.cli.listing import detail, matches, overview
from voicekit.config.snippet import Choice, whole
from voicekit.config.suggestions import answer
from voicekit.problems import Refused, refuse
from voicekit.providers.catalog import KINDS, Provider, catalog

_WIDTH: Final = 80
_FOOTER: Final = '[x] is pip install "pipecat-ai[x]"; one in full: voicekit providers KIND NAME'


@click.command("providers")
@click.argument("kind", metavar="[KIND]", required=False)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--search", metavar="WORD", help="Only those with WORD in their name, label or options.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(kind: str | None, name: str | None, search: str | None, form: str) -> None:
    """List providers, those of one KIND, or one in full.

    KIND is asr, llm, tts or realtime. A name alone shows every kind that has it.
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
    if search or kind is None or (kind in KINDS and name is None):
        click.echo(overview(chosen, width, search or ""), nl=False)
        click.echo(_FOOTER, err=True)
    else:
        click.echo("\n".join(detail(each, min(width, 100)) for each in chosen), nl=False)


def _chosen(kind: str | None, name: str | None) -> list[Provider]:
    """Return the providers that the arguments name; the first may be a name alone."""
    every = list(catalog().providers())
    if kind is None:
        return every
    if kind not in KINDS and name is not None:
        raise _unknown(f"no kind of provider is named '{kind}'", kind, KINDS)
    if kind not in KINDS:
        return [each for each in every if each.name == kind] or _none(kind)
    within = [each for each in every if each.kind == kind]
    return within if name is None else [each for each in within if each.name == name] or _none_of(kind, name, within)


def _none(word: str) -> NoReturn:
    words = {name for kind in KINDS for name in catalog().names(kind)} | set(KINDS)
    raise _unknown(f"no provider and no kind of provider is named '{word}'", word, words)


def _none_of(kind: str, name: str, within: Iterable[Provider]) -> NoReturn:
    text = f"no {kind} provider is named '{name}'"
    if others := catalog().kinds_of(name):
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
