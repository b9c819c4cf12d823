"""The ElevenLabs emulator before Pipecat's service, and on the wire: the vendor's SDK has no multi-context client."""

import asyncio
import base64
import json
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.services.elevenlabs.tts import ElevenLabsTTSService
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.services.embedded import running, until
from voicekit.emulators.elevenlabs_stream import ElevenLabsStream
from voicekit.emulators.faults import Break, Latency, Refuse
from voicekit.emulators.server import serve

VOICE = "21m00Tcm4TlvDq8ikWAM"
QUERY = "model_id=eleven_flash_v2_5&output_format=pcm_24000&auto_mode=true"


@pytest.fixture
def emulator() -> ElevenLabsStream:
    return ElevenLabsStream("right")


@asynccontextmanager
async def speaking(
    emulator: ElevenLabsStream, query: str = QUERY, voice: str = VOICE, key: str = "right"
) -> AsyncIterator[ClientConnection]:
    async with (
        serve([emulator]) as address,
        connect(
            f"ws://{address}/v1/text-to-speech/{voice}/multi-stream-input?{query}",
            additional_headers={"xi-api-key": key},
        ) as made,
    ):
        yield made


async def answers(line: ClientConnection, *sent: Any) -> list[dict[str, Any]]:
    """Send all of it and close the socket; return what comes back."""
    for message in (*sent, {"close_socket": True}):
        await line.send(message if isinstance(message, str) else json.dumps(message))
    async with asyncio.timeout(10):
        return [json.loads(message) async for message in line]


def said(messages: list[dict[str, Any]], context: str = "a") -> str:
    return "".join(
        "".join(each["alignment"]["chars"]) for each in messages if each["contextId"] == context and "audio" in each
    )


def text(words: str, context: str = "a", **more: Any) -> dict[str, Any]:
    return {"text": words, "context_id": context, **more}


async def test_a_text_becomes_audio_with_its_times(emulator: ElevenLabsStream) -> None:
    async with speaking(emulator) as line:
        messages = await answers(line, text(" "), text("Hello there."), {"context_id": "a", "close_context": True})
    *words, end = messages
    assert end == {"isFinal": True, "contextId": "a"}
    assert said(words) == "Hello there."
    for word in words:
        alignment = word["alignment"]
        length = len(alignment["chars"])
        assert alignment["charStartTimesMs"] == [60 * index for index in range(length)]
        assert alignment["charDurationsMs"] == [60] * length
        samples = array("h", base64.b64decode(word["audio"]))
        assert len(samples) == length * 60 * 24
        assert 7000 < max(samples) < 9000
        assert max(map(abs, samples[:20])) < 200
    assert words[0]["audio"] != words[1]["audio"]


async def test_the_same_text_sounds_the_same(emulator: ElevenLabsStream) -> None:
    async with speaking(emulator) as line:
        one, two = await answers(line, text("Hello.", "a"), text("Hello.", "b"))
    assert one["audio"] == two["audio"]
    assert (one["contextId"], two["contextId"]) == ("a", "b")


async def test_texts_of_one_context_are_kept_apart(emulator: ElevenLabsStream) -> None:
    async with speaking(emulator) as line:
        assert said(await answers(line, text("My friend."), text("How are you?"))) == "My friend. How are you?"
    assert emulator.speakers[0].contexts["a"].sent == ["My friend.", "How are you?"]


async def test_without_auto_mode_text_waits_for_a_flush(emulator: ElevenLabsStream) -> None:
    async with speaking(emulator, QUERY.replace("&auto_mode=true", "")) as line:
        messages = await answers(
            line, text("One "), text("two "), {"context_id": "a", "flush": True}, text("x" * 130, "b"), text("three ")
        )
    assert said(messages) == "One two  three "
    assert emulator.speakers[0].contexts["a"].spoken == ["One two ", " three "]
    assert emulator.speakers[0].contexts["b"].spoken == ["x" * 130]


