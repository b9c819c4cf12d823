"""What the OpenAI Realtime emulator refuses, as the vendor does: the connection, or an event, which it quotes."""

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.emulators.realtime import Json, append, listen, respond, say, talking, update
from voicekit.emulators.faults import Latency, Refuse
from voicekit.emulators.openai_realtime import MODELS, OpenAIRealtime
from voicekit.emulators.script import Reply, Script


@pytest.fixture
def emulator() -> OpenAIRealtime:
    return OpenAIRealtime("right", Script({"good day": Reply("And to you.")}))


@pytest.mark.parametrize(
    ("key", "message"),
    [("wrong", "Incorrect API key provided."), ("", "Missing bearer or basic authentication in header")],
)
async def test_a_wrong_key_is_refused(emulator: OpenAIRealtime, key: str, message: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talking(emulator, key=key):
            pass
    assert refused.value.response.status_code == 401
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}
    assert json.loads(refused.value.response.body) == {"error": error}
    assert emulator.sessions == []


async def test_a_connection_is_refused(emulator: OpenAIRealtime) -> None:
    emulator.faults = iter([Refuse(429, retry_after=2)])
    with pytest.raises(InvalidStatus) as refused:
        async with talking(emulator):
            pass
    response = refused.value.response
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")
    assert json.loads(response.body)["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ("model=gpt-realtme", {}, "invalid_model"),
        ("", {}, "missing_model"),
        ("model=gpt-realtime", {"OpenAI-Beta": "realtime=v1"}, "beta_api_shape_disabled"),
    ],
)
async def test_a_session_that_cannot_be_is_ended(
    emulator: OpenAIRealtime, query: str, headers: dict[str, str], code: str
) -> None:
    async with talking(emulator, query, **headers) as client:
        with pytest.raises(ConnectionClosed):
            await client.line.recv()
    assert (client.line.close_code, client.line.close_reason) == (4000, f"invalid_request_error.{code}")
    assert [error["code"] for error in emulator.sessions[0].errors] == [code]


@pytest.mark.parametrize(
    ("model", "known"),
    [
        *((name, True) for name in ("gpt-realtime", "gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-1.5")),
        *((name, True) for name in ("gpt-realtime-mini-2025-12-15", "gpt-4o-mini-realtime-preview")),
        *((name, False) for name in ("gpt-4o", "gpt-realtime-whisper", "gpt-realtime-", "realtime")),
    ],
)
def test_models_are_known_by_their_form(model: str, known: bool) -> None:
    assert bool(MODELS.fullmatch(model)) is known


FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def voice(name: str) -> Json:
    return update(audio={"output": {"voice": name}})


def item(**given: Any) -> Json:
    return {"type": "conversation.item.create", "item": given}


