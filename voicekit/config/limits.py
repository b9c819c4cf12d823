"""Limits: how much one call may take: time, turns, tools, tokens, money; and how many calls a file takes."""

from typing import Annotated

from pydantic import Field

from voicekit.config.lines import Announcement, Line
from voicekit.config.ranges import between
from voicekit.config.scalars import Int, Num
from voicekit.config.section import Section, absent
from voicekit.config.switch import FALSE_IS_NONE

_OWN = absent("the language's own")


class Limits(Section):
    """How much one call may take. `false` lifts a limit."""

    call_secs: Annotated[Annotated[Int, between(10, 86400)] | None, FALSE_IS_NONE] = 600
    """Seconds that a call may last."""
    warn_secs: Annotated[Annotated[Int, between(1, 3600)] | None, FALSE_IS_NONE] = 30
    """Seconds before the end at which the caller is told of it."""
    warn_say: Annotated[Announcement, Field(json_schema_extra=_OWN, examples=["We have half a minute left."])]
    """What is said then, when nobody speaks. `warn_secs: false`: nothing."""
    goodbye: Annotated[Line, Field(json_schema_extra=_OWN, examples=["Our time is up. Goodbye."])]
    """The last words of a call that has reached a limit."""
    full_say: Annotated[Line, Field(json_schema_extra=_OWN, examples=["All our lines are busy. Please call later."])]
    """What who telephones hears in place of the agent when the next four keep him out."""
    concurrent_calls: Annotated[Annotated[Int, between(1, 10000)] | None, FALSE_IS_NONE] = 10
    """Calls at once."""
    calls_per_min: Annotated[Annotated[Int, between(1, 100000)] | None, FALSE_IS_NONE] = 60
    """Calls that begin within a minute."""
    calls_per_caller_hour: Annotated[Annotated[Int, between(1, 10000)] | None, FALSE_IS_NONE] = 20
    """Calls from one number within an hour. All who withhold theirs count as one."""
    turns: Annotated[Annotated[Int, between(1, 100000)] | None, FALSE_IS_NONE] = 200
    """Turns of the caller's."""
    tool_calls: Annotated[Annotated[Int, between(1, 100000)] | None, FALSE_IS_NONE] = 50
    """Calls of tools."""
    tool_calls_per_turn: Annotated[Annotated[Int, between(1, 1000)] | None, FALSE_IS_NONE] = 8
    """Calls of tools in one turn: more are refused, and the model has to answer with what it knows."""
    tokens: Annotated[Annotated[Int, between(100, 1_000_000_000)] | None, FALSE_IS_NONE, Field(examples=[100_000])] = (
        None
    )
    """Tokens of the models, in and out."""
    cost_usd: Annotated[
        Annotated[Num, between(0.001, 10000)] | None,
        FALSE_IS_NONE,
        Field(
            json_schema_extra=absent("5, where every provider of the file has a list price; else no limit"),
            examples=[0.5],
        ),
    ] = None
    """US dollars at the providers' list prices."""

    @property
    def warns(self) -> bool:
        """Whether the caller is told that the call is about to end."""
        return self.call_secs is not None and self.warn_secs is not None
