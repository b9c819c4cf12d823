"""Hooks: what a constructor wants and neither a file nor the catalogue can hold, by provider."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from voicekit.config.agent import Agent
from voicekit.config.services import Service
from voicekit.runtime.grammar import rules_grammar
from voicekit.runtime.resources import Resources
from voicekit.runtime.rulebook import rulebook

Arguments: TypeAlias = dict[str, Any]
Hook: TypeAlias = Callable[[Agent, Service, Resources, Arguments], Arguments]


def _pocketsphinx(agent: Agent, service: Service, resources: Resources, arguments: Arguments) -> Arguments:
    jsgf = rules_grammar(agent) if arguments.get("grammar") == "rules" else ""
    return arguments | {"pool": resources.pool("pocketsphinx_worker"), "jsgf": jsgf}


def _rules(agent: Agent, service: Service, resources: Resources, arguments: Arguments) -> Arguments:
    return arguments | {"book": rulebook(agent, service.rules)} if service.rules else arguments


def _flite(agent: Agent, service: Service, resources: Resources, arguments: Arguments) -> Arguments:
    return arguments | {"pool": resources.pool("flite_worker")}


def _espeak(agent: Agent, service: Service, resources: Resources, arguments: Arguments) -> Arguments:
    return arguments | {"pool": resources.pool("espeak_worker")}


def _anthropic(agent: Agent, service: Service, resources: Resources, arguments: Arguments) -> Arguments:
    if "client" not in arguments:
        return arguments
    from anthropic import AsyncAnthropic  # noqa: PLC0415 - an extra of Pipecat's

    return arguments | {"client": AsyncAnthropic(api_key=arguments.get("api_key"), **arguments["client"])}


def _openai_compatible(agent: Agent, service: Service, resources: Resources, arguments: Arguments) -> Arguments:
    # Without a key the client would take OPENAI_API_KEY and send it to a stranger.
    return {"api_key": "none"} | arguments


def _ultravox(agent: Agent, service: Service, resources: Resources, arguments: Arguments) -> Arguments:
    # It reads no Settings for this.
    return arguments | {"params": {**arguments.get("params", {}), "system_prompt": agent.prompt}}


HOOKS: Final[Mapping[tuple[str, str], Hook]] = {
    ("asr", "pocketsphinx"): _pocketsphinx,
    ("llm", "anthropic"): _anthropic,
    ("llm", "openai-compatible"): _openai_compatible,
    ("llm", "rules"): _rules,
    ("realtime", "ultravox"): _ultravox,
    ("tts", "espeak"): _espeak,
    ("tts", "flite"): _flite,
}
