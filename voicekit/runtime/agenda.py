"""Agenda: what the voice was given and has not handed on yet, in order, and which context is of what."""

from typing import Final

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    InterimTranscriptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TextFrame,
    TranscriptionFrame,
    TTSSpeakFrame,
)
from pipecat.services.tts_service import TTSService

from voicekit.runtime.utterance import Utterance

_OF_CALLER: Final = (TranscriptionFrame, InterimTranscriptionFrame)


def begins_work(frame: Frame) -> bool:
    """Say whether with a frame something begins that is to be said."""
    return isinstance(frame, TTSSpeakFrame) or (isinstance(frame, LLMFullResponseStartFrame) and not frame.skip_tts)


class Agenda:
    """Keeps utterances, and the frames among them that a voice only passes on, until they have come out.

    Attributes:
        items: They, in order.
    """

    def __init__(self) -> None:
        self.items: list[Utterance | Frame] = []
        self._contexts: dict[str, Utterance] = {}
        self._current: Utterance | None = None
        self._answer: Utterance | None = None
        self._answer_lost = False

    @property
    def utterances(self) -> list[Utterance]:
        """What is to be said."""
        return [item for item in self.items if isinstance(item, Utterance)]

    @property
    def awaited(self) -> Utterance | None:
        """The first of which sound is missing."""
        return next((each for each in self.utterances if each.progress.awaited), None)

    async def take(self, frame: Frame, voice: TTSService) -> bool:
        """Keep what a voice is about to be given; say whether it is to be given it."""
        if isinstance(frame, TTSSpeakFrame):
            line = self._new(Utterance(voice.text_aggregation_language, speak=frame), voice)
            await line.progress.give(frame.text)
            await line.progress.close()
        elif isinstance(frame, LLMFullResponseStartFrame) and not frame.skip_tts:
            self._answer_lost = False
            self._answer = self._new(Utterance(voice.text_aggregation_language, start=frame), voice)
        elif isinstance(frame, TextFrame) and not isinstance(frame, _OF_CALLER) and not frame.skip_tts:
            if self._answer_lost:
                return False
            self._answer = self._answer or self._new(Utterance(voice.text_aggregation_language), voice)
            await self._answer.progress.give(frame.text)
        elif self.items:
            await self._take_between(frame)
        return True

    def begun(self, start: LLMFullResponseStartFrame) -> bool:
        """Take note that the beginning of an answer has come out; say whether for the first time."""
        answer = next((each for each in self.utterances if each.start is start), None)
        if answer is None:
            return True
        again, answer.begun = answer.begun, True
        return not again

    def finished(self, end: LLMFullResponseEndFrame) -> LLMFullResponseEndFrame:
        """Take note that the end of an answer has come out; return it, timed to come behind the last word.

        Raises:
            Unsaid: Something of the answer has not been said.
        """
        answer = next((each for each in self.utterances if each.end is end), None)
        timed = answer.finish(end) if answer else end
        self.done(end)
        return timed

    def of(self, frame: Frame) -> Utterance | None:
        """Return whose frame it is; None where it is of nothing here."""
        context = getattr(frame, "context_id", None)
        if context is None:
            return self._current
        if context not in self._contexts:
            found = self._new_context(frame)
            if found is None:
                return None
            self._contexts[context] = found
        self._current = self._contexts[context]
        return self._current

    def done(self, item: Utterance | Frame) -> None:
        """Take note that one has come out, and with it what stands before it; an answer ends with its own end."""
        if item not in self.items:
            return
        at = self.items.index(item)
        before = [each for each in self.items[:at] if isinstance(each, Utterance)]
        self.items[: at + 1] = [each for each in before if not each.speak and each.end is not item]

    def begin_again(self) -> None:
        """Forget which contexts there were: what comes is another attempt's."""
        self._contexts.clear()
        self._current = None

    def interrupt(self) -> None:
        """Forget all that may be interrupted."""
        self._answer, self._answer_lost = None, False
        self.items = [each for each in self.items if isinstance(each, Utterance) and _goes_on(each)]
        self._contexts = {context: each for context, each in self._contexts.items() if each in self.items}
        if self._current not in self.items:
            self._current = None

    def clear(self) -> list[Utterance | Frame]:
        """Forget all; return it."""
        items, self.items = self.items, []
        self.begin_again()
        return items

    def lose(self) -> list[Utterance | Frame]:
        """Forget all, and what comes of the answer in progress; return it."""
        self._answer_lost, self._answer = self._answer is not None, None
        return self.clear()

    def _new(self, utterance: Utterance, voice: TTSService) -> Utterance:
        utterance.begin(inline=voice.supports_processing_metrics, again=False)
        self.items.append(utterance)
        return utterance

    async def _take_between(self, frame: Frame) -> None:
        if isinstance(frame, LLMFullResponseEndFrame) and not frame.skip_tts:
            self._answer_lost = False
            answer, self._answer = self._answer, None
            if answer is not None:
                await answer.progress.close()
                answer.end = frame
        self.items.append(frame)

    def _new_context(self, frame: Frame) -> Utterance | None:
        """Return whose context begins: voices announce a text with the context in which they say it."""
        if isinstance(frame, AggregatedTextFrame):
            expecting = (each for each in self.utterances if each.progress.expects(frame.text))
            if (found := next(expecting, None)) is not None:
                return found
        known = list(self._contexts.values())
        return next((each for each in self.utterances if each not in known), self._current)


def _goes_on(utterance: Utterance) -> bool:
    return utterance.speak is not None and not utterance.speak.interruptible
