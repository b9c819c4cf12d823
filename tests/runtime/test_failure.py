"""Errors of a call: what the operator reads, and when the caller hears a line; in virtual time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from unittest.mock import create_autospec

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallFromLLM,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from tests.runtime.clock import Clock, Steps
from tests.services.embedded import running
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.records.events import Event, Trouble
from voicekit.runtime.failover_llm import UNFINISHED
from voicekit.runtime.failure import Failure
from voicekit.runtime.secrets import Mask

FILE = """
version: 1
name: agent
prompt: Be brief.
asr: {provider: deepgram, api_key: "${KEY}"}
llm: {provider: openai, model: gpt-4o, api_key: "${KEY}"}
tts: {provider: elevenlabs, voice: one, api_key: "${KEY}"}
fillers: FILLERS
failure: {say: [One., Two.], goodbye: Goodbye., tries: TRIES}
"""
SPEAKING_SECS = 1.0


def agent(tmp_path: Path, fillers: str = "false", tries: int = 10) -> Agent:
    path = tmp_path / "agent.yaml"
    path.write_text(FILE.replace("FILLERS", fillers).replace("TRIES", str(tries)), encoding="utf-8")
    loaded = load(path, {"KEY": "0123456789abc"}).agent
    assert loaded is not None
    return loaded


def processor(kind: type[FrameProcessor]) -> FrameProcessor:
    made = create_autospec(kind, instance=True)
    assert isinstance(made, FrameProcessor)
    return made


def started(name: str) -> Frame:
    return FunctionCallsStartedFrame([FunctionCallFromLLM(name, name, {}, LLMContext())])


def unfinished() -> Frame:
    """Return the end of an answer that another model gives again."""
    end = LLMFullResponseEndFrame()
    end.metadata[UNFINISHED] = True
    return end


def sound(kind: type[OutputAudioRawFrame], secs: float, sample: bytes = b"\1\0") -> Frame:
    return kind(sample * round(16000 * secs), 16000, 1)


STEPS: Final[Mapping[str, tuple[Frame, ...]]] = {
    "asked": (LLMFullResponseStartFrame(),),
    "end": (LLMFullResponseEndFrame(),),
    "handed over": (unfinished(),),
    "a second": (sound(TTSAudioRawFrame, 1),),
    "filler": (sound(OutputAudioRawFrame, 1),),
    "silence": (sound(TTSAudioRawFrame, 1, b"\0\0"),),
    "find": (started("find"),),
    "found": (FunctionCallResultFrame("find", "find", {}, "found"),),
    "given up": (FunctionCallCancelFrame("find", "find"),),
    "too late": (FunctionCallCancelFrame("find", "find", run_llm=True),),
    "speaks": (UserStartedSpeakingFrame(),),
    "coughs": (VADUserStartedSpeakingFrame(),),
    "stops": (UserStoppedSpeakingFrame(),),
}
KINDS: Final[Mapping[str, type[FrameProcessor]]] = {"asr": STTService, "llm": LLMService, "tts": TTSService}


class Stage:
    """A failure that a test leads through a call; what is said, and when."""

    def __init__(self, agent: Agent) -> None:
        self.clock = Clock()
        self.said: list[tuple[float, str]] = []
        self.whole: list[str] = []
        self.events: list[Event] = []
        self.failure = Failure(
            agent, self.events.append, self.say, self.part, sleep=self.clock.sleep, now=self.clock.now
        )

    async def say(self, words: str, stop: bool) -> None:
        self.said.append((round(self.clock.time, 3), words if stop else f"({words})"))
        await self.clock.sleep(SPEAKING_SECS)
        self.whole.append(words)

    async def part(self, words: str, reason: str) -> None:
        assert reason == "failure"
        await self.say(words, True)

    async def play(self, steps: str) -> list[tuple[float, str]]:
        """Take the steps, where a number is seconds and a service's name is an error of it."""
        async with running(self.failure) as line:
            at = Steps(line, self.clock)
            for step in steps.split(", "):
                if step in STEPS:
                    await at.put(*STEPS[step])
                elif step in KINDS:
                    await self.failure.on_error(ErrorFrame("it broke", processor=processor(KINDS[step])))
                    await at.settle()
                elif step == "turn":
                    self.failure.turn_ended()
                    await at.settle()
                else:
                    await at.wait(float(step))
        return self.said


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        # Whatever hangs: 4 s after the turn, and not a second time.
        ("turn, 30", [(4.0, "One.")]),
        ("turn, asked, 30", [(4.0, "One.")]),
        ("turn, asked, find, 30", [(4.0, "One.")]),
        # What is heard moves the moment on: counted from its end.
        ("turn, asked, 1, a second, 30", [(6.0, "One.")]),
        ("turn, 1, filler, 30", [(6.0, "One.")]),
        ("turn, asked, 1, a second, 0.2, a second, 30", [(7.0, "One.")]),
        ("turn, asked, silence, 30", [(4.0, "One.")]),
        ("turn, asked, 2, coughs, 30", [(4.0, "One.")]),
        # The answer has been handed on whole, before a tool or after it.
        ("turn, asked, 1, a second, end, 30", []),
        ("turn, asked, 1, a second, find, end, 2, found, asked, 1, a second, end, 30", []),
        ("turn, asked, 1, a second, find, end, 30", [(6.0, "One.")]),
        ("turn, asked, find, end, 1, found, 30", [(4.0, "One.")]),
        ("turn, asked, find, end, 1, too late, 30", [(4.0, "One.")]),
        ("turn, asked, 1, handed over, asked, 1, a second, end, 30", []),
        # Nothing of it could be heard.
        ("turn, asked, 1, end, 30", [(1.0, "One.")]),
        ("turn, asked, 1, silence, end, 30", [(1.0, "One.")]),
        ("turn, asked, find, end, 1, found, asked, end, 30", [(1.0, "One.")]),
        ("turn, asked, find, given up, 1, end, 30", [(1.0, "One.")]),
        # A service gives up: at once, and once for a turn.
        ("turn, asked, 1, llm, end, 30", [(1.0, "One.")]),
        ("turn, asked, 1, llm, tts, llm, 30", [(1.0, "One.")]),
        ("turn, asked, 1, llm, 2, turn, asked, 1, tts, 30", [(1.0, "One."), (4.0, "Two.")]),
        # An asr that breaks costs a turn only while the caller speaks or waits.
        ("asr, 30", []),
        ("turn, asr, 30", [(0.0, "One.")]),
        ("speaks, 1, asr, 30", [(1.0, "One.")]),
        ("turn, asked, a second, end, 2, asr, 30", []),
        # The caller speaks: nothing is owed.
        ("turn, asked, 2, speaks, 30", []),
    ],
)  # fmt: skip
async def test_a_caller_who_waits_hears_something(steps: str, said: list[tuple[float, str]], tmp_path: Path) -> None:
    assert await Stage(agent(tmp_path)).play(steps) == said


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        # While something is still tried, the caller is kept company.
        ("turn, asked, 11", [(4.0, "(Hm.)"), (9.0, "(So.)")]),
        ("turn, asked, 5, llm, 30", [(4.0, "(Hm.)"), (5.0, "One.")]),
        ("turn, asked, 4.5, a second, end, 30", [(4.0, "(Hm.)")]),
        # It should have been given up after 10 s; nobody waits for ever. A tool has a limit of its own.
        ("turn, asked, 60", [(4.0, "(Hm.)"), (9.0, "(So.)"), (14.0, "One.")]),
        ("turn, asked, find, 18", [(4.0, "(Hm.)"), (9.0, "(So.)"), (14.0, "(Hm.)")]),
    ],
)
async def test_a_filler_is_said_while_something_is_tried(
    steps: str, said: list[tuple[float, str]], tmp_path: Path
) -> None:
    assert await Stage(agent(tmp_path, "[Hm., So.]")).play(steps) == said


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("turn, llm, 5, turn, llm, 30", [(0.0, "One."), (5.0, "Goodbye.")]),
        ("turn, asked, a second, llm, 5, turn, llm, 30", [(0.0, "One."), (5.0, "Goodbye.")]),
        # A turn that was answered forgives those before it.
        ("turn, llm, 5, turn, asked, a second, end, 5, turn, llm, 30", [(0.0, "One."), (10.0, "Two.")]),
    ],
)
async def test_too_many_turns_in_a_row_end_the_call(steps: str, said: list[tuple[float, str]], tmp_path: Path) -> None:
    assert await Stage(agent(tmp_path, tries=2)).play(steps) == said


