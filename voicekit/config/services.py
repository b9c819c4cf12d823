"""Services: the sections asr, llm, tts and realtime, each read against the catalogue of providers."""

import re
from collections.abc import Container, Iterator
from collections.abc import Mapping as Values
from collections.abc import Sequence as Sequenced
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from voicekit.config.document import Mapping, Node, Scalar, Sequence
from voicekit.config.environment import Expansion
from voicekit.config.keyterms import KEY as KEYTERMS
from voicekit.config.keyterms import keyterms
from voicekit.config.messages import plain, short, translate, unknown_key, wrong_value
from voicekit.config.misnamed import decided, of_others, renamed, unknown_extra, unknown_provider
from voicekit.config.options import read, remarks
from voicekit.config.scalars import printable, read_any, wrong_type
from voicekit.config.shorthand import as_service
from voicekit.config.suggestions import Homes, answer
from voicekit.problems import Place, Problem, Severity
from voicekit.providers.catalog import Kind, Option, Provider, catalog, provider
from voicekit.providers.prices import Price

TIMEOUT: Final = "timeout_secs"
"""The key of every service that says how long one attempt may take, in seconds."""
USUAL_TIMEOUT: Final[Values[Kind, float]] = {"asr": 5.0, "llm": 10.0, "tts": 5.0, "realtime": 8.0}
_TIMEOUT_OPTION: Final = Option(TIMEOUT, ("num",), "any", (), False, None, "", False, "", "", low=0.5, high=120)

_CLASS: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")

if TYPE_CHECKING:
    from voicekit.config.rules import Rules


@dataclass(frozen=True, slots=True)
class Service:
    """One asr, llm, tts or realtime of a file.

    Attributes:
        kind: Which of the four.
        provider: Its entry in the catalogue; of a class of the user's there is only the name until the file runs.
        options: Checked values by option name; only what was written, pinned by us or read from the environment.
        rules: The dialogue of `llm: rules`, else None.
        extra: What is passed on to the provider's API as it is written.
        place: Where the provider is named.
        written: What stands beside `class`, read when the file runs; None with a provider.
        given_secs: How long one attempt may take, where the file says so, in seconds.
    """

    kind: Kind
    provider: Provider
    options: Values[str, object]
    place: Place
    rules: "Rules | None" = None
    extra: Values[str, object] = field(default_factory=dict)
    written: Mapping | None = None
    given_secs: float | None = None

    @property
    def timeout_secs(self) -> float:
        """How long one attempt may take, in seconds: to connect, and to its first result."""
        return USUAL_TIMEOUT[self.kind] if self.given_secs is None else self.given_secs

    @property
    def model(self) -> str:
        """The model's name, or an empty text where the provider has its own default."""
        return str(self.options.get("model", ""))

    @property
    def price(self) -> Price | None:
        """What its work costs at list price, or None where that is not known."""
        return self.provider.price(self.model)


