"""Services: the sections asr, llm and tts, each read against the catalogue of providers."""

import re
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Values
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticCustomError, PydanticUseDefault

from voicekit.config.document import Mapping, Node, Scalar, Sequence
from voicekit.config.environment import Expansion
from voicekit.config.messages import plain, short, spaced, translate, unknown_key, wrong_value
from voicekit.config.rules import Rules
from voicekit.config.scalars import (
    BOOL,
    INT,
    NUM,
    TEXT,
    printable,
    read_any,
    read_bool,
    read_int,
    read_num,
    read_text,
    shown,
    wrong_type,
)
from voicekit.config.shorthand import as_service
from voicekit.config.suggestions import Homes, answer, suggest
from voicekit.problems import Place, Problem
from voicekit.providers.catalog import Kind, Option, Provider, catalog

# Tried in this order: what reads as a number is one where text is allowed too.
_READERS: Final[Values[str, Callable[[Any], Any]]] = {
    "bool": read_bool,
    "int": read_int,
    "num": read_num,
    "text": read_text,
    "any": read_any,
}
_LABELS: Final = {"bool": BOOL, "int": INT, "num": NUM, "text": TEXT, "list": "a list", "map": "a mapping"}
# How the best-known models begin: whoever writes one alone means this provider.
_MAKERS: Final = {
    "gpt-": "openai",
    "o3": "openai",
    "claude-": "anthropic",
    "gemini-": "google",
    "deepseek-": "deepseek",
}


@dataclass(frozen=True, slots=True)
class Service:
    """One asr, llm or tts of a file.

    Attributes:
        kind: Which of the three.
        provider: Its entry in the catalogue.
        options: Checked values by option name; only what was written, pinned by us or read from the environment.
        rules: The dialogue of `llm: rules`, else None.
        place: Where the provider is named.
    """

    kind: Kind
    provider: Provider
    options: Values[str, object]
    place: Place
    rules: Rules | None = None

    @property
    def model(self) -> str:
        """The model's name, or an empty text where the provider has its own default."""
        return str(self.options.get("model", ""))


class ServiceReader:
    """Reads the services of one file and gathers what is wrong with them.

    Args:
        expansion: The file's environment, for keys that providers read by themselves.
        homes: Where the keys of the language stand, for one that stands in a service.

    `moved` gathers the keys of the top level that were found in a service.
    """

    def __init__(self, expansion: Expansion, homes: Homes) -> None:
        self.expansion = expansion
        self.homes = homes
        self.problems: list[Problem] = []
        self.moved: set[str] = set()
        # Options of the service at hand that are there under another word.
        self._meant: set[str] = set()

    def read(self, kind: Kind, node: Node) -> tuple[Service, ...]:
        """Return the services of a section in order; one that is wrong is left out and reported."""
        items = node.items if isinstance(node, Sequence) else (node,)
        if not items:
            self.problems.append(wrong_value("empty-list", {}, kind, node))
        if len(items) > 1 and kind != "llm":
            text = f"'{kind}' takes one provider, not a list of {len(items)}"
            self.problems.append(Problem("one-provider", text, node.place, "keep the first"))
            items = items[:1]
        return tuple(service for item in items if (service := self._one(kind, item)))

    def _one(self, kind: Kind, node: Node) -> Service | None:
        section = self._written_out(kind, node)
        if section is None:
            return None
        named = section.entries["provider"]
        if not isinstance(named, Scalar):
            self.problems.append(wrong_value("wrong-type", _facts("text", named), "provider", named))
            return None
        if not named.known:
            return None
        provider = catalog().find(kind, named.text)
        if provider is None:
            self.problems.append(_unknown_provider(kind, named))
            return None
        own = Mapping({k: v for k, v in section.entries.items() if k != "provider"}, section.keys, section.place)
        if provider.name == "rules":
            return self._rules(provider, own, named.place)
        options = {**provider.defaults, **dict(self._options(provider, own))}
        given = {**own.entries, **dict.fromkeys(self._meant, named)}
        options |= dict(self._implied(provider, given, named.place))
        self.problems += _needs(provider, {**given, **options}, named.place)
        return Service(kind, provider, options, named.place)

    def _written_out(self, kind: Kind, node: Node) -> Mapping | None:
        """Return a service as a mapping, or report why it is none."""
        written = as_service(node)
        if isinstance(written, Mapping) and "provider" in written.entries:
            return written
        if isinstance(written, Mapping):
            self.problems.append(self._no_provider(kind, written))
        elif isinstance(written, Scalar) and written.plain and written.text in ("", "~", "null"):
            self.problems.append(wrong_value("no-value", {}, kind, node))
        elif not isinstance(written, Scalar) or written.known:
            self.problems.append(wrong_value("wrong-type", _facts("a provider's name", node), kind, node))
        return None

    def _no_provider(self, kind: Kind, section: Mapping) -> Problem:
        """Return the problem of a service that names nobody, or names it under another word."""
        for key, node in section.entries.items():
            reply = answer(key, "service", ("provider",), homes={}, value=short(node))
            if reply.meant == "provider":
                return unknown_key(f"no key '{printable(key)}' in {kind}", reply, section.keys[key])
        return Problem("missing-key", f"'provider' is missing in {kind}", section.place)

    def _unknown_option(self, provider: Provider, key: str, section: Mapping) -> Problem:
        place, value = section.keys[key], section.entries[key]
        text = f"{provider.name} has no option '{printable(key)}'"
        if provider.one_of:
            return Problem("unknown-key", text, place, f"name one of them to choose: {', '.join(provider.one_of)}")
        where = f"{provider.kind} service"
        reply = answer(key, where, provider.options, homes=self.homes, value=short(value))
        self.moved |= {reply.moved} - {""}
        self._meant |= {reply.meant} - {""}
        if not reply.help:
            reply = replace(reply, help=_who_has(provider.kind, key))
        return unknown_key(text, reply, place)

    def _options(self, provider: Provider, section: Mapping) -> Iterator[tuple[str, object]]:
        self._meant.clear()
        for key, node in section.entries.items():
            option = provider.options.get(key)
            if option is None:
                self.problems.append(self._unknown_option(provider, key, section))
                continue
            if option.secret and isinstance(node, Scalar) and _is_literal(node):
                self.problems.append(_secret(provider, option, node))
            try:
                yield key, _value(option, plain(node))
            except PydanticUseDefault:
                # The value holds an unset variable, which has a problem of its own.
                yield key, None
            except PydanticCustomError as error:
                self.problems.append(wrong_value(error.type, error.context or {}, key, node))

    def _implied(self, provider: Provider, given: Values[str, Node], place: Place) -> Iterator[tuple[str, object]]:
        """Yield what the environment gives: the provider's usual variables, unless the file says otherwise."""
        for key, variable in provider.environment.items():
            option = provider.options.get(key)
            if key in given or option is None:
                continue
            if option.secret and "endpoint" in given:
                text = f"{variable} is not sent to an endpoint of your own"
                hint = f"add '{key}: \"${{{variable}}}\"' beside it, if it is meant for that host"
                self.problems.append(Problem("key-not-sent", text, place, hint))
            elif option.required or option.secret:
                yield key, self.expansion.implied(variable, provider.label, place) or None
            elif value := self.expansion.variables.get(variable):
                yield key, value

    def _rules(self, provider: Provider, section: Mapping, place: Place) -> Service | None:
        try:
            rules = Rules.model_validate(plain(section))
        except ValidationError as error:
            self.problems += translate(error, section, Rules, ("llm",), homes=self.homes)
            return None
        return Service("llm", provider, {}, place, rules)


