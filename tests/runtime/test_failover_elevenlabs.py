"""A voice that times its words over a connection: whatever becomes of that, each sentence is heard whole once."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
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
from pipecat.services.elevenlabs.tts import ElevenLabsTTSService

from tests.services.embedded import Line, running, until
from voicekit.config.failure import Fallback
from voicekit.config.services import Service
from voicekit.emulators.elevenlabs_stream import ElevenLabsStream
from voicekit.emulators.faults import Break, Fault, Latency, Refuse
from voicekit.emulators.server import serve
from voicekit.emulators.voice import ENCODERS, tone, words
from voicekit.problems import Place
from voicekit.providers.catalog import catalog
from voicekit.records.events import Event, TakenOver
from voicekit.runtime.failover_tts import FailoverTTS
from voicekit.runtime.succession import Terms

FIRST: Final = "The weather in London is cold today."
SECOND: Final = "Please take a warm coat with you."
ANSWER: Final = f"{FIRST} {SECOND}"
RATE: Final = 24000
# The emulator's sound of a word, by which it is known; one at the start of a text has no space before it.
SOUNDS: Final = {
    ENCODERS["linear16"](tone(text, RATE)): word.strip() for word in words(ANSWER) for text in (word, word.strip())
} | {ENCODERS["linear16"](tone(f" {word}", RATE)): word for word in ANSWER.split()}


@dataclass
class Scene:
    """A list of voices, each with an emulator of its own."""

    voices: FailoverTTS
    line: Line
    emulators: tuple[ElevenLabsStream, ...]
    events: list[Event]

    def of(self, kind: type[Frame]) -> list[Any]:
        return [frame for frame in self.line.down.frames if isinstance(frame, kind)]

    @property
    def heard(self) -> str:
        return " ".join(SOUNDS[frame.audio] for frame in self.of(TTSAudioRawFrame))

    @property
    def told(self) -> str:
        return " ".join(frame.text for frame in self.of(TTSTextFrame))

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, TakenOver)]

    async def say(self, text: str = ANSWER) -> None:
        tokens = map(LLMTextFrame, words(text))
        await self.line.put(LLMFullResponseStartFrame(), *tokens, LLMFullResponseEndFrame())


@asynccontextmanager
async def scene(*faults: Iterator[Fault], tts_ms: int = 700) -> AsyncIterator[Scene]:
    """Run one voice for each series of faults."""
    events: list[Event] = []
    emulators = tuple(ElevenLabsStream("key", faults=each, latency=Latency(0.05, 0.01)) for each in faults)
    provider = catalog().find("tts", "elevenlabs")
    assert provider is not None
    services = [
        Service("tts", replace(provider, name=f"voice{at}"), {}, Place("test.yaml"), given_secs=2.0)
        for at, _ in enumerate(faults)
    ]
    async with AsyncExitStack() as stack:
        addresses = [await stack.enter_async_context(serve([each])) for each in emulators]
        settings = ElevenLabsTTSService.Settings(voice="21m00Tcm4TlvDq8ikWAM")
        voices = [
            ElevenLabsTTSService(api_key="key", url=f"ws://{address}", settings=settings) for address in addresses
        ]
        made = FailoverTTS(list(voices), Terms("tts", services, Fallback(tts_ms=tts_ms), events.append))
        async with running(made) as line:
            yield Scene(made, line, emulators, events)


def complete(made: Scene) -> None:
    """Hold what is so of an answer, whoever has said it."""
    assert made.told == ANSWER
    for kind in (LLMFullResponseStartFrame, TTSStartedFrame, TTSStoppedFrame, LLMFullResponseEndFrame):
        assert len(made.of(kind)) == 1
    announced = [frame.text for frame in made.of(AggregatedTextFrame) if not isinstance(frame, TTSTextFrame)]
    assert announced == [FIRST, SECOND]
    times = [frame.pts for frame in made.of(TTSTextFrame)]
    assert times == sorted(times)
    assert made.of(LLMFullResponseEndFrame)[0].pts >= times[-1]
    assert made.of(InterruptionFrame) == []


@pytest.mark.parametrize("how", ["error", "drop", "garbage", pytest.param("hang", marks=pytest.mark.long)])
@pytest.mark.parametrize("after", [0, 3, 8])
async def test_what_was_not_heard_whole_is_said_by_the_next(how: Any, after: int) -> None:
    async with scene(iter([Break(how, after)]), iter(())) as made:
        await made.say()
        await made.line.down.wait(LLMFullResponseEndFrame)
        assert made.line.up.all(ErrorFrame) == []
        complete(made)
        # What one voice has begun is said from its start by the other.
        rest = SECOND if after == 8 else ANSWER
        assert made.heard.endswith(rest)
        begun = made.heard.removesuffix(rest).split()
        assert begun == ANSWER.split()[: len(begun)]
        assert after - 1 <= len(begun) <= after
        assert len(made.reasons) == 1


@pytest.mark.parametrize("how", ["error", "drop"])
async def test_one_alone_says_it_over_a_new_connection(how: Any) -> None:
    async with scene(iter([Break(how, 8)])) as made:
        await made.say()
        await made.line.down.wait(LLMFullResponseEndFrame)
        complete(made)
        assert made.heard.endswith(f"Please {SECOND}")
        assert made.reasons == ["its connection was lost"]


@pytest.mark.long
async def test_one_alone_that_stalls_is_given_up_as_soon_as_any() -> None:
    async with scene(iter([Break("hang", 2)]), tts_ms=200) as made:
        await made.say()
        error = await made.line.up.wait(ErrorFrame)
        assert error.error == "no more sound for 0.2 s"
        assert len(made.of(TTSStoppedFrame)) == len(made.of(LLMFullResponseEndFrame)) == 1


@pytest.mark.parametrize("status", [401, 500])
async def test_one_alone_that_is_refused_fails_every_turn_aloud(status: int) -> None:
    async with scene(iter([Refuse(status)] * 9)) as made:
        for count in (1, 2):
            await made.say()
            error = await made.line.up.wait(ErrorFrame, count)
            assert f"HTTP {status}" in error.error
            await made.line.put(InterruptionFrame())
            await made.line.down.wait(InterruptionFrame, count)
        assert made.heard == made.told == ""


async def test_one_that_is_refused_from_the_start_is_passed_over() -> None:
    async with scene(iter([Refuse(401)] * 9), iter(())) as made:
        await until(lambda: bool(made.reasons))
        await made.say()
        await made.line.down.wait(LLMFullResponseEndFrame)
        complete(made)
        assert made.heard == ANSWER
        assert len(made.reasons) == 1


async def test_lines_within_and_between_answers_are_said_in_their_place() -> None:
    async with scene(iter([Break("drop", 2)]), iter(())) as made:
        await made.line.put(LLMFullResponseStartFrame(), *map(LLMTextFrame, words(f"{FIRST} ")))
        await made.line.put(LLMTextFrame("Please "), TTSSpeakFrame("coat", append_to_context=False))
        await made.line.put(LLMTextFrame("take a warm coat with you."), LLMFullResponseEndFrame())
        await made.line.put(TTSSpeakFrame("London", append_to_context=False))
        await made.line.down.wait(TTSStoppedFrame, 3)
        times = [frame.pts for frame in made.of(TTSTextFrame)]
        assert times == sorted(times)
        assert (times[-1] - times[0]) / 1e9 < sum(frame.num_frames for frame in made.of(TTSAudioRawFrame)) / RATE
        kept = [(frame.text, frame.append_to_context) for frame in made.of(TTSTextFrame)]
        assert " ".join(text for text, appended in kept if appended) == ANSWER
        assert [text for text, appended in kept if not appended] == ["coat", "London"]
        assert made.heard.endswith("London")
        assert len(made.reasons) == 1


async def test_an_interruption_while_another_takes_over_forgets_it_all() -> None:
    async with scene(iter([Break("drop", 3)]), iter(())) as made:
        await made.say()
        await until(lambda: bool(made.reasons))
        await made.line.put(InterruptionFrame())
        await made.line.down.wait(InterruptionFrame)
        before = len(made.of(TTSAudioRawFrame))
        await made.say(SECOND)
        await made.line.down.wait(LLMFullResponseEndFrame)
        after = [SOUNDS[frame.audio] for frame in made.of(TTSAudioRawFrame)][before:]
        assert " ".join(after) == SECOND
