"""Fillers: who waits, and what is said when; in virtual time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSSpeakFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)

from tests.runtime.clock import Clock, Steps
from tests.services.embedded import running
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.runtime.asides import ASIDE, Asides
from voicekit.runtime.fillers import Fillers
from voicekit.runtime.tool_lines import ToolLine

FILE = """
version: 1
name: agent
prompt: Be brief.
asr: {provider: deepgram, api_key: "${KEY}"}
llm: {provider: openai, model: gpt-4o, api_key: "${KEY}"}
tts: {provider: elevenlabs, voice: one, api_key: "${KEY}"}
fillers: FILLERS
tools:
  find: {python: "tools:find"}
  look: {python: "tools:look", say: I am looking.}
  end_call: builtin
"""
LINES: Final = "[One., Two., Three.]"


def agent(tmp_path: Path, fillers: str) -> Agent:
    path = tmp_path / "agent.yaml"
    path.write_text(FILE.replace("FILLERS", fillers), encoding="utf-8")
    loaded = load(path, {"KEY": "0123456789abc"}).agent
    assert loaded is not None
    return loaded


def call(name: str) -> Frame:
    return FunctionCallInProgressFrame(name, name, {}, cancel_on_interruption=True)


def result(name: str) -> Frame:
    return FunctionCallResultFrame(name, name, {}, "found")


STEPS: Final[Mapping[str, tuple[Frame, ...]]] = {
    "turn": (UserStoppedSpeakingFrame(),),
    "asked": (LLMFullResponseStartFrame(),),
    "words": (LLMTextFrame("Here it is."),),
    "blank": (LLMTextFrame("\n"),),
    "end": (LLMFullResponseEndFrame(),),
    "heard": (BotStartedSpeakingFrame(),),
    "silent": (BotStoppedSpeakingFrame(),),
    "interrupted": (UserStartedSpeakingFrame(), InterruptionFrame()),
    "cough": (VADUserStartedSpeakingFrame(),),
    "coughed": (VADUserStoppedSpeakingFrame(stop_secs=0.2),),
    "failed": (TTSSpeakFrame("That did not work."),),
    **{name: (call(name),) for name in ("find", "look", "end_call")},
    **{f"{name} done": (result(name),) for name in ("find", "look", "end_call")},
    "opening": (ToolLine("I am looking.", opening=True),),
    "late": (ToolLine("Nearly there.", opening=False),),
}


async def play(agent: Agent, steps: str) -> list[tuple[float, str]]:
    """Take the steps, where a number is seconds; return the asides that were said, and when."""
    clock, said = Clock(), list[tuple[float, str]]()
    fillers = Fillers(agent, Asides(lambda _: None), dict, clock.sleep, clock.now)
    async with running(fillers) as line:

        def heard(frame: Frame) -> None:
            if isinstance(frame, TTSSpeakFrame) and frame.text_type == ASIDE:
                assert not frame.append_to_context
                said.append((round(clock.time, 3), frame.text))

        line.down.on_frame = heard
        at = Steps(line, clock)
        for step in steps.split(", "):
            if step in STEPS:
                await at.put(*STEPS[step])
            else:
                await at.wait(float(step))
    return said


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        # The model is slow, and then silent: the cap holds.
        ("turn, asked, 30", [(0.9, "One."), (4.9, "Two.")]),
        ("turn, asked, 0.5, words, end, heard, silent, 30", []),
        ("turn, asked, 1, words, end, heard, silent, 30", [(0.9, "One.")]),
        ("turn, asked, 0.5, blank, 1", [(0.9, "One.")]),
        # Nothing is awaited: the caller said nothing, the model has nothing to say, or nobody asked anything.
        ("turn, 30", []),
        ("turn, asked, 0.5, end, 30", []),
        ("asked, 30", []),
        # The next model of a list takes over: it is the same wait.
        ("turn, asked, 0.5, end, asked, 1", [(0.9, "One.")]),
        # A tool: the wait counts anew, but never twice for one silence.
        ("turn, asked, 0.5, find, 1", [(1.4, "One.")]),
        ("turn, asked, 1, find, 10", [(0.9, "One."), (4.9, "Two.")]),
        ("turn, asked, 1, find, 3.5, find done, asked, 10", [(0.9, "One."), (4.9, "Two.")]),
        ("turn, asked, 0.1, find, 0.5, find done, asked, 10", [(1.0, "One."), (5.0, "Two.")]),
        ("turn, asked, 0.1, find, look, 0.5, find done, 30", []),
        # A tool whose own line replaces the filler; the model may be slow after it.
        ("turn, asked, 0.1, look, 20", []),
        ("turn, asked, 0.1, look, 10, look done, asked, 2", [(11.0, "One.")]),
        ("turn, asked, 0.1, look, opening, 1, look done, asked, 5", [(0.1, "I am looking."), (4.1, "One.")]),
        # The model has said something before the tool: counted from the end of that.
        ("turn, asked, 0.1, words, find, end, 0.3, heard, 3, silent, 2", [(4.3, "One.")]),
        ("turn, asked, 0.1, words, find, 0.1, find done, asked, heard, 1, silent, 2", [(2.1, "One.")]),
        ("turn, asked, 0.1, end_call, end_call done, asked, 30", []),
        # The caller speaks.
        ("turn, asked, 0.5, interrupted, 30", []),
        ("turn, asked, 1, interrupted, 5, turn, asked, 1", [(0.9, "One."), (6.9, "Two.")]),
        ("turn, asked, 0.5, cough, 2, coughed, 1", [(3.4, "One.")]),
        ("turn, asked, 0.2, find, 0.2, interrupted, 30", []),
        # The turn has failed, and the caller has been told.
        ("turn, asked, 0.5, failed, end, heard, 1, silent, 30", []),
        # Across turns the lines go on where they were.
        ("turn, asked, 1, interrupted, turn, asked, 30", [(0.9, "One."), (1.9, "Two."), (5.9, "Three.")]),
        # Lines of tools: one announcement in an answer, none after words, and none while the caller speaks.
        ("turn, asked, look, opening, opening, 1", [(0.0, "I am looking.")]),
        ("turn, asked, words, look, opening, late, 1", [(0.0, "Nearly there.")]),
        ("asked, look, opening, look done, asked, look, opening", [(0.0, "I am looking."), (0.0, "I am looking.")]),
        ("turn, asked, find, cough, late, 1", []),
    ],
)  # fmt: skip
async def test_a_filler_is_said_once_for_a_silence(steps: str, said: list[tuple[float, str]], tmp_path: Path) -> None:
    assert await play(agent(tmp_path, LINES), steps) == said


@pytest.mark.parametrize(
    ("fillers", "said"),
    [
        ("false", []),
        ("{say: [One., One., Two.], after_ms: 500, again_ms: 1000, per_turn: 4}", [
            (0.5, "One."), (1.5, "Two."), (2.5, "One."), (3.5, "Two."),
        ]),
        ("{say: Just a moment., per_turn: 1}", [(0.9, "Just a moment.")]),
        (r"{say: 'One \{{ moment.', per_turn: 1}", [(0.9, "One {{ moment.")]),
        ("{say: [builtin, Hm.], per_turn: 2}", [(0.9, "One moment."), (4.9, "Let me see.")]),
    ],
)  # fmt: skip
async def test_the_file_says_what_and_when(fillers: str, said: list[tuple[float, str]], tmp_path: Path) -> None:
    assert await play(agent(tmp_path, fillers), "turn, asked, 30") == said


async def test_tool_lines_need_no_fillers(tmp_path: Path) -> None:
    assert await play(agent(tmp_path, "false"), "turn, asked, look, opening, 30") == [(0.0, "I am looking.")]
