"""Keys become entries: with the key that ends them, after a while without one, and at the end of a call."""

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import EndFrame, InputDTMFFrame, InterruptionFrame, LLMMessagesAppendFrame
from pipecat.processors.frame_processor import FrameProcessor

from tests.config.files import agent_of
from tests.services.embedded import Line, running
from voicekit.runtime.keypad import KeyedIn, KeyPressed, keypads

FAST = "{wait_secs: 0.5}"


def keypad(dtmf: str = "true", *services: str) -> FrameProcessor:
    telephone = "greeting: Hello.\ntransport: {type: twilio, hang_up: false}\n"
    [made] = keypads(agent_of(f"{telephone}telephony: {{dtmf: {dtmf}}}", *services))
    return made


async def press(line: Line, keys: str) -> None:
    await line.put(*(InputDTMFFrame(button=KeypadEntry(key)) for key in keys))


@pytest.mark.parametrize(
    ("dtmf", "keys", "entries"),
    [
        ("true", "47#11#", ["DTMF: 47#", "DTMF: 11#"]),
        ('{end: "*"}', "4#7*", ["DTMF: 4#7*"]),
        ('{end: "0"}', "470", ["DTMF: 470"]),
        ("true", "#", ["DTMF: #"]),
        (FAST, "4711", ["DTMF: 4711"]),
    ],
)
async def test_an_entry_ends_with_its_key_or_after_a_while(dtmf: str, keys: str, entries: list[str]) -> None:
    async with running(keypad(dtmf)) as line:
        await press(line, keys)
        await line.down.wait(KeyedIn, len(entries))
        assert [(frame.text, frame.finalized) for frame in line.down.all(KeyedIn)] == [(each, True) for each in entries]
        assert len(line.down.all(KeyPressed)) == len(keys) == len(line.down.all(InputDTMFFrame))
        # The turn that a key begins does that.
        assert line.down.all(InterruptionFrame) == []


async def test_each_key_comes_with_those_before_it() -> None:
    async with running(keypad()) as line:
        await press(line, "47#1")
        await line.down.wait(KeyPressed, 4)
        pressed = [frame.text for frame in line.down.all(KeyPressed)]
        assert pressed == ["DTMF: 4", "DTMF: 47", "DTMF: 47#", "DTMF: 1"]


async def test_the_end_of_a_call_loses_no_key() -> None:
    async with running(keypad()) as line:
        await press(line, "47")
        await line.put(EndFrame())
        assert (await line.down.wait(KeyedIn)).text == "DTMF: 47"


async def test_a_speech_to_speech_model_is_written_to_and_interrupted() -> None:
    async with running(keypad(FAST, "realtime: openai/gpt-realtime\n")) as line:
        await press(line, "4711")
        written = await line.down.wait(LLMMessagesAppendFrame)
        assert (written.messages, written.run_llm) == ([{"role": "user", "content": "DTMF: 4711"}], True)
        assert len(line.down.all(InterruptionFrame)) == 1
        assert line.down.all(KeyedIn) == []
