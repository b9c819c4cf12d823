"""Work: what a tool of any kind does, and what it raises when it has no result."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Work = Callable[[Mapping[str, Any], Mapping[str, object]], Awaitable[Any]]
"""Takes the arguments and the values of the call, and returns a result or raises `ToolFailed`."""


class ToolFailed(Exception):
    """A tool has no result.

    Attributes:
        said: What the model is told.
        reason: What the listener is told.
    """

    def __init__(self, said: str, reason: str = "") -> None:
        super().__init__(said)
        self.said = said
        self.reason = reason or said
