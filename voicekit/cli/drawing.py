"""Drawing: the pipeline that a file becomes, as lines for a terminal, in the order of `voicekit.runtime.pipeline`."""

from collections.abc import Iterator

from voicekit.config.agent import Agent, Fillers
from voicekit.config.services import Service
from voicekit.config.turn import Interruption


def drawn(agent: Agent) -> list[str]:
    """Return the pipeline of an agent, one line a part."""
    parts = [
        (agent.transport.type, "the caller's sound comes in"),
        ("asr", ", ".join(_listed(agent.asr, f"{agent.fallback.asr_ms} ms without a transcript"))),
        ("turn", ", ".join(_turn(agent))),
        ("llm", ", ".join(_listed(agent.llm, f"{agent.fallback.llm_ms} ms without a word"))),
        ("realtime", _named(agent.realtime) if agent.realtime else ""),
        ("tools", ", ".join(agent.tools)),
        ("fillers", _fillers(agent.fillers) if agent.fillers and agent.tts else ""),
        ("tts", ", ".join(_listed(agent.tts, f"{agent.fallback.tts_ms} ms without a sound"))),
        (agent.transport.type, "the agent's sound goes out"),
    ]
    lines = [f"{name:10} {text}" for name, text in parts if text]
    return [line for each in lines for line in (each, "  │")][:-1]


def _named(service: Service) -> str:
    if service.provider.one_of:
        return f"{service.provider.name}: the first of {', '.join(service.provider.one_of)} that is here"
    return f"{service.provider.name}/{service.model}" if service.model else service.provider.name


def _fillers(fillers: Fillers) -> str:
    return f"after {fillers.after_ms} ms of waiting, at most {fillers.per_turn} in a turn"


def _turn(agent: Agent) -> Iterator[str]:
    vad = agent.vad
    if agent.detects_speech:
        yield f"{vad.provider}: speech after {vad.start_secs:g} s, silence after {vad.stop_secs:g} s"
    yield _end(agent)
    if agent.turn.duplex == "half":
        yield "the caller is not heard while the agent speaks"
    elif agent.tts:
        yield _interruption(agent.turn.interruption)


def _end(agent: Agent) -> str:
    turn, end = agent.turn, agent.turn_end
    low, high = turn.bounds(end)
    by_rules = agent.rules is not None
    last_word = "" if by_rules else " and then the llm"
    enders = [each.provider.name for each in agent.services if each is agent.realtime or each.kind == "asr"]
    return {
        "fixed": f"ends {turn.wait_ms} ms after the last speech",
        "adaptive": f"ends {low} to {high} ms after the last speech, as this caller pauses",
        "smart": f"ended by smart-turn, at most {high} ms after the last speech",
        "semantic": "ended by the llm",
        "combined": f"ended by smart-turn{last_word}, at most {high} ms after the last speech",
        "provider": f"ended by {enders[0]}",
    }[end]


def _interruption(terms: Interruption) -> str:
    if terms.by_sound:
        return "a voice stops the agent"
    return "a word stops the agent" if terms.min_words == 1 else f"{terms.min_words} words stop the agent"


def _listed(services: tuple[Service, ...], late: str) -> Iterator[str]:
    """Yield who is asked first, and who takes over; `late` is after how long."""
    for first in services[:1]:
        yield f"{_named(first)} ({len(first.rules.rules)} rules)" if first.rules else _named(first)
    yield from (f"then {_named(other)} after an error or {late}" for other in services[1:])
