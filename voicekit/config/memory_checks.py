"""Memory checks: who remembers, and what a way of remembering reads."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.messages import Places
from voicekit.problems import Problem, Severity

KEPT_BY: Final[Mapping[str, str]] = {"turns": "window", "max_tokens": "summary", "recent_turns": "summary"}
"""The way of remembering that reads a key; with another it would do nothing."""


def unused_memory(agent: Agent, places: Places) -> Iterator[Problem]:
    """A speech-to-speech model keeps the conversation of a call itself, and rules remember nothing."""
    written = agent.memory.model_fields_set
    by = "realtime" if agent.realtime else "llm: rules" if agent.rules else ""
    if by and (written - {"between_calls"} if agent.realtime else written):
        text = f"'memory' does nothing with '{by}'"
        yield Problem("unused-key", text, places.key("memory"), "remove it")


def unused_memory_keys(agent: Agent, places: Places) -> Iterator[Problem]:
    """A key of another way of remembering does nothing."""
    for key, keep in KEPT_BY.items():
        if agent.memory.keep != keep and places.has("memory", key):
            text = f"{key} does nothing with 'keep: {agent.memory.keep}'"
            yield Problem("unused-key", text, places.key("memory", key), f"remove it, or write keep: {keep}")


def notes_between_calls(agent: Agent, places: Places) -> Iterator[Problem]:
    """What is noted must be kept, and what is kept must be noted."""
    noting = [name for name, tool in agent.tools.items() if tool.builtin == "remember"]
    if noting and not agent.memory.between_calls:
        text = "the tool 'remember' needs memory.between_calls, which says for how long its notes are kept"
        hint = "add memory: {between_calls: {days: 90}}"
        yield Problem("remember-without-memory", text, places.key("tools", noting[0]), hint)
    if agent.memory.between_calls and not noting:
        text = "between_calls keeps what the tool 'remember' notes, and there is none"
        hint = "add tools: {remember: builtin}"
        yield Problem("memory-without-remember", text, places.key("memory", "between_calls"), hint, Severity.WARNING)


MEMORY_CHECKS: Final[tuple[Callable[[Agent, Places], Iterator[Problem]], ...]] = (
    unused_memory,
    unused_memory_keys,
    notes_between_calls,
)
