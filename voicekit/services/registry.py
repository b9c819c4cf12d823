"""Pipecat's own registry of services, asked by class: names, labels, extras and environment variables.

The registry leaves out about thirty classes. Those follow the vendor's other classes, then their own name.
"""

import importlib.metadata
import re
from collections.abc import Mapping
from typing import Any

from pipecat.cli.registry import ServiceRegistry
from pipecat.cli.registry.service_metadata import ServiceDefinition

KIND = re.compile(r"(Realtime)?LLMService|(STT|TTS)Service")


class Registry:
    """What Pipecat knows of its service classes beside the classes themselves."""

    def __init__(self) -> None:
        lists = (ServiceRegistry.STT_SERVICES, ServiceRegistry.LLM_SERVICES, ServiceRegistry.TTS_SERVICES)
        self._realtime = {_class_name(each) for each in ServiceRegistry.REALTIME_SERVICES}
        everything = [*(each for services in lists for each in services), *ServiceRegistry.REALTIME_SERVICES]
        self._own = {_class_name(each): each for each in everything}
        self._vendors: dict[str, list[ServiceDefinition]] = {}
        for each in everything:
            for line in ServiceRegistry.IMPORTS[each.value]:
                if match := re.match(r"from pipecat\.services\.(\w+).* import .*\b" + _class_name(each), line):
                    self._vendors.setdefault(match[1], []).append(each)
        self._extras = set(importlib.metadata.metadata("pipecat-ai").get_all("Provides-Extra") or [])

    def is_realtime(self, cls: type) -> bool:
        """Whether the registry lists a class among the speech-to-speech services."""
        return cls.__name__ in self._realtime

    def name(self, cls: type) -> str:
        """Return the provider name that follows from the registry's or, without one, from the class's."""
        if own := self._own.get(cls.__name__):
            return re.sub(r"_(stt|llm|tts|realtime)$", "", own.value).replace("_", "-")
        return re.sub(r"[ _]", "-", " ".join([_vendor(cls), _variant(cls)]).strip().lower())

    def label(self, cls: type) -> str:
        """Return the name for people: the registry's, or the vendor's with the variant behind it."""
        if own := self._own.get(cls.__name__):
            return own.label.removesuffix(" TTS")
        labels = [each.label.removesuffix(" TTS") for each in self._vendors.get(_vendor(cls), [])]
        return " ".join([min(labels, key=len) if labels else _vendor(cls).capitalize(), _variant(cls)]).strip()

    def package(self, cls: type) -> str:
        """Return what to install for a class, `pipecat-ai[deepgram]`; empty when Pipecat alone does."""
        near = self._near(cls)
        vendor = _vendor(cls).replace("_", "-")
        package = near.package if near else f"pipecat-ai[{vendor}]" if vendor in self._extras else ""
        return package if "[" in package else ""

    def python(self, package: str) -> str:
        """Return the first release of Python that all of a package's extras install anything for, or empty."""
        extras = package.partition("[")[2].rstrip("]").split(",")
        lines = importlib.metadata.requires("pipecat-ai") or []
        wanted = re.compile(rf"""python_version >= "([\d.]+)" and extra == "({"|".join(extras)})\"""")
        return max((match[1] for line in lines if (match := wanted.search(line))), default="")

    def environment(self, cls: type, options: Mapping[str, Mapping[str, Any]], prefix: str) -> dict[str, str]:
        """Return the variables of the options that are secret or that Pipecat's examples read so.

        Args:
            cls: The service class.
            options: Its options, as `describe` returns them.
            prefix: What the variables begin with, or empty for the registry's.
        """
        near = self._near(cls)
        prefix = prefix or (near.env_prefix if near else "") or _vendor(cls).upper()
        listed = (self._own[cls.__name__].include_params or []) if cls.__name__ in self._own else []
        found: dict[str, str] = {}
        for name, option in options.items():
            where, _, argument = option["target"].partition(".")
            wanted = argument in listed or option.get("secret") or (option.get("required") and name != "endpoint")
            if where == "init" and wanted:
                variable = argument.rpartition(".")[2].upper()
                found[name] = variable if variable.startswith(f"{prefix}_") else f"{prefix}_{variable}"
        return found

    def _near(self, cls: type) -> ServiceDefinition | None:
        siblings = self._vendors.get(_vendor(cls), [])
        return self._own.get(cls.__name__) or next(iter(siblings), None)


def _class_name(service: ServiceDefinition) -> str:
    return (service.class_name or [""])[0]


def _vendor(cls: type) -> str:
    """Return the vendor's package: `deepgram` of `pipecat.services.deepgram.stt`."""
    return cls.__module__.removeprefix("pipecat.services.").partition(".")[0]


def _variant(cls: type) -> str:
    """Return what a class's name has beyond vendor and kind, in words: `Http`, `Flux Sage Maker`."""
    stem = KIND.sub("", cls.__name__)
    vendor = _vendor(cls).replace("_", "")
    rest = stem[len(vendor) :] if stem.lower().startswith(vendor) else stem
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", rest).replace("Http", "HTTP")
