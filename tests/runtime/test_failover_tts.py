"""A list of voices: whatever the first does, each sentence is heard whole once, and told to the model once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from tests.runtime.clock import Clock, Steps
from tests.services.embedded import LIMIT_SECS, running, until
from voicekit.config.failure import Fallback
from voicekit.config.services import Service
from voicekit.problems import Place
from voicekit.providers.catalog import catalog
from voicekit.records.events import Event, TakenOver, Trouble
from voicekit.runtime.asides import aside
from voicekit.runtime.failover_tts import FailoverTTS
from voicekit.runtime.succession import Terms

ANSWER: Final = ("It is noon. ", "The sun ", "is high. ", "Go home.")
SENTENCES: Final = ("It is noon.", "The sun is high.", "Go home.")
NAMES: Final = ("one", "two", "three")
# So many looks at a scene in which nothing goes on.
CALM: Final = 10
# How long a letter is heard.
LETTER_SECS: Final = 0.07
# Longer than any answer here and what is waited for behind it.
LONG_SECS: Final = 9.0


class Voice(TTSService):
    """Says each sentence as `behaves` says, one after another, and well when that has ended.

    `error` reports one, `refused` one of the key, `silent` has no sound, `hang` waits for ever, `half` has the sound
    of the first word and waits for ever.
    """

    def __init__(self, sample: int, *behaves: str, words: bool = False) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            push_text_frames=not words,
            stop_frame_timeout_s=60,
            sample_rate=16000,
            settings=TTSSettings(model=None, voice=None, language=None),
        )
        self.sample = sample.to_bytes(2, "little")
        self.said_secs: dict[str, float] = {}
        self.behaves = list(behaves)
        self.words = words
        self.heard: list[str] = []

    def can_generate_metrics(self) -> bool:
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        self.heard.append(text)
        how = self.behaves.pop(0) if self.behaves else "well"
        if how == "error":
            yield ErrorFrame("it broke", category=ErrorCategory.SERVER)
        elif how == "refused":
            yield ErrorFrame("who are you", category=ErrorCategory.AUTHENTICATION)
        elif how == "hang":
            await asyncio.Event().wait()
        elif how == "half":
            await self._word(text.split(maxsplit=1)[0], context_id)
            await asyncio.Event().wait()
        elif how == "well":
            for word in text.split():
                await self._word(word, context_id)

    async def _word(self, word: str, context_id: str) -> None:
        secs = LETTER_SECS * len(word)
        begins = self.said_secs.get(context_id, 0.0)
        self.said_secs[context_id] = begins + secs
        sound = self.sample * round(16000 * secs)
        await self.append_to_audio_context(context_id, TTSAudioRawFrame(sound, 16000, 1, context_id=context_id))
        if self.words:
            await self.add_word_timestamps([(word, begins)], context_id)

    async def on_turn_context_completed(self) -> None:
        for context in self.get_audio_contexts():
            await self.remove_audio_context(context)


class Scene:
    """Voices in a row, and what is heard of them."""

    def __init__(self, *voices: Voice, **fallback: Any) -> None:
        self.voices = voices
        self.clock = Clock()
        self.events: list[Event] = []
        provider = catalog().find("tts", "elevenlabs")
        assert provider is not None
        entries = [replace(provider, name=name) for name in NAMES[: len(voices)]]
        services = [Service("tts", entry, {}, Place("test.yaml")) for entry in entries]
        terms = Terms("tts", services, Fallback(**fallback), self.events.append, self.clock.now)
        self.list = FailoverTTS(list(voices), terms, self.clock.sleep)
        self.frames: list[Frame] = []
        self.errors: list[str] = []

    @asynccontextmanager
    async def on(self, *behind: FrameProcessor) -> AsyncIterator[Steps]:
        async with running(Pipeline([self.list, *behind]) if behind else self.list, 16000) as line:
            line.down.on_frame = self.frames.append
            line.up.on_frame = lambda frame: self.errors.append(frame.error) if isinstance(frame, ErrorFrame) else None
            yield Steps(line, self.clock)

    def of(self, kind: type[Frame]) -> list[Any]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    @property
    def told(self) -> str:
        return " ".join(frame.text.strip() for frame in self.of(TTSTextFrame))

    @property
    def sounds(self) -> str:
        """Who was heard, in order, a digit for a word."""
        return "".join(str(frame.audio[0]) for frame in self.of(TTSAudioRawFrame) if any(frame.audio))

    @property
    def taken_over(self) -> list[tuple[str, str]]:
        return [(event.new, event.reason) for event in self.events if isinstance(event, TakenOver)]


async def say(line: Steps, *texts: str) -> None:
    await line.line.put(LLMFullResponseStartFrame(), *map(LLMTextFrame, texts or ANSWER), LLMFullResponseEndFrame())


async def answered(scene: Scene, line: Steps, count: int = 1) -> None:
    """Wait until an answer has come out whole."""
    await line.line.down.wait(LLMFullResponseEndFrame, count)


async def passes(scene: Scene, secs: float, true: Callable[[], bool]) -> None:
    """Let time pass, at most so much of it and only while somebody waits for nothing else, until something is so."""
    end, calm, heard = scene.clock.time + secs, 0, 0
    async with asyncio.timeout(LIMIT_SECS):
        while not true():
            await asyncio.sleep(0.01)
            calm = calm + 1 if scene.clock.awaited and len(scene.frames) == heard else 0
            heard = len(scene.frames)
            if calm == CALM:
                calm = 0
                scene.clock.wake_by(end)


def complete(scene: Scene) -> None:
    """Hold what is so of each answer, whoever has said it."""
    assert scene.told == " ".join(SENTENCES)
    for kind in (LLMFullResponseStartFrame, TTSStartedFrame, TTSStoppedFrame, LLMFullResponseEndFrame):
        assert len(scene.of(kind)) == 1
    assert len({context for frame in scene.frames if (context := getattr(frame, "context_id", None))}) == 1
    announced = [frame.text for frame in scene.of(AggregatedTextFrame) if not isinstance(frame, TTSTextFrame)]
    assert announced == list(SENTENCES)
    assert scene.of(InterruptionFrame) == []
    times = [frame.pts for frame in scene.of(TTSTextFrame) if frame.pts]
    assert times == sorted(times)
    [end] = scene.of(LLMFullResponseEndFrame)
    assert scene.frames.index(end) > scene.frames.index(scene.of(TTSStoppedFrame)[0])
    assert end.pts == (times[-1] if scene.of(TTSTextFrame)[-1].pts else None)


@pytest.mark.parametrize("words", [False, True])
async def test_who_speaks_well_goes_on(words: bool) -> None:
    scene = Scene(Voice(1, words=words), Voice(2))
    async with scene.on() as line:
        await say(line)
        await answered(scene, line)
    complete(scene)
    assert scene.sounds == "1" * 9
    assert scene.events == []


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize(
    ("behaves", "sounds", "second"),
    [
        (["error"], "222222222", "It is noon. The sun is high. Go home."),
        (["refused"], "222222222", "It is noon. The sun is high. Go home."),
        (["well", "error"], "111222222", "The sun is high. Go home."),
        (["well", "well", "error"], "111111122", "Go home."),
    ],
)
async def test_the_next_says_what_was_not_said(words: bool, behaves: list[str], sounds: str, second: str) -> None:
    one, two = Voice(1, *behaves, words=words), Voice(2, words=words)
    scene = Scene(one, two)
    async with scene.on() as line:
        await say(line)
        await answered(scene, line)
    complete(scene)
    assert scene.sounds == sounds
    assert " ".join(two.heard) == second
    assert len(scene.taken_over) == 1


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize(
    ("behaves", "sounds", "reason"),
    [
        (["hang"], "222222222", "no sound within 1.5 s"),
        (["half"], "1222222222", "no more sound for 1.5 s"),
        (["well", "half"], "1111222222", "no more sound for 1.5 s"),
        (["well", "hang"], "111222222", "no more sound for 1.5 s"),
    ],
)
async def test_who_is_slow_or_stalls_is_not_waited_for(
    words: bool, behaves: list[str], sounds: str, reason: str
) -> None:
    scene = Scene(Voice(1, *behaves, words=words), Voice(2, words=words))
    async with scene.on() as line:
        await say(line)
        await passes(scene, LONG_SECS, lambda: bool(scene.of(LLMFullResponseEndFrame)))
    complete(scene)
    assert scene.sounds == sounds
    assert scene.taken_over == [("two", reason)]


async def test_an_answer_without_a_sound_is_said_by_the_next() -> None:
    scene = Scene(Voice(1, "silent", "silent", "silent"), Voice(2))
    async with scene.on() as line:
        await say(line)
        await answered(scene, line)
    assert scene.sounds == "2" * 9
    assert len(scene.of(LLMFullResponseEndFrame)) == 1
    assert [new for new, _ in scene.taken_over] == ["two"]


async def test_all_of_a_list_are_tried_once_and_then_it_has_failed() -> None:
    scene = Scene(Voice(1, "error"), Voice(2, "error"), Voice(3, "error"))
    async with scene.on() as line:
        await say(line)
        await line.line.up.wait(ErrorFrame)
        assert [new for new, _ in scene.taken_over] == ["two", "three"]
        assert scene.errors == ["it broke"]
        # The next answer is said by whoever can.
        await line.line.put(InterruptionFrame())
        await say(line)
        await answered(scene, line, 2)
        assert scene.sounds == "3" * 9


async def test_one_alone_is_asked_once_more_after_an_error() -> None:
    voice = Voice(1, "well", "error")
    scene = Scene(voice)
    async with scene.on() as line:
        await say(line)
        await answered(scene, line)
    complete(scene)
    assert voice.heard[-2:] == ["The sun is high.", "Go home."]


async def test_one_alone_is_given_up_in_time() -> None:
    scene = Scene(Voice(1, "hang"))
    async with scene.on() as line:
        await say(line)
        await passes(scene, LONG_SECS, lambda: bool(scene.errors))
    assert scene.errors == ["no sound within 5 s"]


async def test_one_alone_that_stalls_is_given_up_as_soon_as_any() -> None:
    scene = Scene(Voice(1, "half"))
    async with scene.on() as line:
        await say(line)
        await passes(scene, 5.1, lambda: bool(scene.errors))
    assert scene.errors == ["no more sound for 1.5 s"]


async def test_late_sound_of_who_was_given_up_is_not_heard() -> None:
    late = asyncio.Event()

    class Late(Voice):
        async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
            self.late = context_id
            await asyncio.shield(late.wait())
            yield None

    one = Late(1)
    scene = Scene(one, Voice(2))
    async with scene.on() as line:
        await say(line)
        await passes(scene, LONG_SECS, lambda: bool(scene.of(LLMFullResponseEndFrame)))
        await one.push_frame(TTSAudioRawFrame(one.sample * 160, 16000, 1, context_id=one.late))
        await line.settle()
    assert scene.sounds == "2" * 9


async def test_an_interruption_forgets_what_was_to_be_said() -> None:
    one, two = Voice(1, "half"), Voice(2)
    scene = Scene(one, two)
    async with scene.on() as line:
        await say(line)
        await line.line.down.wait(TTSAudioRawFrame)
        await line.line.put(InterruptionFrame())
        await line.line.down.wait(InterruptionFrame)
        await line.wait(10)
        await say(line, "Yes.")
        await answered(scene, line)
    assert (scene.sounds, two.heard, scene.events) == ("11", [], [])


async def test_the_first_comes_back_when_it_has_cooled_down() -> None:
    scene = Scene(Voice(1, "error"), Voice(2), cool_down_secs=10)
    async with scene.on() as line:
        for count, secs in ((1, 5.0), (2, 6.0), (3, 0.0)):
            await say(line, "Yes.")
            await answered(scene, line, count)
            await line.wait(secs)
    assert scene.sounds == "221"
    assert [new for new, _ in scene.taken_over] == ["two", "one"]


async def test_a_line_of_its_own_keeps_what_it_is() -> None:
    one, two = Voice(1, "error"), Voice(2)
    scene = Scene(one, two)
    async with scene.on() as line:
        await line.line.put(TTSSpeakFrame("Hello there.", append_to_context=False))
        await line.line.down.wait(TTSTextFrame)
    assert scene.sounds == "22"
    assert [frame.append_to_context for frame in scene.of(TTSTextFrame)] == [False]


async def test_what_passes_the_time_is_not_said_again_before_the_answer() -> None:
    one, two = Voice(1, "hang"), Voice(2)
    scene = Scene(one, two)
    async with scene.on() as line:
        await line.line.put(aside("One moment."))
        await say(line, "Yes.")
        await passes(scene, LONG_SECS, lambda: bool(scene.of(LLMFullResponseEndFrame)))
    assert (one.heard, two.heard, scene.told) == (["One moment."], ["Yes."], "Yes.")


async def test_an_error_that_costs_nothing_is_told_and_no_more() -> None:
    scene = Scene(Voice(1))
    async with scene.on() as line:
        await scene.voices[0].push_error("the line was lost")
        await line.settle()
    assert scene.errors == []
    assert scene.events == [Trouble("tts", "the line was lost")]


class Ahead(Voice):
    """Tells its texts before their sound, as a voice does that is sent text and sends sound when it likes."""

    supports_processing_metrics = False

    def __init__(self, sample: int, sounds: int) -> None:
        super().__init__(sample)
        self.sounds = sounds
        self.given: list[tuple[str, str]] = []

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        self.heard.append(text)
        self.given += [(word, context_id) for word in text.split()]
        yield None

    async def on_turn_context_completed(self) -> None:
        for word, context_id in self.given[: self.sounds]:
            await self._word(word, context_id)
        if self.sounds < len(self.given):
            _, context_id = self.given[0]
            await self.append_to_audio_context(context_id, ErrorFrame("it broke", category=ErrorCategory.SERVER))
        await super().on_turn_context_completed()


@pytest.mark.parametrize(("sounds", "rest"), [(0, SENTENCES), (2, SENTENCES), (5, SENTENCES[1:]), (9, ())])
async def test_texts_before_their_sound_are_told_once_and_a_sentence_rather_twice_than_never(
    sounds: int, rest: tuple[str, ...]
) -> None:
    one, two = Ahead(1, sounds), Voice(2)
    scene = Scene(one, two)
    async with scene.on() as line:
        await say(line)
        await answered(scene, line)
    complete(scene)
    assert scene.sounds == "1" * sounds + "2" * len(" ".join(rest).split())
    assert tuple(two.heard) == rest


async def test_there_is_time_for_a_sentence_while_the_one_before_is_heard() -> None:
    ready = asyncio.Event()

    class Slow(Voice):
        async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
            if self.heard:
                await ready.wait()
            async for frame in super().run_tts(text, context_id):
                yield frame

    scene = Scene(Slow(1), Voice(2))
    async with scene.on() as line:
        await say(line, "This is a sentence that is heard for more than three seconds. ", "Yes.")
        await line.line.down.wait(TTSTextFrame)
        while scene.clock.wake_by(4.0):  # noqa: ASYNC110 - nothing tells that nobody minds
            await asyncio.sleep(0.01)
        ready.set()
        await answered(scene, line)
    assert scene.events == []


async def test_the_end_of_a_call_waits_for_who_takes_over() -> None:
    scene = Scene(Voice(1, "hang"), Voice(2))
    async with scene.on() as line:
        await say(line)
        await line.line.put(EndFrame())
        await passes(scene, LONG_SECS, lambda: bool(scene.of(EndFrame)))
    complete(scene)
    assert scene.sounds == "2" * 9


async def test_an_aside_that_nobody_can_say_is_no_failure() -> None:
    scene = Scene(Voice(1, "error"), Voice(2, "error"))
    async with scene.on() as line:
        await line.line.put(aside("One moment."))
        await until(lambda: scene.voices[1].heard == ["One moment."])
        await say(line, "Yes.")
        await answered(scene, line)
    assert (scene.sounds, scene.told, scene.errors) == ("2", "Yes.", [])


async def test_who_has_said_something_may_be_followed_by_who_failed_before() -> None:
    scene = Scene(Voice(1, "error"), Voice(2, "well", "error"))
    async with scene.on() as line:
        await say(line)
        await answered(scene, line)
    complete(scene)
    assert scene.sounds == "222111111"


async def test_the_model_remembers_the_words_once() -> None:
    context = LLMContext([])
    _, assistant = LLMContextAggregatorPair(context)
    scene = Scene(Voice(1, "well", "half", words=True), Voice(2))
    async with scene.on(assistant) as line:
        await say(line)
        await passes(scene, LONG_SECS, lambda: bool(context.messages))
    assert context.messages == [{"role": "assistant", "content": " ".join(SENTENCES)}]


async def test_who_dies_after_an_interruption_is_not_given_the_time_of_what_was_interrupted() -> None:
    scene = Scene(Voice(1, "well", "hang"), Voice(2))
    async with scene.on() as line:
        await say(line, " ".join(["word"] * 60))
        await answered(scene, line)
        await line.line.put(InterruptionFrame())
        await line.line.down.wait(InterruptionFrame)
        await say(line, "Yes.")
        await passes(scene, 1.6, lambda: len(scene.of(LLMFullResponseEndFrame)) == 2)
    assert scene.taken_over == [("two", "no sound within 1.5 s")]
