"""Embedded: whether this machine has the engines a file names, and which of them `tts: auto` becomes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.services import Service
from voicekit.problems import Problem, Refused
from voicekit.providers.catalog import Kind, catalog
from voicekit.services import asr_pocketsphinx, tts_embedded

# Each returns "" where the engine is, else a reason and, after a colon, what to type.
_ENGINES: Final[Mapping[tuple[Kind, str], Callable[[], str]]] = {
    ("asr", "pocketsphinx"): asr_pocketsphinx.available,
    ("tts", "flite"): lambda: tts_embedded.available("flite"),
    ("tts", "espeak"): lambda: tts_embedded.available("espeak"),
}


def settle(agent: Agent) -> Agent:
    """Return the file with `auto` replaced by what it stands for here.

    Raises:
        Refused: This machine lacks an engine that the file names; the problem says what to type.
    """
    settled = agent.model_copy(update={"tts": tuple(_chosen(agent, each) for each in agent.tts)})
    for service in settled.services:
        if missing := _missing(service.kind, service.provider.name):
            reason, _, remedy = missing.partition(": ")
            raise Refused([Problem("missing-extra", reason, service.place, remedy)])
    return settled


def _chosen(agent: Agent, tts: Service) -> Service:
    choices = [name for name in tts.provider.one_of if name != "flite" or _is_english(agent)]
    for name in choices:
        found = catalog().find("tts", name)
        # The last one is taken in any case: what it lacks is then said of it.
        if found is not None and (name == choices[-1] or not _missing("tts", name)):
            return replace(tts, provider=found)
    return tts


def _is_english(agent: Agent) -> bool:
    return agent.language.partition("-")[0].lower() == "en"


def _missing(kind: Kind, name: str) -> str:
    engine = _ENGINES.get((kind, name))
    return engine() if engine else ""
