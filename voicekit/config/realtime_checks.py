"""Realtime checks: what a file may say beside `realtime`, and which of a provider's options go together."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from voicekit.config.agent import CASCADE, Agent
from voicekit.config.messages import Places
from voicekit.config.services import Service
from voicekit.problems import Problem

# The options that belong to one kind of OpenAI's turn detection, by its name.
_DETECTION: Final = {"server_vad": ("threshold", "silence_duration_ms"), "semantic_vad": ("eagerness",)}
_KIND: Final = "turn_detection"
# Who can be asked to say a line that answers nothing.
_SAYS_LINES: Final = frozenset({"openai", "azure"})


def realtime_and_cascade(agent: Agent, places: Places) -> Iterator[Problem]:
    """A speech-to-speech model leaves nothing for an asr, a model and a voice to do."""
    beside = [kind for kind in CASCADE if getattr(agent, kind)]
    if agent.realtime is None or not beside:
        return
    whole, first = places.key("realtime"), places.key(beside[0])
    text = f"'realtime' hears, thinks and speaks by itself; {_quoted(beside)} beside it would never run"
    # What is a file's own is never inherited.
    own = places.key("version").file
    upper, hint = first, "remove one or the other"
    if whole.file != first.file and own in (whole.file, first.file):
        upper, lower, removed = (whole, first, beside) if whole.file == own else (first, whole, ["realtime"])
        hint = f"{lower.file}:{lower.line} sets {_quoted(removed)}: add {_quoted(f'{key}: !unset' for key in removed)}"
    yield Problem("realtime-and-cascade", text, upper, hint)


def fallback_with_realtime(agent: Agent, places: Places) -> Iterator[Problem]:
    """Falling back is from one model of a list to the next."""
    if agent.realtime and agent.fallback.model_fields_set:
        text = "'fallback' does nothing with 'realtime', which is one service"
        yield Problem("unused-key", text, places.key("fallback"), "remove it")


def asides_with_realtime(agent: Agent, places: Places) -> Iterator[Problem]:
    """Fillers are said by a voice that takes words, and so are the lines of tools but where a model can be asked to."""
    if agent.realtime is None:
        return
    hint = "remove it, or name asr, llm and tts in place of realtime"
    if agent.fillers is not None:
        yield Problem("unused-key", "'fillers' does nothing with 'realtime'", places.key("fillers"), hint)
    for name, tool in agent.tools.items():
        if "say" in tool.model_fields_set and agent.realtime.provider.name not in _SAYS_LINES:
            text = f"{agent.realtime.provider.name} says no line of a tool's"
            yield Problem("unused-key", text, places.key("tools", name, "say"), hint)


def realtime_turns(agent: Agent, places: Places) -> Iterator[Problem]:
    """A timer of ours needs a provider that leaves the end of turns to it."""
    service = agent.realtime
    if service is None or agent.turn_end == "provider":
        return
    name = service.provider.name
    own = [key for key in (_KIND, *itertools.chain(*_DETECTION.values())) if _chosen(service, key)]
    if not service.provider.local_turns:
        text = f"{name} ends the turn itself and cannot be told not to"
        yield Problem("two-turn-detectors", text, places.value("turn", "end"), "remove it")
    elif own:
        text = f"'{own[0]}' has {name} end the turn; 'end: {agent.turn.end}' beside it would end it too"
        yield Problem("two-turn-detectors", text, places.key("realtime", own[0]), "keep one of them")


def unused_vad(agent: Agent, places: Places) -> Iterator[Problem]:
    """Where the provider tells who speaks, no detector of ours listens."""
    if agent.realtime and agent.vad.model_fields_set and not agent.detects_speech:
        text = f"'vad' does nothing here: {agent.realtime.provider.name} hears by itself who speaks"
        hint = "remove it, or add 'turn: fixed'" if agent.realtime.provider.local_turns else "remove it"
        yield Problem("unused-key", text, places.key("vad"), hint)


def detection_options(agent: Agent, places: Places) -> Iterator[Problem]:
    """Each kind of turn detection has its own options; Pipecat drops those of the other."""
    service = agent.realtime
    # Where there is no eagerness there is one kind only.
    if service is None or "eagerness" not in service.provider.options:
        return
    given = {kind: [key for key in keys if _chosen(service, key)] for kind, keys in _DETECTION.items()}
    kind = service.options.get(_KIND) or ("semantic_vad" if given["semantic_vad"] else "server_vad")
    for other, keys in given.items():
        for key in keys if kind in given and kind != other else ():
            text = f"'{key}' does nothing with {_KIND}: {kind}"
            yield Problem("unused-key", text, places.key("realtime", key), f"write {_KIND}: {other}, or remove it")


def _chosen(service: Service, key: str) -> bool:
    """Say whether a file gives an option, and not what voicekit pins."""
    return service.options.get(key) not in (None, service.provider.defaults.get(key))


def _quoted(names: Iterable[str]) -> str:
    *others, last = (f"'{name}'" for name in names)
    return f"{', '.join(others)} and {last}" if others else last


REALTIME_CHECKS: Final[tuple[Callable[[Agent, Places], Iterator[Problem]], ...]] = (
    realtime_and_cascade,
    fallback_with_realtime,
    asides_with_realtime,
    realtime_turns,
    unused_vad,
    detection_options,
)
