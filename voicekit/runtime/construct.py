"""Construct: one service of a file as a Pipecat object, from what the catalogue says of its class."""

import functools
import importlib
import operator
import sys
from collections.abc import Mapping
from typing import Any, cast

from pipecat.processors.frame_processor import FrameProcessor
from pydantic import TypeAdapter

from voicekit.config.agent import Agent
from voicekit.config.services import Service
from voicekit.problems import Problem, Refused
from voicekit.providers.catalog import Provider
from voicekit.runtime.clients import ask_once
from voicekit.runtime.hooks import HOOKS
from voicekit.runtime.resources import Resources
from voicekit.services import signatures
from voicekit.services.annotations import members
from voicekit.services.llm_rules import Values


def construct(agent: Agent, service: Service, resources: Resources, values: Values = dict) -> FrameProcessor:
    """Build a service: its class, its constructor's arguments and its Settings.

    Args:
        agent: The file, with its prompt as the call has it.
        service: The section of it.
        resources: What calls share.
        values: Gives what the answers of rules may name of the call.

    Raises:
        Refused: Its package is not installed, or its constructor does not take what it was given.
    """
    provider = service.provider
    cls = service_class(service)
    arguments, settings = _arguments(agent, service)
    if provider.http_session:
        arguments["aiohttp_session"] = resources.http
    if service.rules:
        arguments["values"] = values
    if hook := HOOKS.get((service.kind, provider.name)):
        arguments = hook(agent, service, resources, arguments)
    try:
        if _structured(arguments):
            arguments = _coerced(arguments, signatures.constructor(cls))
        if provider.settings:
            arguments["settings"] = _settings(cls, provider, settings)
        made = cast("FrameProcessor", cls(**arguments))
    except Exception as error:
        text = f"{provider.name} cannot be built: {error}"
        raise Refused([Problem("service-refused", text, service.place)]) from error
    ask_once(made)
    return made


def service_class(service: Service) -> type:
    """Import a service's class.

    Raises:
        Refused: A package it needs is not installed; the problem names the line that installs it.
    """
    provider = service.provider
    try:
        module = importlib.import_module(provider.module)
    except ImportError as error:
        text = f"{provider.name} needs a package that is not installed: {error}"
        install = f'pip install "{provider.extra}"' if provider.extra else f"pip install {error.name}"
        if provider.python and sys.version_info < tuple(map(int, provider.python.split("."))):
            install += f", with Python {provider.python} or newer"
        raise Refused([Problem("missing-extra", text, service.place, install)]) from error
    return cast("type", getattr(module, provider.cls))


def _arguments(agent: Agent, service: Service) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the constructor's arguments and the Settings, nested as the catalogue's targets say."""
    options = {name: value for name, value in service.options.items() if value is not None}
    if "language" in service.provider.options:
        options.setdefault("language", service.provider.spoken(agent.language))
    tree: dict[str, Any] = {"init": {}, "settings": {}}
    for name, value in options.items():
        _put(tree, service.provider.options[name].target, value)
    if service.provider.local_turns and agent.turn_end != "provider":
        _put(tree, service.provider.local_turns, False)
    if service.extra:
        tree["settings"]["extra"] = dict(service.extra)
    if service.kind in ("llm", "realtime") and agent.prompt:
        tree["settings"]["system_instruction"] = agent.prompt
    return tree["init"], tree["settings"]


def _put(tree: dict[str, Any], target: str, value: object) -> None:
    *path, last = target.split(".")
    for step in path:
        tree = tree.setdefault(step, {})
    tree[last] = value


def _settings(cls: type, provider: Provider, values: dict[str, Any]) -> object:
    module, _, name = provider.settings.partition(":")
    settings = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    if _structured(values):
        values = _coerced(values, signatures.settings(cls))
    return cast("type", settings)(**values)


def _structured(values: Mapping[str, Any]) -> bool:
    return any(isinstance(value, dict | list) for value in values.values())


def _coerced(values: dict[str, Any], arguments: Mapping[str, signatures.Argument]) -> dict[str, Any]:
    """Return values as they are annotated: nested mappings become the classes that Pipecat wants there."""
    return {
        name: _as(arguments[name].annotation, value) if isinstance(value, dict | list) and name in arguments else value
        for name, value in values.items()
    }


def _as(annotation: object, value: Any) -> Any:
    kinds: list[Any] = members(annotation)
    if not kinds:
        return value
    wanted: Any = functools.reduce(operator.or_, kinds)
    return TypeAdapter(wanted).validate_python(value)
