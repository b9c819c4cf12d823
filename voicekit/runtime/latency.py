"""Latency: how long each answer took, by stage, from what Pipecat's own observer accounts for."""

from collections.abc import Mapping
from typing import Final

from pipecat.frames.frames import AggregatedTextFrame, BotStartedSpeakingFrame, TTSAudioRawFrame
from pipecat.observers.base_observer import FramePushed
from pipecat.observers.user_bot_latency_observer import LatencyBreakdown, MeasuredFrom, UserBotLatencyObserver

from voicekit.records.events import Stages
from voicekit.runtime.announcer import Announced
from voicekit.runtime.asides import ASIDE

# Pipecat names each stretch of the way from the caller's last speech to the first sound; these are ours.
_STAGES: Final[Mapping[str, str]] = {
    "endpointing_wait": "turn",
    "turn_detection": "turn",
    "turn_completion": "turn",
    "waiting_for_user": "turn",
    "transcription": "asr",
    "llm_inference": "llm",
    "llm_tool_call": "llm",
    "function_handler": "llm",
    "awaiting_speakable_text": "llm",
    "sentence_aggregation": "tts",
    "speech_synthesis": "tts",
    "output_transport": "tts",
}


class AnswerLatency(UserBotLatencyObserver):
    """Pipecat's observer, which does not take the first sound of an aside, or of a line, for that of an answer."""

    def __init__(self) -> None:
        super().__init__()
        self._asides: set[str | None] = set()
        self._announced = False

    async def on_push_frame(self, data: FramePushed) -> None:
        """Follow an answer."""
        frame = data.frame
        if isinstance(frame, AggregatedTextFrame) and frame.text_type == ASIDE:
            self._asides.add(frame.context_id)
            return
        if isinstance(frame, Announced | TTSAudioRawFrame):
            self._announced = isinstance(frame, Announced)
        of_aside = isinstance(frame, TTSAudioRawFrame) and frame.context_id in self._asides
        if not (of_aside or (self._announced and isinstance(frame, BotStartedSpeakingFrame))):
            await super().on_push_frame(data)


def stages(breakdown: LatencyBreakdown) -> Stages | None:
    """Return one answer's stages, or None for a line that answers nobody, as a greeting does."""
    if breakdown.measured_from is not MeasuredFrom.USER_SILENCE:
        return None
    spent: dict[str, float] = {}
    for part in breakdown.contributions:
        if stage := _STAGES.get(part.key):
            spent[stage] = spent.get(stage, 0.0) + part.duration_secs
    return Stages(
        answer=_ms(breakdown.total_secs),
        **{name: _ms(spent[name]) if name in spent else None for name in ("turn", "asr", "llm", "tts")},
    )


def _ms(secs: float) -> int:
    return round(secs * 1000)
