"""The catalogue of providers, read from `catalog.json`: who can be named, and with which options.

Standard library only, and never Pipecat: checking a file must not cost the seconds that importing it does.
The file is generated from Pipecat's classes and `overlay.yaml` by `python -m voicekit.services.introspect`.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from voicekit.providers.prices import Price, Prices, read_prices

Kind = Literal["asr", "llm", "tts", "realtime"]

KINDS: tuple[Kind, ...] = get_args(Kind)

# Behind a full stop, where the next word is not in the middle of a sentence: not behind "e.g.".
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[^a-z])")


@dataclass(frozen=True, slots=True)
class Option:
    """One key that a file may write beside `provider`.

    Attributes:
        name: The key.
        types: What it takes: "text", "int", "num", "bool", "list", "map" or "any"; several are a union.
        items: For a list the type of its items, else "any".
        choices: The texts allowed, or empty when any is.
        required: Whether the class cannot be made without it.
        default: What the class uses without it, if that is a plain JSON value, else None.
        doc: What Pipecat says it is.
        secret: Whether its value must never be shown.
        deprecated: The release of Pipecat that deprecated it, or empty.
        instead: What to do in place of a deprecated one, or empty when there is nothing.
        low: The lowest number it takes, or None where that is not known.
        high: The highest, likewise.
        target: Where the value goes: `init.` and a constructor argument, or `settings.` and a field of the
            settings; further names lead into that argument or field.
    """

    name: str
    types: tuple[str, ...]
    items: str
    choices: tuple[str, ...]
    required: bool
    default: object | None
    doc: str
    secret: bool
    deprecated: str
    target: str
    instead: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def summary(self) -> str:
        """The first sentence of its doc."""
        return _SENTENCE.split(self.doc, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Provider:
    """One name that a file may write as `provider`, within one kind.

    Attributes:
        kind: The section it may stand in.
        name: The name, lower case with hyphens.
        module: The Python module of its class; empty for a choice between others (`one_of`).
        cls: The class in that module.
        label: Its name for people.
        extra: What to install for it, `pipecat-ai[deepgram]`; empty when nothing more is needed.
        options: Every key a file may write, by name.
        environment: The variable an option's value comes from when the file does not give it.
        needs: Options the file must give: they have neither default nor variable. `a|b` is one of the two.
        http_session: Whether the constructor requires an `aiohttp_session`.
        defaults: Values that voicekit pins, by option.
        settings: The class of its settings, `module:Class`; empty without.
        python: The first release of Python that `extra` installs anything for, or empty where any does.
        passes_extra: Whether it hands keys that it does not know on to the provider's API.
        keyterms: The option that takes names and words to expect, and the form it wants them in; or None.
        turns: When an asr ends turns itself: "with" or "without" options of these values; empty for never.
        proposes_turns: Whether a realtime tells of the turns that it hears.
        local_turns: Where False goes so that a realtime leaves the end of turns to us, as a target of an option; empty
            where it cannot be told to.
        never_final: Whether an asr never marks words as final, so that a turn waits `ttfs_p99_latency` for them.
        segmented: Whether an asr hears whole utterances only, and tells nothing before one has ended.
        models: Models that have a provider name of their own: patterns, and that name.
        one_of: Providers of the same kind of which the first usable one is taken; empty for all others.
        prices: What its models cost; None where nobody has looked.
    """

    kind: Kind
    name: str
    module: str
    cls: str
    label: str
    extra: str
    options: Mapping[str, Option]
    environment: Mapping[str, str]
    needs: tuple[str, ...]
    http_session: bool
    defaults: Mapping[str, object]
    settings: str
    python: str
    passes_extra: bool
    keyterms: tuple[str, str] | None
    models: Mapping[str, str]
    turns: Mapping[str, Mapping[str, object]]
    never_final: bool
    segmented: bool = False
    proposes_turns: bool = False
    local_turns: str = ""
    one_of: tuple[str, ...] = ()
    prices: Prices | None = None

    @property
    def musts(self) -> tuple[tuple[str, ...], ...]:
        """What the service cannot be without: of each, one option is enough."""
        named = [*self.needs, *(option.name for option in self.options.values() if option.required)]
        return tuple(tuple(name.split("|")) for name in dict.fromkeys(named))

    @property
    def required(self) -> tuple[tuple[str, ...], ...]:
        """Those of `musts` that a file must give: nothing of ours and no variable stands for them."""
        given = {*self.environment, *self.defaults}
        return tuple(names for names in self.musts if given.isdisjoint(names))

    def spoken(self, tag: str) -> str:
        """Return a language as the provider is told of it: OpenAI's transcription takes `en`, and refuses `en-GB`."""
        target = self.options["language"].target if "language" in self.options else ""
        return tag.partition("-")[0].lower() if target.endswith(".transcription.language") else tag

    def price(self, model: str) -> Price | None:
        """Return what a model costs, or the usual one where the name is empty; None where that is not known."""
        usual = self.options["model"].default if "model" in self.options else None
        return self.prices.of(model or str(usual or "")) if self.prices else None

    def ends_turns(self, options: Mapping[str, object]) -> bool:
        """Say whether an asr ends turns itself with the options that a file gives it."""
        given = {name: options.get(name, option.default) for name, option in self.options.items()}
        if "with" in self.turns:
            return all(given[name] == value for name, value in self.turns["with"].items())
        return any(given[name] not in (None, value) for name, value in self.turns.get("without", {}).items())

    def tells_early(self, options: Mapping[str, object]) -> bool:
        """Say whether an asr tells words before an utterance has ended, with the options that a file gives it."""
        interim = self.options.get("interim_results")
        return not self.segmented and options.get("interim_results", interim and interim.default) is not False

    @property
    def must_set(self) -> tuple[str, ...]:
        """The variables that must be set where the file does not give the option itself; others are read if set."""
        return tuple(
            variable
            for name, variable in self.environment.items()
            if (option := self.options.get(name)) and (option.secret or any(name in names for names in self.musts))
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """Options of Pipecat's that no file may write, because voicekit decides them.

    Attributes:
        keys: Their names, as patterns.
        why: Who decides, in a few words.
        help: What to do; `{inside}` stands for the first key of what was written.
    """

    keys: tuple[str, ...]
    why: str
    help: str


class Catalog:
    """All providers. Each is built when it is first asked for: a file names five of them, not two hundred.

    Attributes:
        pipecat: The release it was generated from.
        decided: Options that no file may write.
        renamed: Pipecat's words for what has one name in voicekit, and that name.
        makers: Makers of models, as such a model's name begins: `meta-llama`.
        servers: Providers that serve models of many makers.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.pipecat: str = data["pipecat"]
        self.decided = tuple(
            Decided(tuple(each["keys"]), each["why"], each["help"]) for each in data["words"]["decided"]
        )
        self.renamed: Mapping[str, str] = data["words"]["renamed"]
        self.makers: tuple[str, ...] = tuple(data["words"]["makers"])
        self.servers: tuple[str, ...] = tuple(data["words"]["servers"])
        self._entries: Mapping[Kind, Mapping[str, Mapping[str, Any]]] = data["providers"]
        self._built: dict[tuple[Kind, str], Provider] = {}

    def find(self, kind: Kind, name: str) -> Provider | None:
        """Return the provider of a kind by its name, or None."""
        entry = self._entries[kind].get(name)
        if entry is None:
            return None
        if (kind, name) not in self._built:
            self._built[kind, name] = provider(kind, name, entry)
        return self._built[kind, name]

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of a kind's providers, sorted."""
        return tuple(sorted(self._entries[kind]))

    def kinds_of(self, name: str) -> tuple[Kind, ...]:
        """Return the kinds that have a provider of this name."""
        return tuple(kind for kind in KINDS if name in self._entries[kind])

    def providers(self) -> Iterator[Provider]:
        """Yield every provider, by kind and name."""
        for kind in KINDS:
            for name in self.names(kind):
                if found := self.find(kind, name):
                    yield found


def provider(kind: Kind, name: str, entry: Mapping[str, Any]) -> Provider:
    """Return a provider from its entry in the catalogue, or from `introspect.describe`."""
    options = {key: _option(key, each) for key, each in entry["options"].items()}
    return Provider(
        kind=kind,
        name=name,
        module=entry["module"],
        cls=entry["cls"],
        label=entry.get("label", name),
        extra=entry.get("extra", ""),
        options=MappingProxyType(options),
        environment=MappingProxyType(entry.get("environment", {})),
        needs=tuple(entry.get("needs", ())),
        http_session=entry["http_session"],
        defaults=MappingProxyType(entry.get("defaults", {})),
        settings=entry["settings"],
        python=entry.get("python", ""),
        passes_extra=entry.get("passes_extra", False),
        keyterms=next(iter(entry.get("keyterms", {}).items()), None),
        models=MappingProxyType(entry.get("models", {})),
        turns=MappingProxyType(entry.get("turns", {})),
        never_final=entry.get("never_final", False),
        segmented=entry.get("segmented", False),
        proposes_turns=entry.get("proposes_turns", False),
        local_turns=entry.get("local_turns", ""),
        one_of=tuple(entry.get("one_of", ())),
        prices=read_prices(entry),
    )


def _option(name: str, entry: Mapping[str, Any]) -> Option:
    return Option(
        name=name,
        types=tuple(entry["types"]),
        items=entry.get("items", "any"),
        choices=tuple(entry.get("choices", ())),
        required=entry.get("required", False),
        default=entry.get("default"),
        doc=entry.get("doc", ""),
        secret=entry.get("secret", False),
        deprecated=entry.get("deprecated", ""),
        target=entry["target"],
        instead=entry.get("instead", ""),
        low=entry.get("low"),
        high=entry.get("high"),
    )


@functools.cache
def catalog() -> Catalog:
    """Return the catalogue, read once."""
    return Catalog(json.loads(Path(__file__).with_name("catalog.json").read_bytes()))
