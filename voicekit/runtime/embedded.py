"""Embedded: `tts: auto` becomes the first engine that this machine has."""

from dataclasses import replace

from voicekit.config.agent import Agent
from voicekit.problems import Problem, Refused
from voicekit.providers.catalog import catalog
from voicekit.services.tts_embedded import available


def settle(agent: Agent) -> Agent:
    """Return the file with `auto` replaced by what it stands for here.

    Raises:
        Refused: This machine has none of the engines.
    """
    choices = agent.tts.provider.one_of
    if not choices:
        return agent
    missing: list[str] = []
    for name in choices:
        reason = _reason(agent, name)
        found = catalog().find("tts", name)
        if not reason and found is not None:
            return agent.model_copy(update={"tts": replace(agent.tts, provider=found)})
        missing.append(reason)
    text = f"'tts: {agent.tts.provider.name}' finds no engine on this machine"
    raise Refused([Problem("no-engine", text, agent.tts.place, "; or ".join(missing))])


def _reason(agent: Agent, name: str) -> str:
    if name == "flite" and agent.language.partition("-")[0].lower() != "en":
        return f"flite speaks English only, and the language is '{agent.language}'"
    return available("flite" if name == "flite" else "espeak")
