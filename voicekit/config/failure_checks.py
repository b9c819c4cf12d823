"""Failure checks: lists of services, when the next one takes over, and what is heard in the meantime."""

from collections.abc import Callable, Iterator
from typing import Final

from voicekit.config.agent import CASCADE, Agent
from voicekit.config.messages import Places
from voicekit.config.services import Service
from voicekit.problems import Problem

_LISTS: Final = {
    "asr": "asr: [deepgram/nova-3, openai]",
    "llm": "llm: [openai/gpt-4o-mini, anthropic]",
    "tts": "tts: [{provider: elevenlabs, voice: …}, openai]",
}


def fallback_list(agent: Agent, places: Places) -> Iterator[Problem]:
    """Falling back needs somebody to fall back to."""
    if agent.realtime or not agent.fallback.model_fields_set:
        return
    if all(len(services) < 2 for services in agent.lists):
        text = "'fallback' needs a list of asr, llm or tts providers"
        yield Problem("fallback-without-list", text, places.key("fallback"), _LISTS["llm"])
        return
    for kind, services in zip(CASCADE, agent.lists, strict=True):
        if f"{kind}_ms" in agent.fallback.model_fields_set and len(services) < 2:
            text = f"'{kind}_ms' does nothing: there is one {kind}, and nobody to take over from it"
            yield Problem("unused-key", text, places.key("fallback", f"{kind}_ms"), f"remove it, or {_LISTS[kind]}")


def fallback_to_itself(agent: Agent, places: Places) -> Iterator[Problem]:
    """Falling back needs somebody else."""
    for services in agent.lists:
        seen: set[tuple[object, ...]] = set()
        for service in services:
            one = (service.provider.name, service.model, service.options.get("endpoint"))
            if one in seen and service.written is None:
                text = f"{service.provider.name} falls back to itself: the same provider, model and endpoint twice"
                yield Problem("fallback-to-itself", text, service.place, "remove one, or name another model")
            seen.add(one)


def rules_in_list(agent: Agent, places: Places) -> Iterator[Problem]:
    """Rules do not fail, and know nothing of what a model has said."""
    if len(agent.llm) > 1 and agent.rules:
        yield Problem(
            "rules-in-list", "'rules' cannot stand in a list of models", places.key("llm"), "keep one of them"
        )


def fallback_slower_than_timeout(agent: Agent, places: Places) -> Iterator[Problem]:
    """A service that is given up is not waited for any longer."""
    for kind, services in zip(CASCADE, agent.lists, strict=True):
        waits = getattr(agent.fallback, f"{kind}_ms")
        for service in services if len(services) > 1 else ():
            if waits > service.timeout_secs * 1000:
                yield _too_slow(kind, waits, service, agent, places)
                break


def _too_slow(kind: str, waits: int, service: Service, agent: Agent, places: Places) -> Problem:
    limit = f"{service.timeout_secs * 1000:g}"
    text = f"{service.provider.name} is given up after {limit} ms (timeout_secs), before {kind}_ms: {waits}"
    written = f"{kind}_ms" in agent.fallback.model_fields_set
    place = places.key("fallback", f"{kind}_ms") if written else service.place
    return Problem("fallback-slower-than-timeout", text, place, f"{kind}_ms: at most {limit}, or a longer timeout_secs")


def filler_order(agent: Agent, places: Places) -> Iterator[Problem]:
    """Where the line of a failure comes first, no filler is ever heard."""
    fillers, within = agent.fillers, agent.failure.within_ms
    if fillers is not None and fillers.after_ms >= within:
        text = f"the filler would come after {fillers.after_ms} ms, no sooner than failure.within_ms ({within} ms)"
        written = "after_ms" in fillers.model_fields_set
        place = places.key("fillers", "after_ms") if written else places.key("failure", "within_ms")
        yield Problem("filler-order", text, place, f"after_ms: less than {within}")


def warning_order(agent: Agent, places: Places) -> Iterator[Problem]:
    """A call that is shorter than its warning would begin with it."""
    limits = agent.limits
    if limits.call_secs is not None and limits.warn_secs is not None and limits.warn_secs >= limits.call_secs:
        text = f"the warning would come {limits.warn_secs} s before the end of a call of {limits.call_secs} s"
        written = "warn_secs" in limits.model_fields_set
        place = places.key("limits", "warn_secs" if written else "call_secs")
        yield Problem("warning-order", text, place, f"warn_secs: less than {limits.call_secs}, or warn_secs: false")


def warning_of_nothing(agent: Agent, places: Places) -> Iterator[Problem]:
    """Nobody is warned of an end that does not come."""
    limits = agent.limits
    if limits.warns:
        return
    lifted = "warn_secs" if limits.warn_secs is None else "call_secs"
    for key in ("warn_secs", "warn_say"):
        if key != lifted and places.has("limits", key):
            text = f"'{key}' does nothing with '{lifted}: false'"
            yield Problem("unused-key", text, places.key("limits", key), f"remove it, or give {lifted} a value")


FAILURE_CHECKS: Final[tuple[Callable[[Agent, Places], Iterator[Problem]], ...]] = (
    fallback_list,
    fallback_to_itself,
    rules_in_list,
    fallback_slower_than_timeout,
    filler_order,
    warning_order,
    warning_of_nothing,
)
