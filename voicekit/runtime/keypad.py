"""Keypad: keys that a caller presses, an entry at a time, as a turn of his.

Pipecat's aggregator interrupts at the first key of an entry. Here the turn that begins with it does, so that whoever
watches the turns knows that the caller is at it, and one who is not to be heard interrupts nothing.
"""

from typing import Any

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    Frame,
    InputDTMFFrame,
    InterimTranscriptionFrame,
    LLMMessagesAppendFrame,
    TranscriptionFrame,
)
from pipecat.processors.aggregators.dtmf_aggregator import DTMFAggregator
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_stop import BaseUserTurnStopStrategy
from pipecat.utils.time import time_now_iso8601

from voicekit.config.agent import Agent


class KeyPressed(InterimTranscriptionFrame):
    """Another key of an entry, with those before it."""


class KeyedIn(TranscriptionFrame):
    """An entry, whole."""


class Keypad(DTMFAggregator):
    """Makes words of keys, for a model that reads. Stands behind the asr."""

    async def broadcast_interruption(self) -> None:
        """Leave it to the turn."""

    async def _handle_dtmf_frame(self, frame: InputDTMFFrame) -> None:
        pressed = f"{self._prefix}{self._aggregation}{frame.button.value}"
        await self.push_frame(KeyPressed(pressed, "", time_now_iso8601()))
        await super()._handle_dtmf_frame(frame)

    async def _flush_aggregation(self) -> None:
        entry, self._aggregation = self._aggregation, ""
        keyed = KeyedIn(f"{self._prefix}{entry}", "", time_now_iso8601(), finalized=True)
        # The interruption at its first key may still be on its way.
        keyed.interruptible = False
        await self.push_frame(keyed)


class RealtimeKeypad(DTMFAggregator):
    """Writes keys to a speech-to-speech model, which would not hear them."""

    async def _flush_aggregation(self) -> None:
        entry, self._aggregation = self._aggregation, ""
        message: Any = {"role": "user", "content": f"{self._prefix}{entry}"}
        written = LLMMessagesAppendFrame([message], run_llm=True)
        written.interruptible = False
        await self.push_frame(written)


class EntryEndsTurn(BaseUserTurnStopStrategy):
    """Ends the caller's turn with an entry: nothing more is to come."""

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """End the turn."""
        await super().process_frame(frame)
        if isinstance(frame, KeyedIn):
            await self.trigger_user_turn_stopped()
            return ProcessFrameResult.STOP
        return ProcessFrameResult.CONTINUE


def keypads(agent: Agent) -> list[FrameProcessor]:
    """Return what reads the keys of a caller, where the file has him press some."""
    dtmf = agent.dtmf
    if dtmf is None:
        return []
    kind = RealtimeKeypad if agent.realtime else Keypad
    return [kind(timeout=dtmf.wait_secs, termination_digit=KeypadEntry(dtmf.end))]