def service_path(services: Sequenced[Service], number: int) -> tuple[str | int, ...]:
    """Return where a service of a list stands; a list of one is written as its item."""
    kind = services[number].kind
    return (kind, number) if len(services) > 1 else (kind,)


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
        if len(items) > 1 and kind == "realtime":
            text = f"'{kind}' takes one provider, not a list of {len(items)}"
            self.problems.append(Problem("one-provider", text, node.place, "keep the first"))
            items = items[:1]
        return tuple(service for item in items if (service := self._one(kind, item)))

    def _one(self, kind: Kind, node: Node) -> Service | None:
        section = self._written_out(kind, node)
        if section is None:
            return None
        if "class" in section.entries:
            return self._own_class(kind, section)
        named = section.entries["provider"]
        if not isinstance(named, Scalar):
            self.problems.append(wrong_value("wrong-type", _facts("text", named), "provider", named))
            return None
        if not named.known:
            return None
        provider = catalog().find(kind, named.text)
        if provider is None:
            model = section.entries.get("model")
            written = model.text if isinstance(model, Scalar) and model.raw == model.text else ""
            self.problems.append(unknown_provider(kind, named, written))
            return None
        beside = _beside(section, "provider")
        if provider.name == "rules":
            return self._rules(provider, beside, named.place)
        return self.against(provider, beside, named.place)

    def against(self, provider: Provider, beside: Mapping, place: Place) -> Service:
        """Return a service read against what its provider takes; what is wrong is reported.

        Args:
            provider: Who it is.
            beside: What stands beside its name.
            place: Where it is named.
        """
        options = {**provider.defaults, **dict(self._options(provider, beside))}
        named = {*beside.entries, *self._meant}
        options |= dict(self._implied(provider, beside, place))
        self._needs(provider, named | {*options}, place)
        secs = options.pop(TIMEOUT, None)
        given = float(secs) if isinstance(secs, int | float) else None
        return Service(provider.kind, provider, options, place, extra=self._extra(provider, beside), given_secs=given)

    def _own_class(self, kind: Kind, section: Mapping) -> Service | None:
        named, place = section.entries["class"], section.keys["class"]
        if "provider" in section.entries:
            text = f"{kind} names a 'provider' and a 'class'"
            self.problems.append(Problem("provider-and-class", text, place, "keep one of them"))
            return None
        if not isinstance(named, Scalar) or not _CLASS.fullmatch(named.text):
            known = not isinstance(named, Scalar) or named.known
            form = {"form": "package.module:Class, as in speech.acme:AcmeTTSService"}
            self.problems += [wrong_value("wrong-form", form, "class", named)] if known else []
            return None
        text = f"{named.text} is imported, and its options are checked, when the file runs"
        self.problems.append(Problem("class-at-run", text, named.place, severity=Severity.NOTE))
        module, _, cls = named.text.partition(":")
        entry = {"module": module, "cls": cls, "settings": "", "http_session": False, "options": {}}
        beside = _beside(section, "class")
        return Service(kind, provider(kind, named.text, entry), {}, named.place, written=beside)

    def _written_out(self, kind: Kind, node: Node) -> Mapping | None:
        """Return a service as a mapping, or report why it is none."""
        written = as_service(node)
        if isinstance(written, Mapping) and not written.entries.keys().isdisjoint(("provider", "class")):
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
        if problem := decided(provider, key, place, value):
            return problem
        choices = [*provider.options, TIMEOUT, *([KEYTERMS] if provider.kind == "asr" else [])]
        words = short(value)
        reply = renamed(key, provider.options, words) or answer(
            key, f"{provider.kind} service", [] if provider.one_of else choices, homes=self.homes, value=words
        )
        self.moved |= {reply.moved} - {""}
        self._meant |= {reply.meant} - {""}
        return unknown_key(text, reply, place) if reply.help else of_others(provider, key, text, place)

    def _options(self, provider: Provider, section: Mapping) -> Iterator[tuple[str, object]]:
        """Yield options and their values; None stands for one that has been reported, or that is not set yet."""
        self._meant.clear()
        for key, node in section.entries.items():
            option = _TIMEOUT_OPTION if key == TIMEOUT and not provider.one_of else provider.options.get(key)
            if option is not None:
                self.problems += remarks(provider, option, node, section.keys[key])
                value, problem = read(option, node)
                self.problems += [problem] if problem else []
                yield key, value
            elif key == KEYTERMS and provider.kind == "asr":
                for found in keyterms(provider, section, section.keys[key]):
                    if isinstance(found, Problem):
                        self.problems.append(found)
                    else:
                        yield found
            elif key != "extra" or provider.one_of:
                self.problems.append(self._unknown_option(provider, key, section))

    def _extra(self, provider: Provider, section: Mapping) -> Values[str, object]:
        """Return what stands under `extra`: nothing here knows it, so it is said that nobody has checked it."""
        node = section.entries.get("extra")
        if node is None or provider.one_of:
            return {}
        place = section.keys["extra"]
        if not provider.passes_extra:
            self.problems.append(unknown_extra(provider, place))
        elif not isinstance(node, Mapping):
            self.problems.append(wrong_value("wrong-type", _facts("a mapping", node), "extra", node))
        else:
            text = f"what stands under 'extra' goes to {provider.name} unchecked"
            self.problems.append(Problem("unchecked-extra", text, place, severity=Severity.WARNING))
            return {key: read_any(plain(value)) for key, value in node.entries.items()}
        return {}

    def _implied(self, provider: Provider, beside: Mapping, place: Place) -> Iterator[tuple[str, object]]:
        """Yield what the environment gives: the provider's usual variables, unless the file says otherwise."""
        given = beside.entries
        for key, variable in provider.environment.items():
            option = provider.options.get(key)
            if key in given or key in self._meant or option is None:
                continue
            if option.secret and "endpoint" in self._meant:
                yield key, None
            elif option.secret and "endpoint" in given:
                problem = key_not_sent(variable, key, given["endpoint"], place)
                compatible = (provider.kind, provider.name) == ("llm", "openai")
                hint = f"{problem.help}, or write provider: openai-compatible" if compatible else problem.help
                self.problems.append(replace(problem, help=hint))
            elif option.required or option.secret:
                yield key, self.expansion.implied(variable, provider.label, place) or None
            elif value := self.expansion.variables.get(variable):
                yield key, value

    def _needs(self, provider: Provider, given: Container[str], place: Place) -> None:
        for names in provider.musts:
            variable = next((provider.environment[name] for name in names if name in provider.environment), "")
            if any(name in given for name in names):
                continue
            if not variable:
                text = f"{provider.name} has no default {' or '.join(names)}"
                self.problems.append(Problem("missing-option", text, place, f"add '{names[0]}:'"))
            elif len(names) > 1:
                self.expansion.implied(variable, provider.label, place)

    def _rules(self, provider: Provider, section: Mapping, place: Place) -> Service | None:
        # Most files have a model, and reading phrases is a package of its own.
        from voicekit.config.rules import Rules  # noqa: PLC0415

        try:
            rules = Rules.model_validate(plain(section))
        except ValidationError as error:
            self.problems += translate(error, section, Rules, ("llm",), homes=self.homes)
            return None
        return Service("llm", provider, {}, place, rules)


def _beside(section: Mapping, name: str) -> Mapping:
    return Mapping({k: v for k, v in section.entries.items() if k != name}, section.keys, section.place)


def key_not_sent(variable: str, key: str, endpoint: Node, place: Place) -> Problem:
    """Return the problem for an own endpoint without a key: the usual one is not for strangers.

    Args:
        variable: The usual one's variable.
        key: The key of the file that it is the default of.
        endpoint: Where it would be sent.
        place: Where is said whose it is.
    """
    host = re.search(r"://(?:[^/@\s]*@)?([\w.-]+)", endpoint.raw) if isinstance(endpoint, Scalar) else None
    text = f"{variable} is not sent to {host[1] if host else 'an endpoint of your own'}"
    return Problem("key-not-sent", text, place, f"add '{key}: \"${{{variable}}}\"' if it is meant for that host")


def _facts(wanted: str, node: Node) -> dict[str, Any]:
    return dict(wrong_type(wanted, node).context or {})
