"""Turns: who decides that the caller has finished."""

from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from voicekit.config.agent import Agent


def turn_strategies(agent: Agent, *, timed: bool) -> UserTurnStrategies | None:
    """Return the strategies of a file.

    None leaves the choice to Pipecat: a service that ends turns itself is adopted only where nobody else was set,
    and smart-turn decides otherwise.

    Args:
        agent: The file.
        timed: Whether a timer ends the turns.
    """
    if not timed:
        return None
    # Pipecat's timer starts when the detector has heard its silence; ours counts from the last speech.
    wait = agent.turn.wait_ms / 1000 - agent.vad.stop_secs
    return UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=max(0.0, wait))])
