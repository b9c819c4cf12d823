"""Packages: what to install for providers. Standard library only."""

import functools
import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from typing import Final

from voicekit.providers.catalog import Provider, catalog

_EXTRAS: Final = re.compile(r"pipecat-ai\[([\w,-]+)\]")


def to_install(providers: Iterable[Provider]) -> tuple[str, ...]:
    """Return what providers need beyond voicekit itself, as requirements for pip: one for all of Pipecat's extras."""
    extras: set[str] = set()
    others: set[str] = set()
    for package in _packages(providers):
        if match := _EXTRAS.fullmatch(package):
            extras |= set(match[1].split(",")) - _brought()
        else:
            others.add(package)
    return (*([f"pipecat-ai[{','.join(sorted(extras))}]"] if extras else []), *sorted(others))


def not_here(requirements: Iterable[str]) -> tuple[str, ...]:
    """Return the requirements but those surely installed: a pinned one is, in its version. Of an extra none can say."""
    return tuple(each for each in requirements if _version(each.partition("==")[0]) != each.partition("==")[2])


def pip_line(requirements: Iterable[str]) -> str:
    """Return the line to type for requirements, or an empty text for none."""
    quoted = " ".join(f'"{each}"' for each in requirements)
    return f"pip install {quoted}" if quoted else ""


def _packages(providers: Iterable[Provider]) -> Iterator[str]:
    for provider in providers:
        if provider.extra:
            yield provider.extra
        yield from _packages(one for name in provider.one_of if (one := catalog().find(provider.kind, name)))


@functools.cache
def _brought() -> frozenset[str]:
    """Return the extras of Pipecat that come with voicekit."""
    own = importlib.metadata.requires("voicekit") or []
    return frozenset(extra for each in own if (match := _EXTRAS.match(each)) for extra in match[1].split(","))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
