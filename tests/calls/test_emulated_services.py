"""A call to a file of each service whose emulator no other test of a whole call has: it is heard, and it answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService

from tests.runtime.memory_line import calling
from tests.services.embedded import needs_flite, speech
from voicekit.calls.scene import Scene
from voicekit.calls.stage import Stage, stage_variables, staged
from voicekit.config.loader import load
from voicekit.emulators.script import Reply, Script
from voicekit.emulators.voice import MS_PER_CHARACTER
from voicekit.records.events import AgentSaid, CallerSaid, Trouble

HEAD: Final = "version: 1\nname: desk\nprompt: Be brief.\nfillers: false\nllm: openai/gpt-4o-mini\n"
SERVICES: Final = (OpenAISTTService, OpenAITTSService)
ANSWER: Final = "And to you."


def received(stage: Stage) -> dict[str, int]:
    return {name: len(emulator.exchanges()) for name, emulator in stage.emulators.items()}


def within(processor: FrameProcessor) -> Iterator[FrameProcessor]:
    """Yield what is in a pipeline, and in those within it."""
    for inner in processor.processors:
        yield inner
        yield from within(inner)


@needs_flite
@pytest.mark.parametrize(
    ("parts", "requests"),
    [
        ("asr: openai\ntts: openai\n", {"openai-asr": 1, "openai": 1, "openai-tts": 1}),
        (
            "asr: {provider: deepgram-flux, eot_threshold: 0.6}\ntts: {provider: openai, voice: marin}\n",
            {"deepgram-flux": 1, "openai": 1, "openai-tts": 1},
        ),
    ],
    ids=["openai", "deepgram-flux"],
)
async def test_a_caller_is_heard_and_answered(parts: str, requests: dict[str, int], tmp_path: Path) -> None:
    loaded = load(tmp_path / "desk.yaml", stage_variables({}), running=True, data=(HEAD + parts).encode())
    assert loaded.agent is not None, loaded.problems
    async with staged(loaded.agent, Scene(Script({"good day": Reply(ANSWER)}))) as stage:
        async with calling(stage.agent, tmp_path) as caller:
            stage.announce("Good day.")
            caller.speak(await speech("Good day."))
            assert (await caller.wait(AgentSaid)).text == ANSWER
        assert [event.text for event in caller.of(CallerSaid)] == ["Good day."]
        assert caller.of(Trouble) == []
        assert received(stage) == requests
    assert caller.transport.out.heard_secs == pytest.approx(len(ANSWER) * MS_PER_CHARACTER / 1000, abs=0.1)
    clients = [each._client for each in within(caller.call._pipeline) if isinstance(each, SERVICES)]
    assert clients
    assert [each for each in clients if not each.is_closed()] == []