@pytest.mark.parametrize(
    ("name", "sample_bytes"), [*((f"pcm_{rate}", 2) for rate in (8000, 16000, 22050, 44100, 48000)), ("ulaw_8000", 1)]
)
async def test_audio_comes_in_the_format_of_the_address(
    emulator: ElevenLabsStream, name: str, sample_bytes: int
) -> None:
    async with speaking(emulator, f"output_format={name}&auto_mode=true") as line:
        [message] = await answers(line, text("Hello."))
    rate = int(name.partition("_")[2])
    assert len(base64.b64decode(message["audio"])) == rate * 6 * 60 // 1000 * sample_bytes


async def test_mulaw_is_loud_in_the_middle_and_quiet_at_the_ends(emulator: ElevenLabsStream) -> None:
    async with speaking(emulator, "output_format=ulaw_8000&auto_mode=true") as line:
        [message] = await answers(line, text("Hello."))
    # The upper bits of the inverted code are the segment: 0 is the quietest of 8.
    segments = [(~code & 0x70) >> 4 for code in base64.b64decode(message["audio"])]
    assert max(segments[:3]) == 0
    assert max(segments[1000:1800]) == 5
    assert {code >> 7 for code in base64.b64decode(message["audio"])} == {0, 1}


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        ({"key": "wrong"}, "invalid_api_key", "Invalid API key"),
        ({"voice": "nobody"}, "voice_id_does_not_exist", "A voice with voice_id nobody does not exist."),
        ({"query": "model_id=elven_v3"}, "model_not_found", "A model with model ID elven_v3 does not exist."),
        (
            {"query": "auto_mode=true"},
            "invalid_output_format",
            "The emulator speaks pcm_* and ulaw_8000 only, not 'mp3_44100_128'.",
        ),
        (
            {"query": f"{QUERY}&inactivity_timeout=900"},
            "invalid_parameters",
            "'inactivity_timeout' is a number from 1 to 180, not '900'.",
        ),
    ],
)
async def test_what_cannot_be_spoken_is_refused(
    emulator: ElevenLabsStream, change: dict[str, str], name: str, message: str
) -> None:
    async with speaking(emulator, **change) as line:
        assert json.loads(await line.recv()) == {"message": message, "error": name, "code": 1008}
        with pytest.raises(ConnectionClosed):
            await line.recv()
    assert (line.close_code, line.close_reason) == (1008, name)


UNPARSED = "Could not parse input message, make sure it is a json and follows the schema outlined in protocol."


@pytest.mark.parametrize(
    ("sent", "name", "message"),
    [
        (["{"], "invalid_input_message", UNPARSED),
        ([{"text": 5, "context_id": "a"}], "invalid_input_message", UNPARSED),
        ([{"text": "Hello."}], "invalid_input_message", "A message needs a 'context_id'."),
        (
            [text(" "), text("Hello.", voice_settings={"speed": 1})],
            "invalid_input_message",
            "'voice_settings' go with the first message of a context only.",
        ),
        (
            [text(" ", str(number)) for number in range(6)],
            "max_active_conversations",
            "Maximum simultaneous contexts per WebSocket connection exceeded (5).",
        ),
    ],
)
async def test_a_message_that_is_wrong_ends_the_connection(
    emulator: ElevenLabsStream, sent: list[Any], name: str, message: str
) -> None:
    async with speaking(emulator) as line:
        for each in sent:
            await line.send(each if isinstance(each, str) else json.dumps(each))
        assert json.loads(await line.recv()) == {"message": message, "error": name, "code": 1008}
        with pytest.raises(ConnectionClosed):
            await line.recv()
    assert (line.close_code, line.close_reason) == (1008, name)


async def test_a_closed_context_makes_room_and_says_no_more(emulator: ElevenLabsStream) -> None:
    closing = [{"context_id": str(number), "close_context": True} for number in range(5)]
    async with speaking(emulator) as line:
        messages = await answers(
            line, *(text(" ", str(number)) for number in range(5)), *closing, text("Late.", "4"), text("New.", "5")
        )
    assert [message["contextId"] for message in messages if message.get("isFinal")] == ["0", "1", "2", "3", "4"]
    assert (said(messages, "4"), said(messages, "5")) == ("", "New.")


