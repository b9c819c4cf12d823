"""Book: the rules of an agent, as the dialogue follows them. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from voicekit.config.hearing.phrase import Phrase

Line = tuple[str, ...]
"""Variants of a line, said in turn."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done when something is heard.

    Attributes:
        hear: Phrases, one of which must be found.
        tool: The tool that runs, or empty.
        with_: More arguments for it, as templates.
        ask: The question for each slot that must be known.
        say: The answer.
        failed: The answer when the tool fails.
        go: The step to move to, or empty.
        kinds: The kind of a slot that no phrase declares: that of the tool's parameter.
    """

    hear: tuple[Phrase, ...]
    tool: str = ""
    with_: Mapping[str, str] = field(default_factory=dict)
    ask: Mapping[str, Line] = field(default_factory=dict)
    say: Line = ()
    failed: Line = ()
    go: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Book:
    """All rules of an agent.

    Attributes:
        rules: Heard at any time.
        steps: Heard only inside a step, before `rules`.
        otherwise: Said when nothing matches. While it is empty the caller may hear silence.
        final: Names of the tools that take the call out of the agent's hands: to end it, to transfer it.
    """

    rules: tuple[Rule, ...]
    steps: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    otherwise: Line = ()
    final: frozenset[str] = frozenset({"end_call", "transfer"})


_FORMATS: Final = {"date": "date", "time": "time"}
_LONGEST: Final = 32


def slot_kind(parameter: Mapping[str, Any]) -> str:
    """Return the kind of slot that fills a tool's parameter, for `Rule.kinds`.

    Args:
        parameter: Its JSON Schema. A number is asked for as a number, a text with a format as a date or a time,
            and one whose pattern allows digits and no letters as digits.

    Returns:
        The kind, or "text".
    """
    if parameter.get("type") in ("integer", "number"):
        return "number"
    pattern = parameter.get("pattern")
    if isinstance(pattern, str) and _only_digits(pattern):
        return "digits"
    return _FORMATS.get(str(parameter.get("format")), "text")


def _only_digits(pattern: str) -> bool:
    try:
        allowed = re.compile(pattern)
    except re.error:
        return False

    def allows(text: str) -> bool:
        return any(allowed.search(text * length) for length in range(1, _LONGEST + 1))

    return allows("1") and not any(allows(text) for text in ("a", "A", "1a", "A1", "1 "))
