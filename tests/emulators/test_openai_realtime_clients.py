"""The OpenAI Realtime emulator before the clients it is for: the vendor's own SDK, and Pipecat's service."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    FunctionCallResultFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    MetricsFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import LLMUsageMetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SessionProperties,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService

from tests.emulators.realtime import RATE
from tests.emulators.sound import quiet, tone
from tests.services.embedded import Ear, Line, running, until
from voicekit.emulators.faults import Break
from voicekit.emulators.openai_realtime import OpenAIRealtime
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.server import serve
from voicekit.emulators.voice import MS_PER_CHARACTER

SCRIPT = Script(
    {
        r"rain in rome[\s\S]*rain in paris": Reply("It rains in both."),
        "good day": Reply("And to you."),
        "long": Reply("One two three four five six seven eight nine ten."),
        "rome": Reply("Let me see.", (ToolCall("weather", {"city": "Rome"}), ToolCall("weather", {"city": "Paris"}))),
        "you begin": Reply("Hello, this is Acme."),
    }
)
WEATHER = FunctionSchema("weather", "Tell the weather.", {"city": {"type": "string"}}, ["city"])


@pytest.fixture
def emulator() -> OpenAIRealtime:
    return OpenAIRealtime("right", SCRIPT)


@asynccontextmanager
async def sdk(emulator: OpenAIRealtime) -> AsyncIterator[Any]:
    async with (
        serve([emulator]) as address,
        AsyncOpenAI(api_key="right", base_url=f"http://{address}/v1") as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        yield connection


async def test_the_sdk_speaks_and_is_answered(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day.")
    async with sdk(emulator) as connection:
        transcription = {"model": "gpt-4o-mini-transcribe", "language": "en"}
        session = {
            "type": "realtime",
            "instructions": "Be brief.",
            "audio": {"input": {"transcription": transcription}},
        }
        await connection.session.update(session=session)
        await connection.input_audio_buffer.append(audio=base64.b64encode(tone(1, rate=RATE)).decode())
        await connection.input_audio_buffer.append(audio=base64.b64encode(quiet(1, rate=RATE)).decode())
        seen = await events(connection, "response.done")
    heard = [event.transcript for event in seen if event.type.endswith("input_audio_transcription.completed")]
    said = "".join(event.delta for event in seen if event.type == "response.output_audio_transcript.delta")
    sound = b"".join(base64.b64decode(event.delta) for event in seen if event.type == "response.output_audio.delta")
    assert (heard, said) == (["Good day."], "And to you.")
    assert len(sound) == len(said) * MS_PER_CHARACTER * RATE // 1000 * 2


async def events(connection: Any, kind: str) -> list[Any]:
    """Return what comes, up to the first event of a kind, which is the last."""
    seen = []
    async for event in connection:
        seen.append(event)
        if event.type == kind:
            break
    return seen


async def test_the_sdk_writes_and_calls(emulator: OpenAIRealtime) -> None:
    async with sdk(emulator) as connection:
        tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"], "tools": [tool]})
        content = [{"type": "input_text", "text": "Rome?"}]
        await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await connection.response.create()
        seen = await events(connection, "response.done")
    assert "".join(event.delta for event in seen if event.type == "response.output_text.delta") == "Let me see."
    calls = [event for event in seen if event.type == "response.function_call_arguments.done"]
    assert [(call.name, call.arguments) for call in calls] == [
        ("weather", '{"city": "Rome"}'),
        ("weather", '{"city": "Paris"}'),
    ]


async def test_the_sdk_cancels(emulator: OpenAIRealtime) -> None:
    emulator.latency.each_secs = 5
    async with sdk(emulator) as connection:
        await connection.response.create(response={"instructions": "Say something long."})
        await events(connection, "response.output_audio.delta")
        await connection.response.cancel()
        assert (await events(connection, "response.done"))[-1].response.status == "cancelled"
        await connection.response.cancel(event_id="late")
        error = (await events(connection, "error"))[-1].error
    assert (error.code, error.event_id) == ("response_cancel_not_active", "late")


def service(address: str, key: str = "right", **heard: Any) -> OpenAIRealtimeLLMService:
    properties = SessionProperties(
        audio=AudioConfiguration(input=AudioInput(transcription=InputAudioTranscription(), **heard))
    )
    return OpenAIRealtimeLLMService(
        api_key=key,
        base_url=f"ws://{address}/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            model="gpt-realtime", system_instruction="Be brief.", session_properties=properties
        ),
    )


class Call:
    """A running pipeline of the service between its aggregators, and what passes behind the service."""

    def __init__(self, line: Line, llm: OpenAIRealtimeLLMService, down: Ear) -> None:
        self.line = line
        self.llm = llm
        self.up, self.down = line.up, down

    @property
    def said(self) -> str:
        return "".join(frame.text for frame in self.down.all(TTSTextFrame))


@asynccontextmanager
async def call(emulator: OpenAIRealtime, first: str = "You begin.", **heard: Any) -> AsyncIterator[Call]:
    """Run the service with a context of one message, which it answers first."""
    async with serve([emulator]) as address:
        llm = service(address, **heard)

        async def weather(params: FunctionCallParams) -> None:
            await params.result_callback(f"Rain in {params.arguments['city']}.")

        llm.register_function("weather", weather)
        context = LLMContext([{"role": "user", "content": first}], tools=ToolsSchema([WEATHER]))
        user, assistant = LLMContextAggregatorPair(context)
        down = Ear(FrameDirection.DOWNSTREAM)
        async with running(Pipeline([user, llm, down, assistant])) as line:
            await line.put(LLMRunFrame())
            yield Call(line, llm, down)


async def test_pipecat_begins_hears_and_answers(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day to you.")
    async with call(emulator) as made:
        await made.down.wait(LLMFullResponseEndFrame)
        assert made.said == "Hello, this is Acme."
        await made.line.hear(tone(0.6) + quiet(1))
        await made.down.wait(LLMFullResponseEndFrame, 2)
        await until(lambda: made.said == "Hello, this is Acme.And to you.")
        usage = [data for frame in made.down.all(MetricsFrame) for data in frame.data]
    [session] = emulator.sessions
    assert session.errors == []
    assert session.heard == ["Good day to you."]
    assert session.settings["instructions"] == "Be brief."
    assert [tool["name"] for tool in session.settings["tools"]] == ["weather"]
    # Pipecat resamples, and its resampler keeps some back.
    assert len(session.audio) == pytest.approx(1.6 * RATE * 2, rel=0.05)
    assert made.down.all(ErrorFrame) == made.up.all(ErrorFrame) == []
    assert made.down.all(UserStartedSpeakingFrame)
    assert made.down.all(UserStoppedSpeakingFrame)
    sound = b"".join(frame.audio for frame in made.down.all(TTSAudioRawFrame))
    assert len(sound) == len("Hello, this is Acme.And to you.") * MS_PER_CHARACTER * RATE // 1000 * 2
    tokens = [data.value for data in usage if isinstance(data, LLMUsageMetricsData)]
    assert [each.output_audio_tokens for each in tokens] == [24, 13]


async def test_pipecat_calls_two_tools_and_says_what_they_gave(emulator: OpenAIRealtime) -> None:
    async with call(emulator, "Rome?") as made:
        await made.down.wait(FunctionCallResultFrame, 2)
        await until(lambda: made.said == "Let me see.It rains in both.")
    [session] = emulator.sessions
    assert session.errors == []
    outputs = [
        event["item"] for event in session.received if event.get("item", {}).get("type") == "function_call_output"
    ]
    assert sorted(item["output"] for item in outputs) == ['"Rain in Paris."', '"Rain in Rome."']


async def test_pipecat_truncates_what_it_could_not_play(emulator: OpenAIRealtime) -> None:
    emulator.latency.each_secs = 5
    emulator.announce("Good day.")
    async with call(emulator, "Something long.") as made:
        await made.down.wait(TTSAudioRawFrame)
        emulator.latency.each_secs = 0
        await made.line.hear(tone(0.6) + quiet(1))
        await made.down.wait(InterruptionFrame)
        await until(lambda: made.said.endswith("And to you."))
    [session] = emulator.sessions
    assert session.errors == []
    [truncate] = [event for event in session.received if event["type"] == "conversation.item.truncate"]
    assert 0 < truncate["audio_end_ms"] <= len("One") * MS_PER_CHARACTER
    cut = session.conversation.retrieve(truncate["item_id"])
    assert (cut.body["status"], cut.body["content"][0]["transcript"]) == ("incomplete", None)


async def test_pipecat_says_when_without_turn_detection(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day.")
    async with call(emulator, turn_detection=False) as made:
        await made.down.wait(LLMFullResponseEndFrame)
        await made.line.put(UserStartedSpeakingFrame())
        await made.line.hear(tone(0.6))
        await made.line.put(UserStoppedSpeakingFrame())
        await until(lambda: made.said.endswith("And to you."))
    [session] = emulator.sessions
    assert session.settings["audio"]["input"]["turn_detection"] is None
    assert [event["type"] for event in session.received][-2:] == ["input_audio_buffer.commit", "response.create"]
    assert (session.heard, session.errors) == (["Good day."], [])


async def test_pipecat_interrupts_without_turn_detection(emulator: OpenAIRealtime) -> None:
    emulator.latency.each_secs = 5
    async with call(emulator, "Something long.", turn_detection=False) as made:
        await made.down.wait(TTSAudioRawFrame)
        await made.line.put(InterruptionFrame())
        [session] = emulator.sessions
        await until(lambda: session.received[-1]["type"] == "conversation.item.truncate")
        await until(lambda: session.conversation.items[-1].words == "")
        # With nothing to cancel there is an error, which ends nothing.
        await made.line.put(InterruptionFrame())
        await until(lambda: bool(session.errors))
    assert session.conversation.items[-1].body["status"] == "incomplete"
    assert [error["code"] for error in session.errors] == ["response_cancel_not_active"]
    assert made.up.all(ErrorFrame) == []


async def test_pipecat_transcribes_as_it_goes(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day to you.")
    async with serve([emulator]) as address, running(service(address)) as line:
        await line.hear(tone(0.6) + quiet(1))
        await line.up.wait(InterimTranscriptionFrame, 4)
    assert "".join(frame.text for frame in line.up.all(InterimTranscriptionFrame)) == "Good day to you."


async def test_pipecat_retrieves_an_item(emulator: OpenAIRealtime) -> None:
    async with call(emulator) as made:
        await made.down.wait(LLMFullResponseEndFrame)
        [first, *_] = emulator.sessions[0].conversation.items
        assert (await made.llm.retrieve_conversation_item(first.name)).role == "user"
        with pytest.raises(Exception, match="the item with id 'nowhere' does not exist"):
            await made.llm.retrieve_conversation_item("nowhere")


async def test_pipecat_starts_again_in_a_new_session(emulator: OpenAIRealtime) -> None:
    async with call(emulator) as made:
        await made.down.wait(LLMFullResponseEndFrame)
        emulator.close(1011)
        await made.llm.reset_conversation()
        await until(lambda: len(emulator.sessions) == 2)
        await until(lambda: bool(emulator.sessions[1].received))
    assert emulator.sessions[1].errors == []


async def test_pipecat_reports_a_refused_key(emulator: OpenAIRealtime) -> None:
    async with serve([emulator]) as address, running(service(address, key="wrong")) as line:
        error = await line.up.wait(ErrorFrame)
    assert "HTTP 401" in error.error


async def test_pipecat_reports_an_error_event(emulator: OpenAIRealtime) -> None:
    emulator.session_secs = 0.3
    async with serve([emulator]) as address, running(service(address)) as line:
        error = await line.up.wait(ErrorFrame)
    assert "session_expired" in error.error


async def test_pipecat_reports_a_response_that_fails(emulator: OpenAIRealtime) -> None:
    emulator.script = Script({}, Reply("", (ToolCall("unknown"),)))
    async with call(emulator) as made:
        error = await made.up.wait(ErrorFrame)
    assert error.error == "The emulator's script calls 'unknown', which the session does not offer."


async def test_pipecat_notices_a_drop_when_it_sends(emulator: OpenAIRealtime) -> None:
    emulator.faults = iter([Break("drop", after=2)])
    async with call(emulator) as made:
        while not made.up.all(ErrorFrame):
            await made.line.hear(tone(0.02))
            await asyncio.sleep(0.02)
    assert made.up.all(ErrorFrame)[0].error.startswith("Error sending client event")
