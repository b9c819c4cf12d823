"""The generator of the catalogue: every service of Pipecat and of ours, joined with the overlay.

To see services whose SDKs are missing it stands in for those, so it runs in a process of its own.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import inspect
import io
import json
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pipecat.services
from loguru import logger
from pipecat.services.stt_service import SegmentedSTTService

import voicekit.providers
from voicekit.providers.prices import read_prices
from voicekit.services import stubs
from voicekit.services.endings import marks_finals, proposes_turns
from voicekit.services.introspect import Entry, OverlayError, describe, kind_of, overlay
from voicekit.services.registry import Registry

PATH = Path(voicekit.providers.__file__).parent / "catalog.json"

Correction = Mapping[str, Any]

# What an entry says even when it is empty.
_ALWAYS = ("module", "cls", "settings", "http_session", "options")

SECTIONS = ("asr", "llm", "tts", "realtime")


def generate(classes: Iterable[type], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return the catalogue of some classes, corrected and completed by an overlay.

    Raises:
        OverlayError: The overlay names a class, a provider or an option that does not exist.
    """
    registry, providers = Registry(), {section: dict[str, Entry]() for section in SECTIONS}
    corrections = [(section, *each) for section in SECTIONS for each in overlay.get(section, {}).items()]
    for section, name, cls, correction in _placements(classes, corrections, registry):
        if name in providers[section]:
            raise OverlayError(f"{section} {name}: {cls.__name__} is the second class of that name")
        try:
            providers[section][name] = _entry(cls, correction, registry)
        except OverlayError as error:
            raise OverlayError(f"{section} {name}: {error}") from None
    for section, name, correction in corrections:
        if "one_of" in correction:
            providers[section][name] = _alternatives(providers[section], name, correction)
        elif name not in providers[section]:
            raise OverlayError(f"{section} {name}: there is no such provider to correct")
    _refuse_unknown_names(providers)
    return {"pipecat": importlib.metadata.version("pipecat-ai"), "providers": providers, "words": _words()}


def _refuse_unknown_names(providers: Mapping[str, Mapping[str, Entry]]) -> None:
    for section, entries in providers.items():
        for name, entry in entries.items():
            if unknown := {*entry.get("models", {}).values()} - set(entries):
                raise OverlayError(f"{section} {name}: there is no provider {', '.join(sorted(unknown))}")


def _words() -> dict[str, Any]:
    """Return what the overlay says of every class, as far as a file's reader needs it."""
    words = overlay()["words"]
    endpoints = {name: "endpoint" for name in words["endpoint"] if name != "endpoint"}
    return {
        "decided": words["hide"],
        "renamed": endpoints | words["rename"],
        "makers": words["makers"],
        "servers": words["servers"],
    }


