"""Own: services of the user's, `class: package.module:Class`, imported and read as the catalogue's are.

A file is trusted code when it runs, and only then: checking it imports nothing.
"""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.document import Mapping
from voicekit.config.environment import Expansion
from voicekit.config.homes import homes_of
from voicekit.config.services import Service, ServiceReader
from voicekit.problems import Problem, Refused, has_errors
from voicekit.providers.catalog import KINDS, provider
from voicekit.runtime.functions import find
from voicekit.services.introspect import describe, kind_of

_BASES: Final = {"asr": "STTService", "llm": "LLMService", "tts": "TTSService"}


def with_own_classes(agent: Agent, folder: Path) -> Agent:
    """Return a file with the services read that its own classes are.

    Args:
        agent: The file.
        folder: Its folder, where modules are looked for first.

    Raises:
        Refused: A class cannot be imported, is no such service, or does not have an option that the file gives it.
    """
    if not any(service.written for service in agent.services):
        return agent
    services = [_read(each, each.written, folder) if each.written else each for each in agent.services]
    of: dict[str, tuple[Service, ...]] = {kind: tuple(each for each in services if each.kind == kind) for kind in KINDS}
    realtime = next(iter(of["realtime"]), None)
    return agent.model_copy(update={**of, "realtime": realtime})


def _read(service: Service, written: Mapping, folder: Path) -> Service:
    name = service.provider.name
    try:
        cls = find(name, folder, "class")
    except Refused as refused:
        raise Refused(replace(problem, place=service.place) for problem in refused.problems) from refused
    # A speech-to-speech service is an LLM service by its class.
    base = "llm" if service.kind == "realtime" else service.kind
    if not inspect.isclass(cls) or kind_of(cls) != base:
        text = f"'{name}' is not a {service.kind} service of Pipecat's"
        raise Refused([Problem("bad-class", text, service.place, f"derive it from {_BASES[base]}")])
    found = provider(service.kind, name, describe(cls))
    reader = ServiceReader(Expansion({}, running=True), homes_of(Agent))
    read = reader.against(found, written, service.place)
    if has_errors(reader.problems):
        raise Refused(reader.problems)
    return read
