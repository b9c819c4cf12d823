"""Meter: reads what each service of a call does, from what goes into it and what it tells, and puts it on the bill."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMTextFrame,
    MetricsFrame,
    TTSAudioRawFrame,
)
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    MetricsData,
    STTUsageMetricsData,
    TTSUsageMetricsData,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.stt_service import SegmentedSTTService, STTService

from voicekit.config.services import Service
from voicekit.records.cost import Bill, Usage

# Of English text, roughly; other languages take more of them.
_CHARACTERS_PER_TOKEN: Final = 4


@dataclass
class _Asked:
    """A request to a model that has not told yet what it took."""

    context: LLMContext
    written: int = 0


class Meter:
    """Watches the services of one call, each by its own price: also one that has only taken over.

    Args:
        bill: Where work is put down.
        spent: Called when something was.
    """

    def __init__(self, bill: Bill, spent: Callable[[], None]) -> None:
        self._bill = bill
        self._spent = spent

    def watch(self, made: FrameProcessor, service: Service) -> None:
        """Read a service from now on.

        Args:
            made: The service.
            service: Its section of the file.
        """
        if service.rules:
            return
        watched = _Watched(self._bill, self._spent, made, service)
        made.add_event_handler("on_before_process_frame", watched.taking)
        made.add_event_handler("on_after_process_frame", watched.taken)
        made.add_event_handler("on_before_push_frame", watched.giving)


class _Watched:
    """One service."""

    def __init__(self, bill: Bill, spent: Callable[[], None], made: FrameProcessor, service: Service) -> None:
        self._bill = bill
        self._spent = spent
        self._name = made.name
        self._label = f"{service.provider.name}/{service.model}" if service.model else service.provider.name
        self._price = service.price
        self._kind = service.kind
        self._timed = self._price is None or self._price.minute > 0
        # What is sent to it only when the caller has spoken is told by the service itself.
        self._listens = service.kind in ("asr", "realtime") and not isinstance(made, SegmentedSTTService)
        self._asked: _Asked | None = None

    async def taking(self, made: FrameProcessor, frame: Frame) -> None:
        """Count the sound that it hears, and note what it is asked."""
        if isinstance(frame, InputAudioRawFrame) and self._listens and self._timed:
            if not (isinstance(made, STTService) and made.is_muted):
                self._add(Usage(secs=frame.num_frames / frame.sample_rate))
        elif isinstance(frame, LLMContextFrame) and self._kind == "llm":
            self._estimate()
            self._asked = _Asked(frame.context)

    async def taken(self, _made: FrameProcessor, frame: Frame) -> None:
        """Reckon what a model has cost that was cut off: some tell it only at the end, and bill it all the same."""
        if isinstance(frame, InterruptionFrame):
            self._estimate()

    async def giving(self, _made: FrameProcessor, frame: Frame) -> None:
        """Count what it tells, says and speaks."""
        if isinstance(frame, MetricsFrame):
            for data in frame.data:
                # Those of others pass by, too.
                if data.processor == self._name and (usage := self._told(data)):
                    self._asked = None
                    self._add(usage)
        elif isinstance(frame, LLMTextFrame) and self._asked:
            self._asked.written += len(frame.text)
        elif isinstance(frame, TTSAudioRawFrame) and self._kind == "tts" and self._timed:
            self._add(Usage(secs=frame.num_frames / frame.sample_rate))
        elif isinstance(frame, ErrorFrame):
            # What has failed is not billed.
            self._asked = None

    def _told(self, data: MetricsData) -> Usage | None:
        if isinstance(data, LLMUsageMetricsData):
            return tokens_used(data.value)
        if isinstance(data, TTSUsageMetricsData):
            return Usage(characters=data.value)
        if isinstance(data, STTUsageMetricsData) and self._kind == "asr" and not self._listens:
            return Usage(secs=data.value.audio_seconds)
        return None

    def _estimate(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            read = len(json.dumps(asked.context.get_messages(), default=str))
            self._add(Usage(input=read // _CHARACTERS_PER_TOKEN, output=asked.written // _CHARACTERS_PER_TOKEN))

    def _add(self, usage: Usage) -> None:
        self._bill.add(self._label, usage, self._price)
        self._spent()


def tokens_used(told: LLMTokenUsage) -> Usage:
    """Return what a model tells of a response, with no token counted twice.

    Services differ in whether `prompt_tokens` has those of the cache in it; `total_tokens` always has
    (`pipecat.metrics.metrics.LLMTokenUsage`).
    """
    cached, cached_audio = told.cache_read_input_tokens or 0, told.cache_read_input_audio_tokens or 0
    written = told.cache_creation_input_tokens or 0
    audio_in, audio_out = told.input_audio_tokens or 0, told.output_audio_tokens or 0
    read = max(told.total_tokens - told.completion_tokens, told.prompt_tokens)
    heard = max(0, audio_in - cached_audio)
    return Usage(
        input=max(0, read - cached - written - heard),
        cached=max(0, cached - cached_audio),
        cache_write=written,
        output=max(0, told.completion_tokens - audio_out),
        audio_input=heard,
        audio_cached=cached_audio,
        audio_output=audio_out,
    )
