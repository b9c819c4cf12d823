"""Keys: the reference looked up by the path of a key, as in `turn.wait_ms` or `llm.temperature`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.fact import Words
from voicekit.config.homes import homes_of
from voicekit.config.messages import unknown_key
from voicekit.config.misnamed import renamed
from voicekit.config.reference import (
    CLASS,
    alternatives,
    definitions,
    option_words,
    own_words,
    provider_words,
    resolved,
)
from voicekit.config.suggestions import answer
from voicekit.problems import Problem, Refused
from voicekit.providers.catalog import Kind, Provider, catalog

NAME: Final = "NAME"
"""Stands in a path for a name that the file chooses."""
_ITEM: Final = "[]"
# The provider of a model that is no model: its options are sections of their own.
_RULES: Final = ("llm", {"provider": "rules"})


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language, or the whole file.

    Attributes:
        steps: The keys that lead to it; `[]` is an item of a list.
        words: What it means and takes.
        required: Whether a file must have it, where it has the section.
    """

    steps: tuple[str, ...]
    words: Words
    required: bool = False

    @property
    def path(self) -> str:
        """The key as a message names it: `tools.NAME.python`."""
        return ".".join(step for step in self.steps if step != _ITEM)

    @property
    def service(self) -> Kind | None:
        """The kind of its providers, where it takes one."""
        found: Kind | None = self.words.get("x-service")
        return found


@dataclass(frozen=True, slots=True)
class OfProviders:
    """An option that providers of a kind have: each with what it means there."""

    kind: Kind
    name: str
    having: tuple[tuple[Provider, Words], ...]


def find(path: str) -> Key | OfProviders:
    """Return what a path names; an empty one is the file.

    A name that the file chooses may be any, or be left out: `tools.lookup.python` and `tools.python` are one.

    Raises:
        Refused: It names nothing.
    """
    found: Key | OfProviders = Key((), definitions()["Agent"])
    for name in path.split(".") if path else ():
        if isinstance(found, OfProviders):
            raise Refused([Problem("unknown-key", f"no key '{name}' in {found.kind}.{found.name}")])
        found = _step(found, name)
    return found


def keys(key: Key) -> Iterator[Key]:
    """Yield the keys that stand in a section, in its items or in what its names lead to."""
    if key.service:
        yield Key((*key.steps, "provider"), provider_words(key.service), required=True)
        yield Key((*key.steps, "class"), CLASS)
    if key.service == _RULES[0]:
        yield from _keys(key.steps, definitions()["Rules"] | {"required": []})
    for steps, words in _opened(key.steps, key.words):
        yield from _keys(steps, words)


def example(words: Words) -> object:
    """Return a value that could stand there, or None where none is known."""
    words = resolved(words)
    if "examples" in words:
        return words["examples"][0]
    if "enum" in words:
        return words["enum"][0]
    section = next((each for each in alternatives(words) if "properties" in each), {})
    if "examples" in section:
        return section["examples"][0]
    if section:
        return {name: example(each) for name, each in section["properties"].items()}
    if "default" in words:
        return not words["default"] if isinstance(words["default"], bool) else words["default"]
    if "minimum" in words:
        return words["minimum"]
    return [example(words["items"])] if "items" in words else None


def placed(key: Key) -> object:
    """Return an example of a key as a file has it, with the sections around it; None where none is known."""
    value = example(key.words)
    if value is None or not key.steps:
        return None
    for depth, step in reversed(list(enumerate(key.steps))):
        section, provider = _RULES
        beside = provider if depth == 1 and key.steps[0] == section and step != "class" else {}
        value = [value] if step == _ITEM else {**beside, step: value}
    return value


def options(kind: Kind, having: int = 1) -> list[str]:
    """Return the names of the options that at least so many providers of a kind have, sorted."""
    found = Counter(name for each in _providers(kind) for name in (*each.options, *own_words(each)))
    return sorted(name for name, providers in found.items() if providers >= having)


def _step(key: Key, name: str) -> Key | OfProviders:
    inside = list(keys(key))
    for each in inside:
        if each.steps[-1] == name:
            return each
    for words in alternatives(key.words):
        if isinstance(words.get("additionalProperties"), dict):
            return Key((*key.steps, NAME), resolved(words["additionalProperties"]))
    if key.service:
        return _option(key.service, name, [each.steps[-1] for each in inside])
    reply = answer(name, key.path or "agent", [each.steps[-1] for each in inside], homes=homes_of(Agent))
    raise Refused([unknown_key(f"no key '{name}'{f' in {key.path}' if key.path else ''}", reply, None)])


def _option(kind: Kind, name: str, others: list[str]) -> OfProviders:
    having = [(each, words) for each in _providers(kind) if (words := _words(each, name))]
    if not having:
        text = f"no {kind} provider has an option '{name}'"
        choices = [*options(kind), *others]
        reply = renamed(name, choices) or answer(name, "service", choices, homes={})
        raise Refused([unknown_key(text, reply, None)])
    return OfProviders(kind, name, tuple(having))


def _words(provider: Provider, name: str) -> Words | None:
    option = provider.options.get(name)
    return option_words(provider, option) if option else own_words(provider).get(name)


def _providers(kind: Kind) -> list[Provider]:
    return [found for name in catalog().names(kind) if (found := catalog().find(kind, name))]


def _opened(steps: tuple[str, ...], words: Words) -> Iterator[tuple[tuple[str, ...], Words]]:
    for each in alternatives(words):
        if isinstance(each.get("additionalProperties"), dict):
            yield from _opened((*steps, NAME), each["additionalProperties"])
        elif "properties" in each:
            yield steps, each
        elif "items" in each:
            yield from _opened((*steps, _ITEM), each["items"])


def _keys(steps: tuple[str, ...], section: Words) -> Iterator[Key]:
    required = section.get("required", ())
    for name, words in section["properties"].items():
        # What has no meaning of ours is JSON Schema's: a parameter's type.
        if "description" in words:
            yield Key((*steps, name), resolved(words), name in required)
