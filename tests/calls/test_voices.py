"""A call whose voice is lost in the middle of an answer: another says the rest, and the model knows what was heard."""

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

from tests.emulators.sound import quiet, tone
from tests.runtime.memory_line import calling
from voicekit.config.loader import load
from voicekit.emulators.deepgram_listen import DeepgramListen
from voicekit.emulators.elevenlabs_stream import ElevenLabsStream
from voicekit.emulators.faults import Break, Latency
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.script import Reply, Script
from voicekit.emulators.server import serve
from voicekit.records.events import AgentSaid, TakenOver, Trouble

pytestmark = [
    pytest.mark.long,
    # The SDK of Deepgram still connects with the names that websockets is going to drop.
    pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning"),
]

FIRST: Final = "Your parcel left Leeds this morning."
SECOND: Final = "It will be with you at noon."
VOICES: Final = ("21m00Tcm4TlvDq8ikWAM", "EXAVITQu4vr4xnSDxMaL")
FILE: Final = """\
version: 1
name: desk
prompt: Be brief.
asr: {provider: deepgram, endpoint: "ws://${FIRST}", api_key: "${KEY}"}
llm: {provider: openai, endpoint: "http://${FIRST}/v1", api_key: "${KEY}"}
tts:
  - {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM, endpoint: "ws://${FIRST}", api_key: "${KEY}"}
  - {provider: elevenlabs, voice: EXAVITQu4vr4xnSDxMaL, endpoint: "ws://${SECOND}", api_key: "${KEY}"}
fallback: {tts_ms: 800}
"""


@pytest.mark.parametrize("how", ["drop", "error", "hang"])
async def test_the_other_voice_says_the_rest_of_an_answer(how: Any, tmp_path: Path) -> None:
    pace = Latency(0.05, 0.05)
    first = ElevenLabsStream("key", faults=iter([Break(how, 8)]), latency=pace)
    second = ElevenLabsStream("key", latency=pace)
    ears, model = DeepgramListen("key"), OpenAIChat("key", Script({"parcel": Reply(f"{FIRST} {SECOND}")}))
    async with serve([ears, model, first]) as one, serve([second]) as two:
        variables = {"FIRST": one, "SECOND": two, "KEY": "key"}
        loaded = load(tmp_path / "desk.yaml", variables, running=True, data=FILE.encode())
        assert loaded.agent is not None, loaded.problems
        async with calling(loaded.agent, tmp_path) as caller:
            ears.announce("Where is my parcel?", 0.6)
            caller.speak(quiet(0.2) + tone(0.6))
            await caller.wait(AgentSaid)
            await asyncio.sleep(0.3)
            assert [each.text for each in caller.of(AgentSaid)] == [f"{FIRST} {SECOND}"]
            assert [taken.source for taken in caller.of(TakenOver)] == ["tts"]
            assert caller.of(Trouble) == []
    spoken = [text for each in second.speakers for context in each.contexts.values() for text in context.spoken]
    assert [text.strip() for text in spoken] == [SECOND]
    assert [each.voice for each in (*first.speakers[:1], *second.speakers)] == list(VOICES)
