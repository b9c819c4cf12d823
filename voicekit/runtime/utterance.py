"""Utterance: one thing that is said, an answer or a line, handed on as one however many voices have to say it."""

from dataclasses import replace
from typing import Final, TypeAlias

from pipecat.frames.frames import (
    AggregatedTextFrame,
    AggregatedTextProgressFrame,
    Frame,
    LLMAssistantPushAggregationFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)

from voicekit.runtime.asides import ASIDE
from voicekit.runtime.progress import Progress, from_letter

Spoken: TypeAlias = (
    TTSStartedFrame
    | TTSStoppedFrame
    | TTSAudioRawFrame
    | AggregatedTextFrame
    | AggregatedTextProgressFrame
    | LLMAssistantPushAggregationFrame
)
"""What a voice makes of an utterance."""
SPOKEN: Final = (
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSAudioRawFrame,
    AggregatedTextFrame,
    AggregatedTextProgressFrame,
    LLMAssistantPushAggregationFrame,
)


class Unsaid(Exception):
    """A voice has not said what it was given; the text says how that is known."""


class Utterance:
    """Hands on what voices make of one text: one start, one stop, each word once, all of one context.

    Args:
        language: Of its sentences, as a voice splits them.
        speak: The line, where it is one.
        start: What begins an answer; a text that is neither has no beginning.

    Attributes:
        end: What ends the answer, once it was given.
        begun: Whether the beginning of an answer has been handed on.
        open: The context that was started and not stopped.
    """

    def __init__(
        self,
        language: str | None,
        *,
        speak: TTSSpeakFrame | None = None,
        start: LLMFullResponseStartFrame | None = None,
    ) -> None:
        self.speak = speak
        self.start = start
        self.end: LLMFullResponseEndFrame | None = None
        self.begun = False
        self.open: str | None = None
        self.progress = Progress(language)
        self._announced = 0
        self._segments: dict[int, int] = {}
        self._segment_at: dict[int, int] = {}
        self._labels: dict[str, str] = {}
        self._again = False
        self._late: int | None = 0
        self._last_pts: int | None = None
        self._held: list[TTSTextFrame] = []
        self._push: LLMAssistantPushAggregationFrame | None = None

    def begin(self, *, inline: bool, again: bool) -> None:
        """Begin an attempt.

        Args:
            inline: Whether the voice's texts come behind their sound.
            again: Whether another attempt has failed.
        """
        self.progress.begin(inline=inline)
        self._again, self._late = again, None if again else 0
        self._held.clear()
        self._push = None

    @property
    def is_aside(self) -> bool:
        """Whether it only passes the time until an answer."""
        return self.speak is not None and self.speak.text_type == ASIDE

    @property
    def heard(self) -> bool:
        """Whether contexts of it have come, in any attempt."""
        return bool(self._labels)

    def hand_on(self, frame: Spoken, now: int, audible_until: int) -> list[Frame]:
        """Return what follows from a frame of the voice at work.

        Args:
            frame: The frame.
            now: From when on the voice times words whose sound begins, by the pipeline's clock.
            audible_until: By the same clock, until when what was handed on is heard.

        Raises:
            Unsaid: The sound of what it tells has not come.
        """
        if isinstance(frame, LLMAssistantPushAggregationFrame):
            self._push = frame
            return []
        self._relabel(frame)
        if isinstance(frame, TTSAudioRawFrame):
            return self._sound(frame, now, audible_until)
        if isinstance(frame, TTSStartedFrame):
            return self._started(frame)
        if isinstance(frame, TTSStoppedFrame):
            return self._stopped(frame)
        if isinstance(frame, TTSTextFrame):
            return self._text(frame)
        if isinstance(frame, AggregatedTextFrame):
            return self._announcement(frame)
        frame.segment_id = self._segments.get(frame.segment_id, frame.segment_id)
        self._delay(frame)
        return [frame]

    def finish(self, end: LLMFullResponseEndFrame) -> LLMFullResponseEndFrame:
        """Return the end of the answer, timed to come behind the last word.

        Raises:
            Unsaid: Something of the answer has not been said.
        """
        if self.progress.owed and (self.open or not self.progress.sounds):
            raise Unsaid(_ENDED if self.progress.sounds else _SILENT)
        if self._again:
            end.pts = self._last_pts
        return end

    def _relabel(self, frame: Frame) -> None:
        """Let a frame be of the context that is open."""
        context = getattr(frame, "context_id", None)
        if context is None:
            return
        if context not in self._labels:
            self._labels[context] = self.open or context
            self.progress.begin_context()
        frame.context_id = self._labels[context]  # type: ignore[attr-defined] # it has one

    def _started(self, frame: TTSStartedFrame) -> list[Frame]:
        if self.open:
            return []
        self.open = frame.context_id
        return [frame]

    def _sound(self, frame: TTSAudioRawFrame, now: int, audible_until: int) -> list[Frame]:
        if self._late is None:
            self._late = max(0, audible_until - now)
        if not any(frame.audio):
            return [frame]
        self.progress.sounded(frame.num_frames / frame.sample_rate)
        return [*self._texts(), frame]

    def _stopped(self, frame: TTSStoppedFrame) -> list[Frame]:
        if not self.progress.stopped():
            raise Unsaid(_SILENT)
        before: list[Frame] = [*self._texts()]
        push, self._push = self._push, None
        if self._again:
            frame.pts = self._last_pts
        if push is not None:
            push.pts = self._last_pts + 1 if self._again and self._last_pts else push.pts
            before.append(push)
        self.open = None
        return [*before, frame]

    def _text(self, frame: TTSTextFrame) -> list[Frame]:
        place = self.progress.spoken(frame.text, frame.pts)
        if place is None:
            raise Unsaid(_ENDED if self.progress.sounds else _SILENT)
        frame.segment_id = self._segments.get(frame.segment_id or 0, frame.segment_id)
        self._delay(frame)
        frame.metadata[_PLACE] = place
        self._held.append(frame)
        return [*self._texts()] if self.progress.sounds else []

    def _texts(self) -> list[TTSTextFrame]:
        """Return the texts whose sound has come, without what was handed on before."""
        held, self._held = self._held, []
        return [frame for frame in held if self._is_new(frame)]

    def _is_new(self, frame: TTSTextFrame) -> bool:
        begin, end = frame.metadata.pop(_PLACE)
        written = self.progress.written
        if begin < end <= written:
            return False
        if begin < written:
            frame.text, frame.raw_text = from_letter(frame.text, written - begin), None
        self.progress.written = max(written, end)
        self._last_pts = frame.pts
        return True

    def _announcement(self, frame: AggregatedTextFrame) -> list[Frame]:
        if frame.skip_tts:
            self.progress.skipped(frame.text)
            return [frame]
        begin, end = self.progress.announced(frame.text)
        first = self._segment_at.setdefault(begin, frame.id)
        if first != frame.id:
            self._segments[frame.id] = first
        if end <= self._announced:
            return []
        self._announced = end
        self._delay(frame)
        return [frame]

    def _delay(self, frame: Frame) -> None:
        """Let what a voice has timed come behind the sound of the one before it."""
        if frame.pts:
            frame.pts = max(frame.pts + (self._late or 0), self._last_pts or 0)


_PLACE: Final = "place"
_SILENT: Final = "no sound came for its words"
_ENDED: Final = "its sound ended before its words"


def rest_of(line: TTSSpeakFrame, words: str) -> TTSSpeakFrame:
    """Return the rest of a line, to be said as all of it was to be."""
    rest = replace(line, text=words)
    rest.interruptible = line.interruptible
    rest.transport_destination = line.transport_destination
    return rest