@pytest.mark.parametrize(
    ("event", "code", "param", "message"),
    [
        ({}, "missing_required_parameter", "type", "Missing required parameter: 'type'."),
        (
            {"type": "session.update", "session": {}},
            "missing_required_parameter",
            "session.type",
            "Missing required parameter: 'session.type'.",
        ),
        (
            update(voice="marin"),
            "unknown_parameter",
            "session.voice",
            "Unknown parameter: 'session.voice'.",
        ),
        (
            listen(transcription={"model": "whisper-1", "enabled": True}),
            "unknown_parameter",
            "session.audio.input.transcription.enabled",
            "Unknown parameter: 'session.audio.input.transcription.enabled'.",
        ),
        (
            listen(transcription={"language": "de"}),
            "missing_required_parameter",
            "session.audio.input.transcription.model",
            "Missing required parameter: 'session.audio.input.transcription.model'.",
        ),
        (
            listen(transcription={"model": "gpt-realtime-whisper", "prompt": "Acme"}),
            "invalid_value",
            "session.audio.input.transcription.prompt",
            "Unsupported option for this model: 'gpt-realtime-whisper' takes no prompt.",
        ),
        (
            update(type="transcription"),
            "invalid_value",
            "session.type",
            "Invalid value: 'transcription'. Supported values are: 'realtime'.",
        ),
        (
            update(model="gpt-realtime-2"),
            "invalid_value",
            "session.model",
            "The model of a session cannot be changed.",
        ),
        (
            update(reasoning={"effort": "low"}),
            "invalid_value",
            "session.reasoning",
            "Unsupported option for this model: 'gpt-realtime' does not reason.",
        ),
        (
            update(output_modalities=["text", "audio"]),
            "invalid_value",
            "session.output_modalities",
            "Invalid 'session.output_modalities': expected an array of length 1, but got an array of length 2.",
        ),
        (
            voice("alexa"),
            "invalid_value",
            "session.audio.output.voice",
            (
                "Invalid value: 'alexa'. Supported values are: 'alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', "
                "'shimmer', 'verse', 'marin', 'cedar'."
            ),
        ),
        (
            update(audio={"output": {"speed": 2}}),
            "decimal_above_max_value",
            "session.audio.output.speed",
            (
                "Invalid 'session.audio.output.speed': decimal above maximum value. Expected a value <= 1.5, but got 2 "
                "instead."
            ),
        ),
        (
            listen(turn_detection={"type": "server_vad", "silence_duration_ms": -1}),
            "integer_below_min_value",
            "session.audio.input.turn_detection.silence_duration_ms",
            (
                "Invalid 'session.audio.input.turn_detection.silence_duration_ms': integer below minimum value. "
                "Expected a value >= 0, but got -1 instead."
            ),
        ),
        (
            listen(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
            "Unknown parameter: 'session.audio.input.turn_detection.threshold'.",
        ),
        (
            listen(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000}),
            "invalid_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
            "The emulator does nothing for 'session.audio.input.turn_detection.idle_timeout_ms'.",
        ),
        (
            listen(format={"type": "audio/pcm", "rate": 16000}),
            "integer_below_min_value",
            "session.audio.input.format.rate",
            (
                "Invalid 'session.audio.input.format.rate': integer below minimum value. Expected a value >= 24000, "
                "but got 16000 instead."
            ),
        ),
        (
            update(instructions=5),
            "invalid_type",
            "session.instructions",
            "Invalid type for 'session.instructions': expected a string, but got an integer instead.",
        ),
        (
            update(tools=[{**FUNCTION, "strict": True}]),
            "unknown_parameter",
            "session.tools[0].strict",
            "Unknown parameter: 'session.tools[0].strict'.",
        ),
        (
            update(tools=[{**FUNCTION, "parameters": {"type": "string"}}]),
            "invalid_function_parameters",
            "session.tools[0].parameters",
            (
                "Invalid schema for 'session.tools[0].parameters': schema must be a JSON Schema of 'type: \"object\"', "
                "got 'type: string'."
            ),
        ),
        (
            update(tools=[{**FUNCTION, "name": "look up"}]),
            "invalid_value",
            "session.tools[0].name",
            (
                "Invalid 'session.tools[0].name': string does not match pattern. Expected a string that matches the "
                "pattern '^[a-zA-Z0-9_-]+$'."
            ),
        ),
        (
            update(tools=[{"type": ["function"], "name": "f"}]),
            "invalid_value",
            "session.tools[0].type",
            "Invalid value: '['function']'. Supported values are: 'function'.",
        ),
        (
            {"type": "input_audio_buffer.append", "audio": "###"},
            "invalid_value",
            "audio",
            "Invalid 'audio'. Expected base64-encoded audio bytes.",
        ),
        (
            append(b"\0" * 641),
            "invalid_value",
            "audio",
            "Invalid 'audio'. 641 bytes are not whole samples of audio/pcm.",
        ),
        (
            {"type": "input_audio_buffer.commit"},
            "input_audio_buffer_commit_empty",
            None,
            (
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer "
                "only has 0.00ms of audio."
            ),
        ),
        (
            item(type="message", role="user", content=[{"type": "text", "text": "Hello."}]),
            "invalid_value",
            "item.content[0].type",
            "Invalid value: 'text'. Supported values are: 'input_text', 'input_audio'.",
        ),
        (
            item(type="message", role="user", content=[{"type": "input_audio", "audio": "###"}]),
            "invalid_value",
            "item.content",
            "Invalid 'item.content'. Expected base64-encoded audio bytes.",
        ),
        (
            item(type="message", role="assistant", content=[{"type": "input_text", "text": "Hello."}]),
            "invalid_value",
            "item.content[0].type",
            "Invalid value: 'input_text'. Supported values are: 'output_text'.",
        ),
        (
            say("Hello.", id="x" * 33),
            "string_above_max_length",
            "item.id",
            (
                "Invalid 'item.id': string too long. Expected a string with maximum length 32, but got a string with "
                "length 33 instead."
            ),
        ),
        (
            item(type="function_call_output", call_id="call_9", output="{}"),
            "invalid_tool_call_id",
            None,
            "Tool call ID 'call_9' not found in conversation.",
        ),
        (
            {**say("Hello."), "previous_item_id": "nowhere"},
            "item_create_invalid_previous_item_id",
            "previous_item_id",
            "Error: the item with id 'nowhere' does not exist.",
        ),
        *(
            (
                {"type": f"conversation.item.{doing}", "item_id": "nowhere", **more},
                f"item_{doing}_invalid_item_id",
                "item_id",
                "Error: the item with id 'nowhere' does not exist.",
            )
            for doing, more in (
                ("retrieve", {}),
                ("delete", {}),
                ("truncate", {"content_index": 0, "audio_end_ms": 0}),
            )
        ),
        (
            respond(temperature=0.5),
            "unknown_parameter",
            "response.temperature",
            "Unknown parameter: 'response.temperature'.",
        ),
        (
            respond(input=[{"type": "item_reference", "id": "nowhere"}]),
            "item_retrieve_invalid_item_id",
            "item_id",
            "Error: the item with id 'nowhere' does not exist.",
        ),
    ],
)
async def test_an_event_that_is_wrong_is_refused(
    emulator: OpenAIRealtime, event: Json, code: str, param: str | None, message: str
) -> None:
    async with talking(emulator) as client:
        error = await client.refused({**event, "event_id": "mine"})
        assert error == {
            "type": "invalid_request_error",
            "code": code,
            "message": message,
            "param": param,
            "event_id": "mine",
        }
        # The session goes on.
        assert (await client.ask(update()))["type"] == "session.updated"
    assert emulator.sessions[0].errors == [error]
    assert emulator.sessions[0].conversation.items == []


