"""What a service class can be told, in voicekit's words: its entry in the catalogue of providers.

`python -m voicekit.services.introspect` writes the catalogue, `providers/catalog.json`; with `--check` it
only says whether the committed file is the one it would write. `voicekit.services.generate` does that work.
"""

import dataclasses
import enum
import fnmatch
import functools
import itertools
import re
import typing
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pydantic import BaseModel

from voicekit.services import signatures
from voicekit.services.annotations import ANY, TEXT, members, shape
from voicekit.services.docstrings import NOTHING, OPEN, Range, Said, documented, widest
from voicekit.services.signatures import Argument
from voicekit.services.stubs import is_stand_in

Entry = dict[str, Any]

KINDS: dict[str, type] = {"asr": STTService, "llm": LLMService, "tts": TTSService}


class OverlayError(Exception):
    """The overlay says something of a class that the class does not bear out."""


@functools.cache
def overlay() -> Mapping[str, Any]:
    """Return `providers/overlay.yaml`: what a person knows better. Its own comments explain its parts."""
    text = resources.files("voicekit.providers").joinpath("overlay.yaml").read_text(encoding="utf-8")
    parsed: Mapping[str, Any] = yaml.safe_load(text)
    return parsed


def kind_of(cls: type) -> str:
    """Return the section a service class belongs to: asr, llm or tts; empty for any other class.

    A speech-to-speech service is an LLM service by its class; where it is named says that it is realtime.
    """
    return next((kind for kind, base in KINDS.items() if issubclass(cls, base)), "")


def describe(cls: type, correction: Mapping[str, Any] | None = None) -> Entry:
    """Return the catalogue's entry of a service class, as `voicekit.providers.catalog` reads it.

    Args:
        cls: A Pipecat STT, LLM or TTS service class, Pipecat's, ours or a user's.
        correction: An entry of the overlay; what it says of single options counts here.

    Raises:
        OverlayError: The correction names an option that the class does not have.
    """
    correction = correction or {}
    arguments, fields = signatures.constructor(cls), signatures.settings(cls)
    _refuse_unknown(cls, correction, {*arguments, *fields})
    settings = signatures.settings_class(cls)
    # Also of fields that nobody reads: an argument of that name is the field's old place.
    moved = {field.name for field in dataclasses.fields(settings)} if settings else set()
    wording = _Wording(cls, correction, arguments)
    options: dict[str, Entry] = {}
    for argument in arguments.values():
        name = wording.name(argument.name)
        if name and name not in moved and not _is_plumbing(argument, cls):
            options |= wording.option(name, f"init.{argument.name}", argument)
    for field in fields.values():
        name = wording.name(field.name)
        if name:
            options |= wording.option(name, f"settings.{field.name}", field)
    for name, target in correction.get("paths", {}).items():
        options |= wording.option(name, target, _nested(cls, target, arguments, fields))
    for name, target in correction.get("hooks", {}).items():
        options |= wording.option(name, target, _hooked(cls, target, arguments))
    session = arguments.get("aiohttp_session")
    needs = [name for name, option in options.items() if option.get("required")]
    if issubclass(cls, TTSService) and "voice" in fields and fields["voice"].default is None:
        needs.append("voice")
    return {
        "module": cls.__module__,
        "cls": cls.__qualname__,
        "settings": f"{settings.__module__}:{settings.__qualname__}" if settings else "",
        "http_session": session is not None and session.required,
        "passes_extra": settings is not None and signatures.passes_on_extra(cls),
        "keyterms": _keyterms(options, correction) if issubclass(cls, STTService) else {},
        "needs": needs,
        "options": options,
    }


def _keyterms(options: Mapping[str, Entry], correction: Mapping[str, Any]) -> dict[str, str]:
    """Return the option that takes names and words to expect, and its form; empty when there is none."""
    if "keyterms" in correction:
        return dict(correction["keyterms"])
    lists = (name for name in overlay()["words"]["keyterms"] if "list" in options.get(name, {}).get("types", ()))
    return dict.fromkeys(itertools.islice(lists, 1), "list")


