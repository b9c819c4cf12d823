"""Listing: providers of the catalogue as text for a terminal.

Colours are always in it: `click.echo` takes them out where the output is no terminal.
"""

import itertools
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import click

from voicekit.config.rules import Rules
from voicekit.config.snippet import Choice, scalar, whole
from voicekit.providers.catalog import Option, Provider
from voicekit.providers.packages import pip_line, to_install

Row = tuple[Sequence[str], ...]

_GAP: Final = 2
# How far each column of the overview is squeezed on a narrow terminal; together they fit into 80 columns.
_NARROW: Final = (23, 15, 22, 14)
_HEADS: Final[Row] = (("NAME",), ("LABEL",), ("VARIABLE",), ("INSTALL",))
_FOUND_HEADS: Final[Row] = (("NAME",), ("MATCH",))


def overview(providers: Sequence[Provider], width: int, word: str = "") -> str:
    """Return a table of providers for each kind.

    Args:
        providers: In the order of their kinds.
        width: Columns of the terminal.
        word: What was searched for; the table then shows where it was found.
    """
    blocks = []
    for kind, each in itertools.groupby(providers, key=lambda provider: provider.kind):
        rows = [_found_row(one, word) if word else _row(one) for one in each]
        table = _table([_FOUND_HEADS if word else _HEADS, *rows], width)
        blocks.append(f"{click.style(kind, bold=True)}\n{table}")
    return "\n".join(blocks)


def matches(provider: Provider, word: str) -> list[str]:
    """Return where a word is found in a provider: its name, its label, its options."""
    sought = word.casefold()
    found = [provider.name] if sought in provider.name.casefold() else []
    found += [provider.label] if sought in provider.label.casefold() else []
    return found + [name for name in provider.options if sought in name.casefold()]


def detail(provider: Provider, width: int) -> str:
    """Return one provider in full, with YAML to paste at the end."""
    head = f"{click.style(f'{provider.kind} {provider.name}', bold=True)}: {provider.label}"
    facts = [line for name, text in _facts(provider) for line in _hung(f"  {name:<9}{text}", 11, width)]
    options = [line for option in provider.options.values() for line in _option(provider, option, width)]
    body = ["", click.style("Options", bold=True), *options] if options else []
    return "\n".join([head, *facts, *body, "", click.style("In a file", bold=True), "", whole(Choice(provider))])


def _row(provider: Provider) -> Row:
    packages = [re.sub(r"^pipecat-ai", "", package) for package in to_install([provider])]
    return (provider.name,), (provider.label,), provider.must_set or ("-",), packages or ("-",)


def _found_row(provider: Provider, word: str) -> Row:
    return (provider.name,), (", ".join(matches(provider, word)),)


def _table(rows: Sequence[Row], width: int) -> str:
    widths = [max(len(text) for cell in column for text in cell) for column in zip(*rows, strict=True)]
    room = width - _GAP * (len(widths) - 1)
    if sum(widths) > room:
        narrow = _NARROW if len(widths) == len(_NARROW) else (widths[0], room - widths[0])
        widths = [min(wide, most) for wide, most in zip(widths, narrow, strict=True)]
    return "".join(f"{line}\n" for row in rows for line in _lines(row, widths))


def _lines(row: Row, widths: Sequence[int]) -> Iterator[str]:
    cells = [[line for text in cell for line in _fold(text, most)] for cell, most in zip(row, widths, strict=True)]
    for parts in itertools.zip_longest(*cells, fillvalue=""):
        yield (" " * _GAP).join(f"{part:<{most}}" for part, most in zip(parts, widths, strict=True)).rstrip()


def _fold(text: str, most: int) -> list[str]:
    """Return a text in lines, broken behind a space or a sign: names of variables and packages have no spaces."""
    lines = [""]
    for piece in re.findall(r"[^ _,=-]*[ _,=-]+|[^ _,=-]+", text):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > most:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _facts(provider: Provider) -> Iterator[tuple[str, str]]:
    if provider.one_of:
        yield "is", f"the first of these that can be used: {', '.join(provider.one_of)}"
    else:
        yield "class", f"{provider.cls} of {provider.module}"
    yield "install", pip_line(to_install([provider])) or "nothing more"
    for option, variable in provider.environment.items():
        yield "reads", f"{variable} as {option}{'' if variable in provider.must_set else ', if it is set'}"
    if provider.required:
        yield "needs", f"{' and '.join(' or '.join(names) for names in provider.required)}: there is no default"
    if provider.name == "rules":
        yield "takes", f"{', '.join(Rules.model_fields)}: the README has them"


def _option(provider: Provider, option: Option, width: int) -> Iterator[str]:
    name = click.style(option.name, fg="cyan")
    # Wrapped without its colour, which takes no columns.
    first, *rest = _hung(f"  {option.name}: {', '.join(_marks(provider, option))}", 6, width)
    yield first.replace(option.name, name, 1)
    yield from rest
    if option.summary:
        yield from _hung(f"      {option.summary}", 6, width)


def _marks(provider: Provider, option: Option) -> Iterator[str]:
    """Yield what is to be known about an option's value: its type first."""
    yield " or ".join(f"list of {option.items}" if kind == "list" != option.items else kind for kind in option.types)
    if option.choices:
        yield f"one of {' | '.join(option.choices)}"
    if None not in (option.low, option.high):
        yield f"{option.low:g} to {option.high:g}"
    elif option.low is not None or option.high is not None:
        yield f"at least {option.low:g}" if option.low is not None else f"at most {option.high:g}"
    if (option.name,) in provider.required:
        yield "must be given"
    if option.name in provider.defaults:
        yield f"default {_shown(provider.defaults[option.name])} (voicekit's)"
    elif option.default not in (None, ""):
        yield f"default {_shown(option.default)}"
    if option.secret:
        yield "secret"
    if option.deprecated:
        yield f"deprecated since Pipecat {option.deprecated}"


def _shown(value: object) -> str:
    return scalar(value) if isinstance(value, str) else json.dumps(value)


def _hung(text: str, indent: int, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
