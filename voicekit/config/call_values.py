"""Call values: what a placeholder may name of the call itself. Data, and what is asked of it. Pure."""

import re
from collections.abc import Mapping
from typing import Final

CALL_VALUES: Final[Mapping[str, str]] = {
    "caller.number": "the number that calls, where the line tells it",
    "caller.name": "the name that the line tells with it",
    "called.number": "the number that was called",
    "call.id": "the call, as the carrier or we name it",
    "call.language": "the file's language",
    "agent.name": "the file's name",
    "now": "date and time, as 2026-11-25T14:05:00+01:00",
    "today": "the date, as 2026-11-25",
    "time": "the time of day, as 14:05",
    "var.NAME": "what came with the call under NAME",
}
"""Each value to what it is."""

_VAR: Final = re.compile(r"var\.([\w-]+)", re.ASCII)
_ROOTS: Final = frozenset(name.partition(".")[0] for name in CALL_VALUES)


def is_call_value(name: str) -> bool:
    """Say whether a dotted name is that of a value of the call."""
    return bool(_VAR.fullmatch(name)) or (name in CALL_VALUES and not name.startswith("var."))


def begins_call_value(root: str) -> bool:
    """Say whether names that begin with this word are those of values of the call."""
    return root in _ROOTS


def variable(name: str) -> str:
    """Return what follows `var.` in a dotted name, or an empty text where it is another value."""
    match = _VAR.fullmatch(name)
    return match[1] if match else ""
