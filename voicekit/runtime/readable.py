"""Readable: what an error of a service says, for a person."""

import re
from collections.abc import Sequence
from typing import Final

# What Pipecat and the vendors' SDKs put in between: the headers of the request, an object's number, no more than that
# it is unknown.
_NOISE: Final[Sequence[tuple[re.Pattern[str], str]]] = (
    (re.compile(r"headers: \{[^}]*\},? ?"), ""),
    (re.compile(r"\b\w+Service#\d+ can no longer"), "it can no longer"),
    (re.compile(r"\bUnknown error occurred: "), ""),
)


def readable(text: str) -> str:
    """Return the text of an error without what helps nobody."""
    for pattern, instead in _NOISE:
        text = pattern.sub(instead, text)
    return text