async def test_the_next_words_cut_off_those_that_are_being_said(tmp_path: Path) -> None:
    stage = Stage(agent(tmp_path, tries=2))
    assert await stage.play("turn, llm, 0.5, turn, llm, 30") == [(0.0, "One."), (0.5, "Goodbye.")]
    assert stage.whole == ["Goodbye."]


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ("turn, 5", "nothing was heard within 4000 ms"),
        ("turn, asked, end", "nothing of the answer was heard"),
    ],
)
async def test_why_the_caller_was_told_so_is_reported(steps: str, text: str, tmp_path: Path) -> None:
    stage = Stage(agent(tmp_path))
    await stage.play(steps)
    assert stage.events == [Trouble("call", text)]


async def test_what_a_lost_session_says_at_each_piece_of_sound_is_told_once_in_a_while(tmp_path: Path) -> None:
    file = agent(tmp_path)
    stage = Stage(file.model_copy(update={"realtime": file.llm[0]}))
    async with running(stage.failure):
        for secs, text in ((0, "lost"), (1, "lost"), (2, "refused"), (3, "refused"), (7.5, "refused")):
            stage.clock.time = 1000.0 + secs
            await stage.failure.on_error(ErrorFrame(text, processor=processor(LLMService)))
    assert stage.events == [Trouble("realtime", text) for text in ("lost", "refused", "refused")]