@pytest.mark.parametrize("message", ["{", "[]", b"\0\0"])
async def test_what_is_no_event_is_refused(emulator: OpenAIRealtime, message: str | bytes) -> None:
    async with talking(emulator) as client:
        await client.line.send(message)
        error = (await client.next())["error"]
    assert (error["code"], error["message"]) == ("invalid_event", "The event is not a JSON object.")


async def test_an_event_of_another_kind_is_refused(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        error = await client.refused({"type": "conversation.item.forget"})
    assert (error["code"], error["param"]) == ("invalid_value", "type")
    assert error["message"].startswith("Invalid value: 'conversation.item.forget'. Supported values are: 'session.upd")


async def test_the_voice_stays_once_it_was_heard(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        assert (await client.ask(voice("alloy")))["type"] == "session.updated"
        await client.send(say("Good day."), respond())
        await client.until("rate_limits.updated")
        assert (await client.ask(voice("alloy")))["type"] == "session.updated"
        text = "Cannot update a conversation's voice if assistant audio is present."
        for event in (voice("ash"), respond(audio={"output": {"voice": "ash"}})):
            error = await client.refused(event)
            assert (error["code"], error["message"]) == ("cannot_update_voice", text)


async def test_one_answer_at_a_time(emulator: OpenAIRealtime) -> None:
    emulator.latency = Latency(first_secs=30)
    async with talking(emulator) as client:
        await client.send(say("Good day."), respond())
        active = (await client.until("response.created"))[-1]["response"]["id"]
        error = await client.refused(respond())
    assert (error["code"], error["message"]) == (
        "conversation_already_has_active_response",
        (
            f"Conversation already has an active response in progress: {active}. Wait until the response is finished "
            "before creating a new one."
        ),
    )


async def test_an_item_is_made_once(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        error = await client.refused(say("One.", id="one"), say("Two.", id="one"))
    assert error["message"] == "Error adding item: an item with id 'one' already exists."


async def test_only_answers_in_audio_are_truncated(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        truncate = {"type": "conversation.item.truncate", "item_id": "one", "content_index": 0, "audio_end_ms": 0}
        error = await client.refused(say("One.", id="one"), truncate)
    assert (error["code"], error["message"]) == (
        "unsupported_content_type",
        "Only model output audio messages can be truncated",
    )