def _is_literal(node: Scalar) -> bool:
    return "${" not in node.raw or bool(re.search(r":-[^}]", node.raw))


def _value(option: Option, value: Any) -> object:
    if isinstance(value, list) and "list" in option.types:
        read = _READERS.get(option.items, read_any)
        return [read(item) for item in value]
    if isinstance(value, dict) and "map" in option.types:
        return read_any(value)
    if isinstance(value, Scalar) and not value.known:
        raise PydanticUseDefault
    for name in (name for name in _READERS if name in option.types):
        try:
            return _chosen(option, _READERS[name](value))
        except PydanticCustomError as error:
            if error.type not in ("wrong-type",):
                raise
    raise wrong_type(" or ".join(label for name, label in _LABELS.items() if name in option.types), value)


def _chosen(option: Option, value: object) -> object:
    if option.choices and isinstance(value, str) and value not in option.choices:
        raise PydanticCustomError("unknown-choice", "unknown choice", {"choices": list(option.choices)})
    return value


def _facts(wanted: str, node: Node) -> dict[str, Any]:
    return dict(wrong_type(wanted, node).context or {})


def _unknown_provider(kind: Kind, named: Scalar) -> Problem:
    name = named.text
    provider, _, model = name.partition("/")
    others = [other for other in catalog().kinds_of(name) if other != kind]
    if others:
        text = f"{name} offers {' and '.join(others)}, not {kind}"
        return Problem("unknown-provider", text, named.place, f"{others[0]}: {name}")
    text = f"no {kind} provider is named {shown(named)}"
    hint = spaced("provider", named) or suggest(name, catalog().names(kind))
    if model and catalog().find(kind, provider):
        hint = f"provider: {provider}, and model: {model}"
    elif maker := next((maker for prefix, maker in _MAKERS.items() if kind == "llm" and name.startswith(prefix)), ""):
        hint = f"this is a model; name who serves it: {maker}/{name}"
    return Problem("unknown-provider", text, named.place, hint if named.raw == name else "")


def _who_has(kind: Kind, key: str) -> str:
    having = [other.name for other in catalog().providers() if other.kind == kind and key in other.options]
    return f"{', '.join(having[:3])} {'has' if len(having) == 1 else 'have'} it" if having else ""


def _secret(provider: Provider, option: Option, node: Scalar) -> Problem:
    variable = provider.environment.get(option.name, option.name.upper())
    text = "a secret is written in the file"
    return Problem("secret-in-file", text, node.place, f'{option.name}: "${{{variable}}}"')


def _needs(provider: Provider, options: Values[str, object], place: Place) -> Iterator[Problem]:
    for key in provider.required:
        if key not in options:
            yield Problem("missing-option", f"{provider.name} has no default {key}", place, f"add '{key}:'")
