"""Mute: the times at which the caller is not heard."""

from collections.abc import Callable, Mapping
from typing import Final

from pipecat.frames.frames import BotStoppedSpeakingFrame, Frame, InputDTMFFrame
from pipecat.turns.user_mute import (
    AlwaysUserMuteStrategy,
    BaseUserMuteStrategy,
    FunctionCallUserMuteStrategy,
    MuteUntilFirstBotCompleteUserMuteStrategy,
)

from voicekit.config.agent import Agent
from voicekit.config.turn import Muted


class HalfDuplex(AlwaysUserMuteStrategy):
    """Does not hear the caller while the agent speaks; a key that he presses makes him heard until it has spoken."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        self._pressed = False

    async def process_frame(self, frame: Frame) -> bool:
        """Say whether the caller is not to be heard."""
        muted = await super().process_frame(frame)
        if isinstance(frame, InputDTMFFrame):
            self._pressed = True
        elif isinstance(frame, BotStoppedSpeakingFrame):
            self._pressed = False
        return muted and not self._pressed


class DuringLine(BaseUserMuteStrategy):
    """Does not hear the caller while a line is said that he cannot cut off.

    Args:
        said: Whether one is.
    """

    def __init__(self, said: Callable[[], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type
        self._said = said

    async def process_frame(self, frame: Frame) -> bool:
        """Say whether the caller is not to be heard."""
        await super().process_frame(frame)
        return self._said()


_MUTES: Final[Mapping[Muted, Callable[[], BaseUserMuteStrategy]]] = {
    "until_greeted": MuteUntilFirstBotCompleteUserMuteStrategy,
    "tools": FunctionCallUserMuteStrategy,
}


def mute_strategies(agent: Agent) -> list[BaseUserMuteStrategy]:
    """Return what mutes the caller by the word of a file."""
    muted = dict.fromkeys(agent.turn.mute)
    if agent.greeting and not agent.greeting.interruptible:
        muted["until_greeted"] = None
    half = [HalfDuplex()] if agent.turn.duplex == "half" else []
    return [*half, *(_MUTES[each]() for each in muted)]
