"""Silence: what the agent says when the caller says nothing, and when it gives up."""

import itertools
from collections.abc import Awaitable, Callable

from voicekit.config.lines import said
from voicekit.config.silence import Silence as Section
from voicekit.services.llm_rules import Values

Say = Callable[[str], Awaitable[None]]
"""Says words that the model knows of."""
Part = Callable[[str, str], Awaitable[None]]
"""Says the last words and ends the call, for a reason."""


class Silence:
    """Nudges a caller who has gone silent, once for each nudge of the file, and then says goodbye.

    Pipecat's timer says when: it runs from when the agent has been heard to the end.

    Args:
        section: Of the file.
        say: Says a nudge.
        part: Ends the call.
        values: Gives what placeholders in the lines stand for.
        owed: Says whether the caller waits for an answer: then it is not he who is silent.
    """

    def __init__(self, section: Section, say: Say, part: Part, values: Values, owed: Callable[[], bool]) -> None:
        self._section = section
        self._say = say
        self._part = part
        self._values = values
        self._owed = owed
        self._goodbyes = itertools.cycle(section.goodbye)
        self._nudges = iter(section.nudges)

    def broken(self) -> None:
        """The caller has said something: begin anew with the next silence."""
        self._nudges = iter(self._section.nudges)

    async def lasts(self) -> None:
        """The caller has been silent for as long as the file allows."""
        if self._owed():
            return
        nudge = next(self._nudges, None)
        if nudge is not None:
            await self._say(said(nudge, self._values()))
        elif self._section.hang_up:
            await self._part(said(next(self._goodbyes), self._values()), "silence")