async def test_keeping_alive_opens_no_context(emulator: ElevenLabsStream) -> None:
    async with speaking(emulator) as line:
        assert await answers(line, {"text": ""}, text("", "a"), {"context_id": "b", "flush": True}) == []
    assert emulator.speakers[0].contexts == {}


async def test_a_client_that_is_silent_for_long_is_dropped(emulator: ElevenLabsStream) -> None:
    async with speaking(emulator, f"{QUERY}&inactivity_timeout=1") as line:
        with pytest.raises(ConnectionClosed):
            await line.recv()
    assert (line.close_code, line.close_reason) == (1008, "input_timeout_exceeded")


async def test_a_connection_is_refused(emulator: ElevenLabsStream) -> None:
    emulator.faults = iter([Refuse(429)])
    with pytest.raises(InvalidStatus) as refused:
        async with speaking(emulator):
            pass
    assert refused.value.response.status_code == 429
    assert emulator.speakers == []


async def test_a_connection_is_lost_in_the_middle_of_a_sentence(emulator: ElevenLabsStream) -> None:
    emulator.faults = iter([Break("drop", after=2)])
    words: list[dict[str, Any]] = []

    async def listen() -> None:
        while True:
            words.append(json.loads(await line.recv()))

    async with speaking(emulator) as line:
        await line.send(json.dumps(text("One two three.")))
        with pytest.raises(ConnectionClosed):
            await listen()
    assert (said(words), line.close_code) == ("One two", 1006)


def pipecat(address: str, key: str = "right", voice: str = VOICE) -> ElevenLabsTTSService:
    return ElevenLabsTTSService(api_key=key, url=f"ws://{address}", settings=ElevenLabsTTSService.Settings(voice=voice))


@pytest.mark.parametrize("rate", [8000, 24000])
async def test_pipecat_speaks(emulator: ElevenLabsStream, rate: int) -> None:
    async with serve([emulator]) as address, running(pipecat(address), rate_out=rate) as line:
        await line.put(LLMFullResponseStartFrame(), LLMTextFrame("My friend. How are you?"), LLMFullResponseEndFrame())
        await line.down.wait(TTSStoppedFrame)
        words = [frame.text for frame in line.down.all(TTSTextFrame)]
        audio = b"".join(frame.audio for frame in line.down.all(TTSAudioRawFrame))
    assert " ".join(words) == "My friend. How are you?"
    assert len(audio) == pytest.approx(len("My friend. How are you?") * 60 * rate // 1000 * 2, rel=0.01)
    [speaker] = emulator.speakers
    assert speaker.query["output_format"] == f"pcm_{rate}"
    [context] = speaker.contexts.values()
    assert context.sent == ["My friend.", "How are you?"]
    assert context.closed


async def test_each_context_is_as_late_as_the_first(emulator: ElevenLabsStream) -> None:
    emulator.latency = Latency(first_secs=0.2)
    async with speaking(emulator) as line:
        began = time.monotonic()
        await answers(line, text("My friend.", "a"), text("How are you?", "b"), text("Well?", "b"))
        took = time.monotonic() - began
    assert 0.4 <= took < 0.6


async def test_pipecat_closes_the_context_when_it_is_interrupted(emulator: ElevenLabsStream) -> None:
    emulator.latency = Latency(each_secs=5)
    async with serve([emulator]) as address, running(pipecat(address)) as line:
        await line.put(LLMFullResponseStartFrame(), LLMTextFrame("This is long. Very long."))
        await line.down.wait(TTSAudioRawFrame)
        await line.put(InterruptionFrame())
        await until(lambda: all(context.closed for context in emulator.speakers[0].contexts.values()))


@pytest.mark.parametrize(("key", "voice"), [("wrong", VOICE), ("right", "nobody")])
async def test_pipecat_reports_a_refusal(emulator: ElevenLabsStream, key: str, voice: str) -> None:
    async with serve([emulator]) as address, running(pipecat(address, key, voice)) as line:
        error = await line.up.wait(ErrorFrame)
    # Pipecat does not say why: the vendor's reason is in its log only.
    assert "websocket reconnection failed verification" in error.error
    assert len(emulator.speakers) > 1
