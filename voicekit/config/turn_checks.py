"""Turn checks: whoever ends turns must be able to, and alone; what interrupts the agent must have something to say."""

from collections.abc import Callable, Iterator
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.messages import Places
from voicekit.config.services import service_path
from voicekit.config.turn import END_KEYS, End
from voicekit.problems import Problem, Severity

_ASKS_LLM: Final[tuple[End, ...]] = ("semantic", "combined")
_INTERRUPTION: Final = ("turn", "interruption")


def wait_shorter_than_vad(agent: Agent, places: Places) -> Iterator[Problem]:
    """Silence since the last speech cannot end a turn before the detector has noticed the silence."""
    stop = round(agent.vad.stop_secs * 1000)
    end = agent.turn_end
    waits = {"wait_ms": agent.turn.wait_ms} if end == "fixed" else {}
    if "max_wait_ms" in END_KEYS[end]:
        waits = {"max_wait_ms": agent.turn.bounds(end)[1]}
    for key, wait in waits.items():
        if wait < stop:
            text = f"{key}: {wait} is shorter than vad.stop_secs, which it includes ({stop} ms)"
            yield Problem("wait-shorter-than-vad", text, places.key("turn", key), f"at least {key}: {stop}")


def bounds_in_order(agent: Agent, places: Places) -> Iterator[Problem]:
    """The shortest wait is not longer than the longest."""
    end = agent.turn_end
    low, high = agent.turn.bounds(end)
    if "min_wait_ms" in END_KEYS[end] and low > high:
        text = f"min_wait_ms: {low} is longer than max_wait_ms ({high})"
        yield Problem("bounds-reversed", text, places.key("turn", "min_wait_ms"), f"at most min_wait_ms: {high}")


def unused_turn_keys(agent: Agent, places: Places) -> Iterator[Problem]:
    """A strategy's keys with another strategy would do nothing."""
    end = agent.turn_end
    for key in dict.fromkeys(key for keys in END_KEYS.values() for key in keys):
        if key in END_KEYS[end] or not places.has("turn", key):
            continue
        others = " or ".join(f"'end: {name}'" for name, keys in END_KEYS.items() if key in keys)
        text, hint = f"{key} does nothing with 'end: {end}'", f"remove it, or write {others}"
        if end == "provider":
            text, hint = f"{key} does nothing where the provider ends the turn", "set the provider's own option"
        yield Problem("unused-key", text, places.key("turn", key), hint)


def two_turn_detectors(agent: Agent, places: Places) -> Iterator[Problem]:
    """An asr that ends turns itself, and somebody beside it, would both end them."""
    for service in agent.asr:
        provider = service.provider
        if agent.turn.end not in (None, "provider") and provider.ends_turns(service.options):
            text = f"{provider.name} ends the turn itself; 'end: {agent.turn.end}' beside it would end it too"
            hint = f"remove it: what ends a turn are {provider.name}'s own options"
            yield Problem("two-turn-detectors", text, places.value("turn", "end"), hint)


def no_turn_detector(agent: Agent, places: Places) -> Iterator[Problem]:
    """`provider` needs one that ends turns."""
    if agent.turn.end != "provider" or agent.realtime:
        return
    for service in agent.asr[:1]:
        if not service.provider.ends_turns(service.options):
            text = f"{service.provider.name} does not end turns itself"
            hint = "remove 'end', or name one that does: deepgram-flux"
            yield Problem("no-turn-detector", text, places.value("turn", "end"), hint)


def nobody_to_ask(agent: Agent, places: Places) -> Iterator[Problem]:
    """A model can only be asked whether a turn is complete where there is one that reads words."""
    if agent.turn.end not in _ASKS_LLM:
        return
    by_rules = agent.rules is not None
    if agent.realtime or (by_rules and agent.turn.end == "semantic"):
        asked = "'realtime' has no llm" if agent.realtime else "'llm: rules' cannot be asked"
        text = f"'end: {agent.turn.end}' asks the llm whether a turn is complete, and {asked}"
        hint = "end: fixed" if agent.realtime else "end: smart"
        yield Problem("nobody-to-ask", text, places.value("turn", "end"), hint)