def text(catalogue: Mapping[str, Any]) -> str:
    """Return the catalogue as its file has it."""
    return json.dumps(catalogue, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def services() -> Iterator[type]:
    """Yield every service class of Pipecat that a file may name: concrete, public and not deprecated."""
    for found in pkgutil.walk_packages(pipecat.services.__path__, "pipecat.services."):
        module = importlib.import_module(found.name)
        for name, cls in vars(module).items():
            if inspect.isclass(cls) and cls.__module__ == found.name and not name.startswith("_") and _is_usable(cls):
                yield cls


def _is_usable(cls: type) -> bool:
    if (
        not kind_of(cls)
        or inspect.isabstract(cls)
        or re.search(r"Base(?=[A-Z]|$)|\.\w+_service\.", f"{cls.__module__}.{cls.__name__}")
    ):
        return False
    return not hasattr(cls, "__deprecated__") and ".. deprecated::" not in (cls.__doc__ or "")


def _placements(
    classes: Iterable[type], corrections: Iterable[tuple[str, str, Correction]], registry: Registry
) -> Iterator[tuple[str, str, type, Correction]]:
    """Yield section, name, class and correction: those the overlay places itself, then the others by rule."""
    known = {cls.__name__: cls for cls in classes}
    unplaced = dict(known)
    by_rule: dict[tuple[str, str], Correction] = {}
    for section, name, correction in corrections:
        if "pipecat" in correction:
            if correction["pipecat"] not in known:
                raise OverlayError(f"{section} {name}: Pipecat has no service {correction['pipecat']}")
            unplaced.pop(correction["pipecat"], None)
            yield section, name, known[correction["pipecat"]], correction
        elif "class" in correction:
            yield section, name, _imported(correction["class"], f"{section} {name}"), correction
        else:
            by_rule[section, name] = correction
    for cls in unplaced.values():
        section, name = "realtime" if registry.is_realtime(cls) else kind_of(cls), registry.name(cls)
        yield section, name, cls, by_rule.get((section, name), {})


def _imported(reference: str, whose: str) -> type:
    """Return the service class that `package.module:Class` names."""
    module, _, name = reference.partition(":")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise OverlayError(f"{whose}: {error}") from error
    if not inspect.isclass(cls) or not kind_of(cls):
        raise OverlayError(f"{whose}: {reference} is not a service class")
    return cls


def _entry(cls: type, correction: Correction, registry: Registry) -> Entry:
    """Return what a class says of itself, with what only the registry and the overlay know."""
    entry = describe(cls, correction)
    options = entry["options"]
    variables = registry.environment(cls, options, correction.get("prefix", ""))
    corrected = correction.get("environment", variables)
    variables = variables | corrected if corrected else {}
    defaults = dict(correction.get("defaults", {}))
    entry |= {
        "label": correction["label"] if "label" in correction else registry.label(cls),
        "extra": correction["extra"] if "extra" in correction else registry.package(cls),
        "models": dict(correction.get("models", {})),
        "environment": {name: variable for name, variable in variables.items() if variable},
        "defaults": defaults,
        "needs": [name for name in entry["needs"] if name not in variables and name not in defaults],
    }
    entry["needs"] = correction.get("needs", entry["needs"])
    entry |= _endings(cls, correction) if kind_of(cls) == "asr" else {"proposes_turns": proposes_turns(cls)}
    entry["local_turns"] = correction.get("local_turns", "")
    entry |= {"free": correction.get("free", False), "prices": _prices(correction)}
    entry["python"] = registry.python(entry["extra"])
    needed = (name for need in entry["needs"] for name in need.split("|"))
    unknown = {*entry["environment"], *defaults, *needed, *entry["keyterms"]} - set(options)
    if unknown:
        raise OverlayError(f"{cls.__name__} has no option {', '.join(sorted(unknown))}")
    return {key: value for key, value in entry.items() if value or key in _ALWAYS}


def _prices(correction: Correction) -> Mapping[str, Any]:
    """Return a list of prices as it is written, if it can be read."""
    try:
        listed = read_prices(correction)
        if listed and listed.as_of:
            date.fromisoformat(listed.as_of)
    except (KeyError, TypeError, ValueError) as error:
        raise OverlayError(f"prices: {error}") from error
    written: Mapping[str, Any] = correction.get("prices", {})
    return written


def _endings(cls: type, correction: Correction) -> Entry:
    """Return when an asr ends turns itself, and when it tells of words."""
    if proposes_turns(cls) != ("turns" in correction):
        raise OverlayError(f"{cls.__name__} {'ends' if proposes_turns(cls) else 'never ends'} turns itself")
    found = {"turns": correction.get("turns", {}), "never_final": not marks_finals(cls)}
    return found | {"segmented": issubclass(cls, SegmentedSTTService)}


def _alternatives(providers: Mapping[str, Entry], name: str, correction: Correction) -> Entry:
    """Return the entry of a provider that is whichever of several others can be used on a machine."""
    if unknown := set(correction["one_of"]) - set(providers):
        raise OverlayError(f"{name}: there is no provider {', '.join(sorted(unknown))}")
    nothing: Entry = {"module": "", "cls": "", "settings": "", "http_session": False, "options": {}}
    return nothing | {key: correction[key] for key in ("label", "one_of", "free")}


def main() -> None:
    """Write the catalogue; or with `--check` exit with 1 if its file is not what would be written."""
    parser = argparse.ArgumentParser(prog="python -m voicekit.services.introspect", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on a difference")
    check = parser.parse_args().check
    logger.remove()
    stubs.install()
    try:
        # Deprecated modules are imported too, to be left out, and they cannot be kept from saying so.
        with contextlib.redirect_stderr(io.StringIO()):
            fresh = text(generate(services(), overlay()))
    except OverlayError as error:
        parser.exit(1, f"error: voicekit/providers/overlay.yaml: {error}\n")
    if not check:
        PATH.write_text(fresh, encoding="utf-8")
    elif not PATH.exists() or PATH.read_text(encoding="utf-8") != fresh:
        parser.exit(1, f"error: {PATH.name} is out of date: run python -m voicekit.services.introspect\n")
