"""Emulate: the key of a file of tests that says what the emulated providers and tools do. Pure."""

import re
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.fact import Fact
from voicekit.config.ranges import between
from voicekit.config.scalars import Anything, Int, Num, Text, read_text, wrong_type
from voicekit.config.section import Section


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        facts = {"value": value, "form": f"a regular expression: {error}"}
        raise PydanticCustomError("wrong-form", "wrong form", facts) from None
    return value


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, Scalar) else value


NAMED: Final = Fact(_named, lambda words: words, before=True)
"""A text stands for the call of the tool of this name."""


class ToolCall(Section):
    """A tool that the emulated model calls."""

    name: Text
    args: dict[Text, Anything] = Field(default_factory=dict)


class Reply(Section):
    """What the emulated model answers to the caller's words, or to the result of a tool."""

    heard: Annotated[Text, Fact(_pattern, lambda words: words)]
    say: Text = ""
    calls: tuple[Annotated[ToolCall, NAMED], ...] = ()


FAULTS: Final = ("refuse", "error", "drop", "hang", "garbage", "slow_ms")


def _fault(value: Any) -> Any:
    if isinstance(value, dict) and len(value.keys() & FAULTS) == 1:
        return value
    if isinstance(value, dict):
        raise wrong_type(f"exactly one of {', '.join(FAULTS)}", value)
    if read_text(value) != "ok":
        raise PydanticCustomError("unknown-choice", "unknown choice", {"choices": ["ok", *FAULTS]})
    return {}


Messages: TypeAlias = Annotated[Int, between(0, 10_000)]


class Fault(Section):
    """What goes wrong with one request or connection; `ok` is one with which nothing does."""

    refuse: Annotated[Int, between(400, 599)] | None = None
    """The HTTP status it is refused with."""
    retry_after_secs: Annotated[Num, between(0, 3600)] | None = None
    """With `refuse`: when to come again."""
    error: Messages | None = None
    """The provider's own error, after so many messages."""
    drop: Messages | None = None
    """The connection is lost, after so many messages."""
    hang: Messages | None = None
    """Nothing more comes, after so many messages."""
    garbage: Messages | None = None
    """What comes cannot be read, after so many messages."""
    slow_ms: Annotated[Int, between(1, 600_000)] | None = None
    """Every message comes so much later."""


class Emulate(Section):
    """What the emulated providers and tools do."""

    script: tuple[Reply, ...] = ()
    """The model's answers; the first that matches answers."""
    otherwise: Text = "I have no answer to that."
    """The answer when none does."""
    latency_ms: dict[Text, Annotated[Int, between(0, 60_000)]] = Field(default_factory=dict)
    """By emulator, how long it takes to its first message."""
    faults: dict[Text, tuple[Annotated[Fault, BeforeValidator(_fault)], ...]] = Field(default_factory=dict)
    """By emulator, what goes wrong with its first request, its second, and so on; then all is well."""
    caller: Text = ""
    """The caller's number, `{{caller.number}}`."""
    vars: dict[Text, Text] = Field(default_factory=dict)
    """What comes with the call, `{{var.NAME}}`."""
    tools: dict[Text, Anything] = Field(default_factory=dict)
    """By tool, what it answers in place of its `mock`."""
