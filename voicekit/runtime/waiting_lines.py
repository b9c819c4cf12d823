"""Waiting lines: what a caller hears who waits longer than usual."""

from voicekit.config.agent import Agent
from voicekit.config.phrasebook import phrasebook


def waiting_lines(agent: Agent) -> tuple[str, ...]:
    """Return the fillers of a file, each once; with `realtime`, which has no such key, those of the language."""
    if agent.realtime is None:
        return tuple(dict.fromkeys(agent.fillers.say)) if agent.fillers else ()
    phrases = phrasebook(agent.language)
    return phrases.fillers if phrases else ()
