"""Parting: how a call ends by the agent's own doing: the last words, heard to their end, then the line."""

from collections.abc import Awaitable, Callable

from pipecat.frames.frames import Frame
from pipecat.turns.user_mute import BaseUserMuteStrategy

Say = Callable[[str, bool], Awaitable[None]]
"""Says words; whether what is being said and thought is stopped first."""


class Parting(BaseUserMuteStrategy):
    """Says the last words and ends the call; from then on the caller is not heard any more.

    Args:
        say: Says them, and returns when they have been heard; whether what is being said and thought is stopped first.
        end: Ends the call, for a reason as `CallEnded` has it.
    """

    def __init__(self, say: Say, end: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        self._say = say
        self._end = end
        self._begun = False

    @property
    def begun(self) -> bool:
        """Whether the last words are being said, or have been."""
        return self._begun

    async def process_frame(self, frame: Frame) -> bool:
        """Say whether the caller is not to be heard."""
        await super().process_frame(frame)
        return self._begun

    async def part(self, words: str, reason: str, stop: bool = True) -> None:
        """Say the last words and end the call; only the first who asks for it is heard.

        Args:
            words: The last words, filled in; none where they are empty.
            reason: Why, as `CallEnded` has it.
            stop: Whether what is being said and thought is stopped first; else the last words come behind it.
        """
        if self._begun:
            return
        self._begun = True
        if words:
            await self._say(words, stop)
        await self._end(reason)
