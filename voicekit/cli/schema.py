"""The verb `schema`: what a key means and takes, and the JSON Schema of a file."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

import click
import yaml

from voicekit.config.fact import Words
from voicekit.config.keys import Key, OfProviders, find, keys, options, placed
from voicekit.config.schema import schema
from voicekit.config.words import worded, written
from voicekit.providers.catalog import Provider

_WIDTH: Final = 100


@click.command("schema")
@click.argument("key", default="")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON Schema of a file (draft-07) instead.")
def command(key: str, as_json: bool) -> None:
    """Say what KEY means and takes, as in turn.wait_ms, tools or llm.temperature; without KEY, the keys of a file."""
    if as_json and key:
        raise click.UsageError("--json is of the whole file; leave KEY out")
    if as_json:
        click.echo(json.dumps(schema(), indent=1, ensure_ascii=False))
        return
    found = find(key)
    lines = _option(found) if isinstance(found, OfProviders) else _key(found)
    click.echo("\n".join(lines))


def _key(key: Key) -> Iterator[str]:
    yield key.path or "A file; voicekit schema KEY says more of one."
    if key.path:
        yield from _wrapped(key.words.get("description", ""), 2)
        yield ""
        yield from _fact("type", _type(key))
        yield from _fact("default", "none: it is required" if key.required else _default(key.words))
        yield from _fact("example", _yaml(placed(key)))
    for each in keys(key):
        yield ""
        title = "  ".join(filter(None, [each.path, _type(each), "required" if each.required else _given(each.words)]))
        yield from textwrap.wrap(title, _WIDTH, subsequent_indent=" " * 6, break_on_hyphens=False)
        yield from _wrapped(each.words["description"], 4)
    if key.service:
        yield ""
        yield f"{key.service}.OPTION  what its provider has; several have these"
        yield from _wrapped(", ".join(options(key.service, having=3)), 4)


def _option(option: OfProviders) -> Iterator[str]:
    yield f"{option.kind}.{option.name}"
    groups: dict[str, list[tuple[Provider, Words]]] = {}
    for provider, words in option.having:
        groups.setdefault("  ".join(filter(None, [worded(words), _given(words)])), []).append((provider, words))
    for said, members in sorted(groups.items(), key=lambda group: -len(group[1])):
        meanings = Counter(words["description"] for _, words in members if "description" in words)
        yield ""
        yield f"  {said}"
        yield from _wrapped(", ".join(_having(provider, option.name, words) for provider, words in members), 4)
        for meaning, count in meanings.most_common(1):
            # Otherwise each says it in words of its own.
            yield from _wrapped(meaning if 2 * count >= len(members) else "", 6)


def _having(provider: Provider, name: str, words: Words) -> str:
    variable = provider.environment.get(name, "")
    notes = [f"${{{variable}}}" if variable else "", "deprecated" if words.get("deprecated") else ""]
    noted = ", ".join(filter(None, notes))
    return f"{provider.name} ({noted})" if noted else provider.name


def _type(key: Key) -> str:
    if key.service:
        return "provider, provider/model, or a mapping" + (", or a list of them" if key.words["x-several"] else "")
    return worded(key.words)


def _default(words: Words) -> str:
    return written(words["default"]) if "default" in words else str(words.get("x-absent", ""))


def _given(words: Words) -> str:
    default = _default(words)
    return f"default: {default}" if default else ""


def _yaml(value: object) -> str:
    if value is None:
        return ""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text.removesuffix("\n")


def _fact(name: str, text: str) -> Iterator[str]:
    """Yield the lines of one fact of a key, its name before the first."""
    lines = text.splitlines() if "\n" in text else textwrap.wrap(text, _WIDTH - 11, break_on_hyphens=False)
    for before, line in zip(chain([name], repeat("")), lines, strict=False):
        yield f"  {before:9}{line}"


def _wrapped(text: str, indent: int) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(text, _WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)
