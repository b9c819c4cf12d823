"""Keyterms: names and words that an asr should expect, in the form its provider wants them in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from voicekit.config.document import Mapping as Section
from voicekit.config.document import Node, Scalar
from voicekit.config.document import Sequence as Items
from voicekit.config.messages import wrong_value
from voicekit.config.scalars import wrong_type
from voicekit.problems import Place, Problem, Severity
from voicekit.providers.catalog import Provider

KEY: Final = "keyterms"

# What stands beside an option in the catalogue's `keyterms`.
FORMS: Final[Mapping[str, Callable[[Sequence[str]], object]]] = {
    "list": list,
    "joined": ", ".join,
    "boosted": lambda terms: ",".join(f"{term}:2" for term in terms),
    "entries": lambda terms: [{"content": term} for term in terms],
    "phrases": lambda terms: {"phrase_sets": [{"phrases": [{"value": term} for term in terms]}]},
    "vocabulary": lambda terms: {"custom_vocabulary": True, "custom_vocabulary_config": {"vocabulary": list(terms)}},
}


def keyterms(provider: Provider, section: Section, place: Place) -> Iterator[tuple[str, object] | Problem]:
    """Yield the option that the terms of a section become, or the problem with them.

    Args:
        provider: Whose option it is.
        section: The keys beside `provider`; one of them is `keyterms`.
        place: Where the key stands.
    """
    node = section.entries[KEY]
    if provider.keyterms is None:
        text = f"{provider.name} cannot be told which words to expect: 'keyterms' does nothing"
        yield Problem("no-keyterms", text, place, "remove it, or name another asr", Severity.WARNING)
        return
    option, form = provider.keyterms
    if option in section.entries:
        text = f"'keyterms' is {provider.name}'s '{option}', which is given too"
        yield Problem("keyterms-twice", text, place, f"keep '{option}' or 'keyterms'")
        return
    terms: list[str] = []
    for item in node.items if isinstance(node, Items) else (node,):
        if isinstance(node, Items) and isinstance(item, Scalar):
            terms += [item.text] if item.known else []
        else:
            yield _no_list(item if isinstance(node, Items) else node, isinstance(node, Items))
            return
    if terms:
        yield option, FORMS[form](terms)


def _no_list(node: Node, inside: bool) -> Problem:
    wanted = wrong_type("text" if inside else "a list", node)
    return wrong_value("wrong-type", wanted.context or {}, KEY, node)
