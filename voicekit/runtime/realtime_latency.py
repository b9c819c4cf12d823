"""Realtime latency: how long a speech-to-speech service took to each answer, from the turns that are told in a call."""

import time
from collections.abc import Callable
from typing import Final

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed

from voicekit.config.services import Service
from voicekit.records.events import AnswerBegan, Listener, Stages
from voicekit.runtime.announcer import Announced

# What OpenAI's `server_vad` waits for unless told otherwise: Pipecat's `events.TurnDetection`, and OpenAI's reference.
_SERVER_VAD_MS: Final = 500


def known_wait(service: Service) -> float:
    """Return the seconds of silence after which a provider ends the turn; 0 where no such number is known."""
    options = service.options
    if options.get("turn_detection", "server_vad") != "server_vad" or options.get("eagerness") is not None:
        return 0.0
    wait = options.get("silence_duration_ms")
    usual = _SERVER_VAD_MS if service.provider.name in ("openai", "azure") else 0
    return (wait if isinstance(wait, int) else usual) / 1000


class RealtimeLatency(BaseObserver):
    """Measures from the caller's last speech to the first sound of the answer.

    Pipecat's own observer counts from a detector of ours, which there is not where the provider ends the turns.

    Args:
        listener: Told of each answer.
        wait_secs: The silence that the provider waits for, to count it in; 0 where that is not known, and the answer
            counts from when the provider says that the caller has finished.
        now: Tells the time, in seconds.
    """

    def __init__(self, listener: Listener, wait_secs: float, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._listener = listener
        self._wait_secs = wait_secs
        self._now = now
        self._silent: float | None = None
        self._finished: float | None = None

    async def on_push_frame(self, data: FramePushed) -> None:
        """Follow the turns. A frame is seen at each part that it passes: the first time counts."""
        frame = data.frame
        # What is announced answers nobody.
        if isinstance(frame, UserStartedSpeakingFrame | VADUserStartedSpeakingFrame | Announced):
            self._silent = self._finished = None
        elif isinstance(frame, VADUserStoppedSpeakingFrame) and self._silent is None:
            self._silent = self._now() - frame.stop_secs
        elif isinstance(frame, UserStoppedSpeakingFrame) and self._finished is None:
            self._finished = self._now()
        elif isinstance(frame, BotStartedSpeakingFrame) and self._finished is not None:
            self._tell(self._finished)
            self._silent = self._finished = None

    def _tell(self, finished: float) -> None:
        silent = self._silent if self._silent is not None else finished - self._wait_secs
        now = self._now()
        self._listener(
            AnswerBegan(
                Stages(
                    answer=_ms(now - silent),
                    turn=_ms(finished - silent) if finished > silent else None,
                    realtime=_ms(now - finished),
                )
            )
        )


def _ms(secs: float) -> int:
    return round(secs * 1000)
