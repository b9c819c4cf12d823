"""Unsaid: what a voice was given to say and has not handed on as sound, so that another can say it.

Progress is counted in letters: a voice tells its words without the punctuation and the spaces of what it was given.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from pipecat.frames.frames import (
    DataFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TextFrame,
    TTSSpeakFrame,
)
from pipecat.utils.string import match_endofsentence

from voicekit.runtime.asides import ASIDE

# Less of a sentence than this may be left when its last word has been told: voices write numbers as words.
_ALL_BUT: Final = 0.75


@dataclass
class Mark(DataFrame):
    """Stands behind words that are no part of an answer, and comes out of a voice when they have been said."""


@dataclass
class _Utterance:
    """What one context of a voice says: an answer or a part of it, or one `TTSSpeakFrame`."""

    speak: TTSSpeakFrame | None
    wanted: int = 0
    said: int = 0
    sounded: bool = False
    over: bool = False

    @property
    def waits(self) -> bool:
        return not self.over and (not self.sounded or self.said < self.wanted * _ALL_BUT)


@dataclass(frozen=True)
class Rest:
    """What the next voice is given.

    Attributes:
        frames: In order.
        quiet: Which of them must not come out: something like it has.
        repeated: How many letters of it have been told already, because a sentence is said from its start.
    """

    frames: list[Frame] = field(default_factory=list)
    quiet: LLMFullResponseStartFrame | None = None
    repeated: int = 0


class Unsaid:
    """Follows one voice at a time."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._utterances: dict[str, _Utterance] = {}
        self._begun = False

    @property
    def empty(self) -> bool:
        """Whether everything has been said."""
        return not self._frames

    @property
    def contexts(self) -> set[str]:
        """The contexts in which it is said."""
        return set(self._utterances)

    def give(self, frame: Frame) -> None:
        """The voice has been given something, to say or to pass on in its place."""
        self._frames.append(frame)

    def has(self, frame: Frame) -> bool:
        """Say whether it was given and has not come out."""
        return any(each is frame for each in self._frames)

    def asked(self, context: str, text: str) -> None:
        """The voice begins to make the sound of a text."""
        utterance = self._utterances.get(context)
        if utterance is None:
            taken = [each.speak for each in self._utterances.values()]
            speaks = (each for each in self._frames if isinstance(each, TTSSpeakFrame) and each not in taken)
            speak = next((each for each in speaks if _letters(each.text) == _letters(text)), None)
            utterance = self._utterances[context] = _Utterance(speak)
        utterance.wanted += _letters(text)

    def sounded(self, context: str) -> None:
        """Sound has been handed on."""
        self._utterance(context).sounded = True

    def told(self, context: str, text: str) -> None:
        """Words have been handed on, whose sound has."""
        self._utterance(context).said += _letters(text)

    def stopped(self, context: str) -> None:
        """The sound of a context is complete."""
        self._utterance(context).over = True

    def passed(self, frame: Frame) -> bool:
        """Something that was given has come out, behind what it was given behind; say whether that had a sound."""
        at = next((at for at, each in enumerate(self._frames) if each is frame), None)
        if at is None:
            return True
        if isinstance(frame, Mark):
            return self._spoken(at)
        if isinstance(frame, LLMFullResponseEndFrame):
            return self._answered(at)
        self._begun = self._begun or isinstance(frame, LLMFullResponseStartFrame)
        del self._frames[at]
        return True

    def waits(self) -> Literal["", "sound", "more"]:
        """Return what is waited for: the first sound of an utterance, or more of it."""
        waiting = [each for each in self._utterances.values() if each.waits]
        if not waiting:
            return ""
        return "more" if any(each.sounded for each in waiting) else "sound"

    def rest(self) -> Rest:
        """Return what has not been said whole, and begin anew with it."""
        said = [each for each in self._utterances.values() if each.speak is None]
        text, told = "", sum(each.said for each in said)
        letters = sum(each.said for each in said if each.sounded)
        answered = any(_is_text(each) for each in self._frames)
        frames: list[Frame] = []
        quiet = LLMFullResponseStartFrame() if self._begun else None
        if quiet:
            frames.append(quiet)
        begins, repeated, first = len(frames), 0, True
        for frame in self._without_asides() if answered else self._frames:
            if first and _is_text(frame):
                text += _text(frame)
            elif first and isinstance(frame, LLMFullResponseStartFrame):
                frames.append(frame)
                begins = len(frames)
            else:
                first = first and not isinstance(frame, LLMFullResponseEndFrame)
                frames.append(_anew(frame))
        if text:
            at = _sentence_of(text, letters)
            repeated = told - _letters(text[:at])
            if text[at:].strip():
                frames.insert(begins, LLMTextFrame(text[at:]))
        self._frames, self._utterances = [*frames], {}
        return Rest(frames, quiet, repeated)

    def clear(self) -> None:
        """Nothing of it has to be said any more."""
        self._frames, self._utterances, self._begun = [], {}, False

    def _utterance(self, context: str) -> _Utterance:
        return self._utterances.setdefault(context, _Utterance(None))

    def _spoken(self, at: int) -> bool:
        speak = self._frames[at - 1]
        done = [context for context, each in self._utterances.items() if each.speak is speak]
        if not any(self._utterances[context].sounded for context in done):
            return False
        del self._frames[at - 1 : at + 1]
        self._forget(done)
        return True

    def _answered(self, at: int) -> bool:
        wanted = any(_is_text(each) and _letters(_text(each)) for each in self._frames[:at])
        done = [context for context, each in self._utterances.items() if each.speak is None]
        if wanted and not any(self._utterances[context].sounded for context in done):
            return False
        kept = [each for each in self._frames[:at] if not _is_text(each)]
        self._frames = [*kept, *self._frames[at + 1 :]]
        self._begun = False
        self._forget(done)
        return True

    def _forget(self, contexts: list[str]) -> None:
        for context in contexts:
            del self._utterances[context]

    def _without_asides(self) -> Iterator[Frame]:
        """Yield all but what was said to pass the time until the answer."""
        last: Frame | None = None
        for frame in self._frames:
            aside = isinstance(last, TTSSpeakFrame) and last.text_type == ASIDE and isinstance(frame, Mark)
            last = frame
            if not aside and not (isinstance(frame, TTSSpeakFrame) and frame.text_type == ASIDE):
                yield frame


def _anew(frame: Frame) -> Frame:
    """Return another of what tells that something has been said: the first voice may still let its own out."""
    if isinstance(frame, LLMFullResponseEndFrame):
        end = LLMFullResponseEndFrame()
        end.metadata |= frame.metadata
        return end
    return Mark() if isinstance(frame, Mark) else frame


def _is_text(frame: Frame) -> bool:
    return isinstance(frame, TextFrame)


def _text(frame: Frame) -> str:
    text = frame.text if isinstance(frame, TextFrame) else ""
    return text if isinstance(frame, LLMTextFrame) else f"{text} "


def _letters(text: str) -> int:
    return sum(char.isalnum() for char in text)


def _sentence_of(text: str, letters: int) -> int:
    """Return where the sentence begins that is not whole after so many letters."""
    at = 0
    while (end := match_endofsentence(text[at:])) and _letters(text[: at + end]) <= letters:
        at += end
    return len(text) if _letters(text) <= letters else at
