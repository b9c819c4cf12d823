"""Errors of a call: what the operator reads, and when the caller hears a line."""

from pathlib import Path
from unittest.mock import create_autospec

import pytest
from pipecat.frames.frames import ErrorFrame, Frame, TTSSpeakFrame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from voicekit.config.loader import load
from voicekit.records.events import Event, Trouble
from voicekit.runtime.failure import Failure
from voicekit.runtime.secrets import Mask

FILE = """
version: 1
name: agent
prompt: Be brief.
asr: {provider: deepgram, api_key: "${KEY}"}
llm: {provider: openai, model: gpt-4o, api_key: "${KEY}"}
tts: {provider: elevenlabs, voice: one, api_key: "${KEY}"}
failure: {say: [One., Two.]}
"""


def processor(kind: type[FrameProcessor], *, usable: bool = True) -> FrameProcessor:
    made = create_autospec(kind, instance=True)
    made.is_usable = usable
    assert isinstance(made, FrameProcessor)
    return made


class Line:
    def __init__(self, tmp_path: Path) -> None:
        path = tmp_path / "agent.yaml"
        path.write_text(FILE, encoding="utf-8")
        agent = load(path, {"KEY": "0123456789abc"}).agent
        assert agent is not None
        self.agent = agent
        self.events: list[Event] = []
        self.spoken: list[str] = []
        self.time = 1000.0
        self.failure = Failure(agent, self.events.append, self.say, now=lambda: self.time)

    async def say(self, frame: Frame) -> None:
        assert isinstance(frame, TTSSpeakFrame)
        assert not frame.append_to_context
        self.spoken.append(frame.text)


async def test_what_a_lost_session_says_at_each_piece_of_sound_is_told_once_in_a_while(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.agent = line.agent.model_copy(update={"realtime": line.agent.llm[0]})
    failure = Failure(line.agent, line.events.append, line.say, now=lambda: line.time)
    for secs, text in ((0, "lost"), (1, "lost"), (2, "refused"), (3, "refused"), (7.5, "refused")):
        line.time = 1000.0 + secs
        await failure.on_error(ErrorFrame(text, processor=processor(LLMService)))
    assert line.events == [Trouble("realtime", text) for text in ("lost", "refused", "refused")]


@pytest.mark.parametrize(
    ("kind", "usable", "category", "source", "spoken"),
    [
        (LLMService, True, ErrorCategory.SERVER, "llm", ["One."]),
        (LLMService, False, ErrorCategory.AUTHENTICATION, "llm", ["One."]),
        (STTService, True, ErrorCategory.APPLICATION, "asr", []),
        (STTService, False, ErrorCategory.AUTHENTICATION, "asr", ["One."]),
        (STTService, True, ErrorCategory.UNKNOWN, "asr", ["One."]),
        (TTSService, True, ErrorCategory.SERVER, "tts", ["One."]),
    ],
)
async def test_an_error_is_told_and_a_lost_turn_is_spoken_of(
    kind: type[FrameProcessor], usable: bool, category: ErrorCategory, source: str, spoken: list[str], tmp_path: Path
) -> None:
    line = Line(tmp_path)
    await line.failure.on_error(ErrorFrame("it broke", processor=processor(kind, usable=usable), category=category))
    assert line.events == [Trouble(source, "it broke")]
    assert line.spoken == spoken


async def test_a_tool_speaks_for_itself(tmp_path: Path) -> None:
    line = Line(tmp_path)
    await line.failure.on_error(ErrorFrame("x", processor=processor(LLMService), category=ErrorCategory.APPLICATION))
    assert (line.events, line.spoken) == ([], [])


async def test_lines_take_turns_and_one_cause_is_spoken_of_once(tmp_path: Path) -> None:
    line = Line(tmp_path)
    for at in (1000.0, 1001.0, 1004.9, 1005.0, 1020.0):
        line.time = at
        await line.failure.on_error(ErrorFrame("x", processor=processor(LLMService), category=ErrorCategory.SERVER))
    assert line.spoken == ["One.", "Two.", "One."]
    assert len(line.events) == 5


async def test_a_secret_is_cut_out_and_a_long_error_cut_short(tmp_path: Path) -> None:
    mask = Mask(Line(tmp_path).agent)
    shown = mask("the desk refused 0123456789abc " + "x" * 400)
    assert shown.startswith("the desk refused *** xxx")
    assert len(shown) == 301