class _Wording:
    """How one class's options are called and what is said of each."""

    def __init__(self, cls: type, correction: Mapping[str, Any], arguments: Mapping[str, Argument]) -> None:
        words = overlay()["words"]
        endpoints = [name for name in words["endpoint"] if name in arguments and not arguments[name].plumbing]
        endpoint = correction.get("endpoint") or next(iter(endpoints), "")
        renamed = set(correction.get("rename", {}))
        self._names: dict[str, str] = {
            **words["rename"],
            **correction.get("rename", {}),
            endpoint: "endpoint",
        }
        self._hidden: list[str] = [key for group in words["hide"] for key in group["keys"]]
        self._hidden += correction.get("hide", [])
        self._hidden += [name for name in endpoints if name != endpoint and name not in renamed]
        self._secret = re.compile(words["secret"])
        self._texts: list[str] = words["texts"]
        self._types: dict[str, list[str]] = correction.get("types", {})
        self._ranges: dict[str, Range] = dict.fromkeys(words["unbounded"], OPEN) | correction.get("ranges", {})
        self._instead: dict[str, str] = correction.get("instead", {})
        self._homes = {base.__module__.partition(".")[0] for base in cls.__mro__}

    def name(self, real: str) -> str:
        """Return our name for an argument or a settings field; empty when it is not an option."""
        hidden = any(fnmatch.fnmatchcase(real, pattern) for pattern in self._hidden)
        return "" if hidden else self._names.get(real, real)

    def option(self, name: str, target: str, argument: Argument) -> dict[str, Entry]:
        """Return an option by its name, or nothing when no YAML value could be given for it."""
        found = shape(argument.annotation, self._homes)
        if argument.name in self._texts:
            found = TEXT
        elif not found.types:
            if target.startswith("init."):
                return {}
            found = ANY
        entry = {
            "types": self._types.get(name, list(found.types)),
            "items": found.items if "list" in found.types else "",
            "choices": list(found.choices),
            "required": argument.required,
            "doc": argument.said.summary,
            "secret": bool(self._secret.search(target)),
            "deprecated": argument.said.since,
            "instead": self._instead.get(name, _replacement(argument.said.instead)),
            "target": target,
        }
        entry = {key: value for key, value in entry.items() if value}
        if {"int", "num"} & {*found.types}:
            low, high = self._ranges.get(name, argument.bounds)
            entry |= {key: _short(bound) for key, bound in (("low", low), ("high", high)) if bound is not None}
        default = plain(argument.default)
        return {name: entry if default is None else entry | {"default": default}}


def _replacement(text: str) -> str:
    """Return the help that Pipecat's "Use ``name`` instead" amounts to in a file; empty where it is none."""
    match = re.match(r"Use ``(?:settings=[\w.]+\()?(\w+)(?:=\.\.\.\))?`` instead", text)
    return f"write '{match[1]}' instead" if match else ""


def _short(number: float) -> float:
    return int(number) if number == int(number) else number


def plain(value: object) -> object:
    """Return a default as JSON has it, or None for one that JSON has not."""
    value = value.value if isinstance(value, enum.Enum) else value
    if type(value) in (str, int, float, bool):
        return None if is_stand_in(value) else value
    if isinstance(value, (list, tuple)) and all(type(item) in (str, int, float, bool) for item in value):
        return list(value) or None
    return None


def _is_plumbing(argument: Argument, cls: type) -> bool:
    kept = argument.name == "ttfs_p99_latency" and issubclass(cls, STTService)
    return argument.plumbing and not kept


def _refuse_unknown(cls: type, correction: Mapping[str, Any], known: set[str]) -> None:
    named = {*correction.get("rename", {}), *correction.get("hide", [])}
    for about in ("types", "ranges", "instead"):
        named |= {*correction.get(about, {})} - {*correction.get("paths", {})}
    named |= {correction["endpoint"]} if "endpoint" in correction else set()
    if unknown := sorted(named - known):
        raise OverlayError(f"{cls.__qualname__} has no option {', '.join(unknown)}")


def _nested(cls: type, target: str, arguments: Mapping[str, Argument], fields: Mapping[str, Argument]) -> Argument:
    """Return the argument at the end of a path: `settings.session_properties.audio.output.voice`."""
    where, first, *rest = target.split(".")
    found = (arguments if where == "init" else fields).get(first)
    for name in rest:
        found = _inside(found, name) if found else None
    if found is None:
        raise OverlayError(f"{cls.__qualname__} has no option {target}")
    return found


def _hooked(cls: type, target: str, arguments: Mapping[str, Argument]) -> Argument:
    """Return the argument for an option that only a hook of the runtime can turn into an SDK's object."""
    first, last = target.split(".")[1], target.rpartition(".")[2]
    if first not in arguments:
        raise OverlayError(f"{cls.__qualname__} has no option {target}")
    return Argument(last, str, signatures.UNKNOWN, Said("URL of the API."))


def _inside(outer: Argument, name: str) -> Argument | None:
    """Return a field of the pydantic models that an argument may be, joined when several have it."""
    models = [each for each in members(outer.annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
    having = [model for model in models if name in model.model_fields]
    if not having:
        return None
    docs = [documented(model.__doc__ or "").get(name, NOTHING) for model in having]
    annotation: object = typing.Union[tuple(model.model_fields[name].annotation for model in having)]  # noqa: UP007 - built at run time
    said = next((each for each in docs if each.summary), NOTHING)
    limits = [signatures.bounds(model.model_fields[name]) for model in having]
    return Argument(name, annotation, signatures.UNKNOWN, said, functools.reduce(widest, [said.range, *limits]))


if __name__ == "__main__":
    # As `__main__` this module is loaded a second time; the generator uses the one with its own name.
    from voicekit.services import generate

    generate.main()
