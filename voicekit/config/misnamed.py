"""Misnamed: what is said of a provider, model or option that a section names and that is not there."""

import fnmatch
from collections.abc import Container, Iterable
from typing import Final

from voicekit.config.document import Mapping, Node, Scalar
from voicekit.config.messages import spaced
from voicekit.config.scalars import shown
from voicekit.config.suggestions import Answer, suggest
from voicekit.problems import Place, Problem
from voicekit.providers.catalog import Kind, Provider, catalog

# How the best-known models begin: whoever writes one alone means this provider.
_SERVED_BY: Final = {
    "gpt-": "openai",
    "o3": "openai",
    "claude-": "anthropic",
    "gemini-": "google",
    "deepseek-": "deepseek",
}


def unknown_provider(kind: Kind, named: Scalar, model: str) -> Problem:
    """Return the problem for a name that no provider of this kind has.

    Args:
        kind: The section.
        named: The name.
        model: What stands behind the first slash, or empty.
    """
    name = named.text
    if hint := spaced("provider", named):
        return Problem("unknown-provider", f"no {kind} provider is named {shown(named)}", named.place, hint)
    text = f"no {kind} provider is named {shown(named)}"
    if named.raw != name:
        # From the environment: what it is or resembles is not to be told.
        return Problem("unknown-provider", text, named.place)
    if others := [other for other in catalog().kinds_of(name) if other != kind]:
        text = f"{name} offers {_and(others)}, not {kind}"
        return Problem("unknown-provider", text, named.place, f"{others[0]}: {name}")
    server = next((server for prefix, server in _SERVED_BY.items() if kind == "llm" and name.startswith(prefix)), "")
    if server:
        text = f"{shown(named)} is a model, not a provider"
        return Problem("unknown-provider", text, named.place, f"{kind}: {server}/{name}")
    return Problem("unknown-provider", text, named.place, _hint(kind, name, model))


def _hint(kind: Kind, name: str, model: str) -> str:
    provider, _, rest = name.partition("/")
    if rest and catalog().find(kind, provider):
        return f"provider: {provider}, and model: {rest}"
    close = suggest(name, catalog().names(kind))
    whose = name.lower() in catalog().makers or not close
    if kind == "llm" and model and whose:
        first, *others = catalog().servers
        return f"name who serves it: {first}/{name}/{model}, {', '.join(f'{other}/…' for other in others)}"
    return close


def elsewhere(provider: Provider, model: Scalar) -> Problem | None:
    """Return the problem for a model that has a provider name of its own, or None."""
    for pattern, name in provider.models.items():
        if fnmatch.fnmatchcase(model.text, pattern):
            text = f"the model {shown(model)} has its own provider name"
            return Problem("other-provider", text, model.place, f"{provider.kind}: {name}")
    return None


def decided(provider: Provider, key: str, place: Place, node: Node) -> Problem | None:
    """Return the problem for an option of Pipecat's that no file may write, or None."""
    for each in () if provider.one_of else catalog().decided:
        if any(fnmatch.fnmatchcase(key, pattern) for pattern in each.keys):
            first = next(iter(node.entries), "") if isinstance(node, Mapping) else ""
            hint = each.help.format(inside=f"'{first}'" if first else "what it holds")
            return Problem("decided-option", f"'{key}' is no option: {each.why}", place, hint)
    return None


def renamed(key: str, options: Container[str], value: str = "") -> Answer | None:
    """Return what to say to Pipecat's word for an option that has one name in voicekit, or None.

    Args:
        key: The word.
        options: Those that there are.
        value: What was written behind it, if it can be repeated.
    """
    name = catalog().renamed.get(key, "")
    if name not in options:
        return None
    return Answer(f"voicekit calls it '{name}', for every provider", f"{name}: {value or '…'}", name)


def of_others(provider: Provider, key: str, text: str, place: Place) -> Problem:
    """Return the problem for a key that is no option of a provider, with who has it."""
    if provider.one_of:
        return Problem("unknown-key", text, place, f"name one of them to choose: {', '.join(provider.one_of)}")
    having = [other.name for other in catalog().providers() if other.kind == provider.kind and key in other.options]
    if having:
        text += f"; {_and(having[:3])} {'has' if len(having) == 1 else 'have'}"
    return Problem("unknown-key", text, place, "remove it" if having else "")


def unknown_extra(provider: Provider, place: Place) -> Problem:
    """Return the problem for `extra` under a provider whose service would drop it."""
    return Problem("unknown-key", f"{provider.name} passes nothing on: 'extra' would be dropped", place, "remove it")


def _and(names: Iterable[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last