@pytest.mark.parametrize(
    ("kind", "category", "source", "said"),
    [
        (LLMService, ErrorCategory.SERVER, "llm", ["One."]),
        (LLMService, ErrorCategory.AUTHENTICATION, "llm", ["One."]),
        (STTService, ErrorCategory.APPLICATION, "asr", []),
        (STTService, ErrorCategory.AUTHENTICATION, "asr", ["One."]),
        (STTService, ErrorCategory.UNKNOWN, "asr", ["One."]),
        (TTSService, ErrorCategory.SERVER, "tts", ["One."]),
    ],
)
async def test_an_error_is_told_and_a_lost_turn_is_spoken_of(
    kind: type[FrameProcessor], category: ErrorCategory, source: str, said: list[str], tmp_path: Path
) -> None:
    stage = Stage(agent(tmp_path))
    async with running(stage.failure) as line:
        stage.failure.turn_ended()
        await stage.failure.on_error(ErrorFrame("it broke", processor=processor(kind), category=category))
        await Steps(line, stage.clock).settle()
    assert stage.events == [Trouble(source, "it broke")]
    assert [words for _, words in stage.said] == said


async def test_a_tool_speaks_for_itself(tmp_path: Path) -> None:
    stage = Stage(agent(tmp_path))
    await stage.failure.on_error(ErrorFrame("x", processor=processor(LLMService), category=ErrorCategory.APPLICATION))
    assert (stage.events, stage.said) == ([], [])


async def test_a_secret_is_cut_out_and_a_long_error_cut_short(tmp_path: Path) -> None:
    mask = Mask(agent(tmp_path))
    shown = mask("the desk refused 0123456789abc " + "x" * 400)
    assert shown.startswith("the desk refused *** xxx")
    assert len(shown) == 301
