"""Memory checks: who remembers, and what a way of remembering reads."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.messages import Places
from voicekit.problems import Problem

KEPT_BY: Final[Mapping[str, str]] = {"turns": "window", "max_tokens": "summary", "recent_turns": "summary"}
"""The way of remembering that reads a key; with another it would do nothing."""


def unused_memory(agent: Agent, places: Places) -> Iterator[Problem]:
    """A speech-to-speech model keeps the conversation itself, and rules remember nothing."""
    if not agent.memory.model_fields_set:
        return
    by = "realtime" if agent.realtime else "llm: rules" if any(service.rules for service in agent.llm) else ""
    if by:
        text = f"'memory' does nothing with '{by}'"
        yield Problem("unused-key", text, places.key("memory"), "remove it")


def unused_memory_keys(agent: Agent, places: Places) -> Iterator[Problem]:
    """A key of another way of remembering does nothing."""
    for key, keep in KEPT_BY.items():
        if agent.memory.keep != keep and places.has("memory", key):
            text = f"{key} does nothing with 'keep: {agent.memory.keep}'"
            yield Problem("unused-key", text, places.key("memory", key), f"remove it, or write keep: {keep}")


MEMORY_CHECKS: Final[tuple[Callable[[Agent, Places], Iterator[Problem]], ...]] = (unused_memory, unused_memory_keys)
