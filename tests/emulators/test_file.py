"""A file is pointed at the emulators by its endpoints alone, and every service of it works."""

from pathlib import Path

import pytest
from pipecat.frames.frames import (
    LLMContextFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSTextFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.openai.llm import OpenAILLMService

from tests.config.files import part
from tests.emulators.sound import quiet, tone
from tests.services.embedded import running, until
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.emulators.deepgram_listen import DeepgramListen
from voicekit.emulators.elevenlabs_stream import ElevenLabsStream
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.openai_realtime import OpenAIRealtime
from voicekit.emulators.script import Reply, Script
from voicekit.emulators.server import serve
from voicekit.runtime.construct import construct
from voicekit.runtime.resources import Resources

# The SDK of Deepgram still connects with the names that websockets is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning")

SPEECH_TO_SPEECH = """\
version: 1
name: emulated
prompt: Be brief.
realtime:
  {provider: openai, model: gpt-realtime, voice: cedar, endpoint: "ws://${ADDRESS}/v1/realtime", api_key: "${KEY}"}
"""

FILE = """\
version: 1
name: emulated
prompt: Be brief.
asr: {provider: deepgram, model: nova-3, endpoint: "ws://${ADDRESS}", api_key: "${KEY}"}
llm: {provider: openai, model: gpt-4o-mini, endpoint: "http://${ADDRESS}/v1", api_key: "${KEY}"}
tts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM, endpoint: "ws://${ADDRESS}", api_key: "${KEY}"}
"""


def agent_at(address: str, folder: Path, text: str = FILE) -> Agent:
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = load(path, {"ADDRESS": address, "KEY": "right"}, running=True)
    assert loaded.problems == ()
    assert loaded.agent is not None
    return loaded.agent


async def test_one_address_serves_a_whole_file(tmp_path: Path) -> None:
    deepgram, elevenlabs = DeepgramListen("right"), ElevenLabsStream("right")
    openai = OpenAIChat("right", Script({"good day": Reply("And to you.")}))
    deepgram.announce("Good day.")
    resources = Resources()
    async with serve([deepgram, openai, elevenlabs]) as address:
        agent = agent_at(address, tmp_path)
        async with running(construct(agent, part(agent, "asr"), resources)) as line:
            await line.say(tone(0.5) + quiet(0.5))
            heard = (await line.down.wait(TranscriptionFrame)).text
        llm = construct(agent, agent.llm[0], resources)
        assert isinstance(llm, OpenAILLMService)
        async with running(llm) as line:
            await line.put(LLMContextFrame(LLMContext([{"role": "user", "content": heard}])))
            await line.down.wait(LLMTextFrame, 3)
            said = "".join(frame.text for frame in line.down.all(LLMTextFrame))
        await llm._client.close()
        async with running(construct(agent, part(agent, "tts"), resources)) as line:
            await line.put(TTSSpeakFrame(said))
            await line.down.wait(TTSAudioRawFrame)
    await resources.close()
    assert (heard, said) == ("Good day.", "And to you.")
    assert deepgram.streams[0].query["model"] == ["nova-3"]
    assert openai.received[0].body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [context.spoken for context in elevenlabs.speakers[0].contexts.values()] == [["And to you."]]


async def test_one_model_hears_thinks_and_speaks(tmp_path: Path) -> None:
    emulator = OpenAIRealtime("right", Script({"good day": Reply("And to you.")}))
    emulator.announce("Good day.")
    resources = Resources()
    async with serve([emulator]) as address:
        agent = agent_at(address, tmp_path, SPEECH_TO_SPEECH)
        async with running(construct(agent, part(agent, "realtime"), resources)) as line:
            await until(lambda: len(emulator.sessions) == 1 and bool(emulator.sessions[0].received))
            await line.say(tone(0.5) + quiet(1))
            await line.down.wait(TTSTextFrame, 3)
            said = "".join(frame.text for frame in line.down.all(TTSTextFrame))
    await resources.close()
    [session] = emulator.sessions
    assert (session.heard, said, session.errors) == (["Good day."], "And to you.", [])
    assert session.settings["instructions"] == "Be brief."
    assert session.settings["audio"]["output"]["voice"] == "cedar"
