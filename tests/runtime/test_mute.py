"""When the caller is not heard."""

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import BotStartedSpeakingFrame, BotStoppedSpeakingFrame, InputAudioRawFrame, InputDTMFFrame
from pipecat.turns.user_mute import FunctionCallUserMuteStrategy, MuteUntilFirstBotCompleteUserMuteStrategy

from tests.config.files import agent_of
from voicekit.runtime.mute import HalfDuplex, mute_strategies


async def test_half_duplex_does_not_hear_a_voice_while_the_agent_speaks() -> None:
    half = HalfDuplex()
    voice = InputAudioRawFrame(b"\0\0", 16000, 1)
    assert not await half.process_frame(voice)
    assert await half.process_frame(BotStartedSpeakingFrame())
    assert await half.process_frame(voice)
    assert not await half.process_frame(BotStoppedSpeakingFrame())


async def test_a_key_makes_the_caller_heard_until_the_agent_has_spoken() -> None:
    half = HalfDuplex()
    await half.process_frame(BotStartedSpeakingFrame())
    assert not await half.process_frame(InputDTMFFrame(button=KeypadEntry("1")))
    assert not await half.process_frame(InputAudioRawFrame(b"\0\0", 16000, 1))
    await half.process_frame(BotStoppedSpeakingFrame())
    assert await half.process_frame(BotStartedSpeakingFrame())


GREETED, TOOLS = MuteUntilFirstBotCompleteUserMuteStrategy, FunctionCallUserMuteStrategy


@pytest.mark.parametrize(
    ("lines", "kinds"),
    [
        ("", []),
        ("turn: {duplex: half}", [HalfDuplex]),
        ("greeting: Hello.\nturn: {mute: [until_greeted, tools]}", [GREETED, TOOLS]),
        ("greeting: {say: Hello., interruptible: false}", [GREETED]),
        ("greeting: {say: Hello., interruptible: false}\nturn: {mute: [until_greeted]}", [GREETED]),
    ],
)
def test_a_file_says_when(lines: str, kinds: list[type]) -> None:
    assert [type(each) for each in mute_strategies(agent_of(lines))] == kinds