def endpointing_is_not_turn_end(agent: Agent, places: Places) -> Iterator[Problem]:
    """Deepgram's endpointing is taken for the end of a turn by nearly everybody."""
    for number, service in enumerate(agent.asr):
        if service.provider.name == "deepgram" and service.options.get("endpointing"):
            text = "'endpointing' says when words are final; when the turn ends, 'turn' says"
            place = places.key(*service_path(agent.asr, number), "endpointing")
            yield Problem("endpointing-is-not-turn-end", text, place, severity=Severity.NOTE)


def asr_never_final(agent: Agent, places: Places) -> Iterator[Problem]:
    """Words that are never called final are waited for: it is the longest pause of most slow agents."""
    for service in agent.asr:
        provider, options = service.provider, service.options
        if not provider.never_final or provider.ends_turns(options) or "ttfs_p99_latency" in options:
            continue
        secs = provider.options["ttfs_p99_latency"].default
        text = f"{provider.name} never says that words are final: every turn waits {secs} s for more"
        hint = "set the wait yourself, 'ttfs_p99_latency:' in seconds, or name an asr that says it"
        yield Problem("asr-never-final", text, service.place, hint, Severity.WARNING)


def needs_interim(agent: Agent, places: Places) -> Iterator[Problem]:
    """Without a pause, an agent that waits for words goes on until they come."""
    terms = agent.turn.interruption
    if terms.resume_ms is not None or terms.min_words < 2:
        return
    for service in agent.asr:
        if not service.provider.tells_early(service.options):
            text = f"{service.provider.name} tells no word before the caller has finished: he could not interrupt"
            hint = "remove 'resume_ms: false': the agent then pauses, and waits for the words"
            yield Problem("needs-interim", text, places.key(*_INTERRUPTION, "min_words"), hint)


def unused_interruption(agent: Agent, places: Places) -> Iterator[Problem]:
    """What interrupts the agent is not ours to say where the caller is not heard, or another one hears him."""
    if not places.has(*_INTERRUPTION):
        return
    place = places.key(*_INTERRUPTION)
    if agent.turn.duplex == "half":
        text = "nothing interrupts the agent with 'duplex: half'"
        yield Problem("half-duplex-interruption", text, place, "remove one of the two")
    elif agent.realtime:
        text = f"'interruption' does nothing with 'realtime': {agent.realtime.provider.name} stops by itself"
        yield Problem("unused-key", text, place, "remove it: what interrupts are the provider's own options")


def unused_phrases(agent: Agent, places: Places) -> Iterator[Problem]:
    """Phrases that never interrupt mean nothing where sound alone does."""
    terms = agent.turn.interruption
    if terms.by_sound and places.has(*_INTERRUPTION, "never"):
        stops = "min_words: 0" if terms.min_words == 0 else "resume_ms: false"
        text = f"'never' does nothing with '{stops}': any sound stops the agent"
        yield Problem("unused-key", text, places.key(*_INTERRUPTION, "never"), "remove one of the two")


def never_greeted(agent: Agent, places: Places) -> Iterator[Problem]:
    """A caller who is not heard before the greeting would wait for one for ever."""
    if "until_greeted" in agent.turn.mute and not agent.greeting:
        text = "'until_greeted' needs a greeting: without one the caller is not heard"
        yield Problem("never-greeted", text, places.key("turn", "mute"), "add 'greeting:', or remove it")


TURN_CHECKS: Final[tuple[Callable[[Agent, Places], Iterator[Problem]], ...]] = (
    wait_shorter_than_vad,
    bounds_in_order,
    unused_turn_keys,
    two_turn_detectors,
    no_turn_detector,
    nobody_to_ask,
    endpointing_is_not_turn_end,
    asr_never_final,
    needs_interim,
    unused_interruption,
    unused_phrases,
    never_greeted,
)
