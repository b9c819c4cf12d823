"""The emulator of OpenAI's speech before the clients it is for: the vendor's own SDK, and Pipecat's service."""

import ast
import base64
import io
import json
import time
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat
from typing import Any

import httpx
import openai
import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.services.openai.tts import OpenAITTSService

from tests.services.embedded import running, until
from voicekit.emulators.faults import Break, Fault, Latency, Refuse, Slow
from voicekit.emulators.openai_speech import OpenAISpeech
from voicekit.emulators.server import serve

MODEL = "gpt-4o-mini-tts"
BODY = {"model": MODEL, "voice": "alloy", "input": "Hello there.", "response_format": "pcm"}
# 24 kHz, 16 bits, 60 ms for each character.
BYTES_PER_CHARACTER = 24 * 2 * 60
OLDER = "'nova', 'shimmer', 'echo', 'onyx', 'fable', 'alloy', 'ash', 'sage'"


@pytest.fixture
def emulator() -> OpenAISpeech:
    return OpenAISpeech("right")


@asynccontextmanager
async def client(emulator: OpenAISpeech, key: str = "right") -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        serve([emulator]) as address,
        openai.AsyncOpenAI(api_key=key, base_url=f"http://{address}/v1", max_retries=0) as sdk,
    ):
        yield sdk


async def posted(emulator: OpenAISpeech, body: Any, key: str = "right") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with serve([emulator]) as address, httpx.AsyncClient(headers=headers) as http:
        return await http.post(f"http://{address}/v1/audio/speech", json=body)


async def said(sdk: openai.AsyncOpenAI, **more: Any) -> bytes:
    return (await sdk.audio.speech.create(**{**BODY, **more})).content


def reason(message: str) -> str:
    """Return the text of the one error in a list of pydantic's, or a message as it is."""
    if not message.startswith("["):
        return message
    [error] = ast.literal_eval(message)
    return str(error["msg"])


async def test_words_become_sound(emulator: OpenAISpeech) -> None:
    async with client(emulator) as sdk:
        audio = await said(sdk)
    samples = array("h", audio)
    assert len(audio) == len("Hello there.") * BYTES_PER_CHARACTER
    assert 7000 < max(samples) < 9000
    [request] = emulator.received
    assert (request.body, request.outcome) == (BODY, "answered")


async def test_a_faster_voice_takes_less_time(emulator: OpenAISpeech) -> None:
    async with client(emulator) as sdk:
        slow, fast = [len(await said(sdk, speed=speed)) for speed in (0.5, 2)]
    assert slow == 4 * fast


async def test_a_wave_file_is_one(emulator: OpenAISpeech) -> None:
    async with client(emulator) as sdk:
        pcm, audio = await said(sdk), await said(sdk, response_format="wav")
    with wave.open(io.BytesIO(audio)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (24000, 2, 1)
        assert file.readframes(len(audio)) == pcm


async def test_events_carry_the_same_sound(emulator: OpenAISpeech) -> None:
    async with client(emulator) as sdk:
        pcm, text = await said(sdk), (await said(sdk, stream_format="sse")).decode()
    *deltas, done = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line]
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(event["audio"]) for event in deltas) == pcm
    assert (done["type"], sorted(done["usage"])) == (
        "speech.audio.done",
        ["input_tokens", "output_tokens", "total_tokens"],
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": None}, "you must provide a model parameter"),
        ({"voice": ""}, f"Input should be {OLDER}, 'coral', 'ballad', 'verse', 'marin' or 'cedar'"),
        ({"model": "tts-1", "voice": "marin"}, f"Input should be {OLDER} or 'coral'"),
        ({"model": "tts-1", "stream_format": "sse"}, "Input should be 'audio'"),
        ({"input": ""}, "String should have at least 1 character"),
        ({"input": "x" * 4097}, "String should have at most 4096 characters"),
        ({"input": 1}, "Input should be a valid string"),
        ({"speed": 0.1}, "Input should be greater than or equal to 0.25"),
        ({"speed": 5}, "Input should be less than or equal to 4"),
        ({"speed": "fast"}, "Input should be a valid number"),
        ({"response_format": "ogg"}, "Input should be 'mp3', 'opus', 'aac', 'flac', 'wav' or 'pcm'"),
        ({"response_format": "mp3"}, "the emulator makes 'response_format' wav and pcm only."),
        ({"instruction": "Whisper."}, "Extra inputs are not permitted"),
    ],
)
async def test_a_body_that_is_wrong_is_refused(emulator: OpenAISpeech, change: Any, told: str) -> None:
    answer = await posted(emulator, BODY | change)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert reason(error["message"]) == told
    assert [request.outcome for request in emulator.received] == ["refused"]


@pytest.mark.parametrize("name", ["input", "voice"])
async def test_what_is_missing_is_named(emulator: OpenAISpeech, name: str) -> None:
    answer = await posted(emulator, {key: value for key, value in BODY.items() if key != name})
    assert answer.status_code == 400
    assert f"'type': 'missing', 'loc': ('body', '{name}'), 'msg': 'Field required'" in answer.json()["error"]["message"]


@pytest.mark.parametrize("model", ["gpt-5-tts-x-", "tts-2", "gpt-4o-mini"])
async def test_a_model_that_nobody_has_is_refused(emulator: OpenAISpeech, model: str) -> None:
    async with client(emulator) as sdk:
        with pytest.raises(openai.NotFoundError) as refused:
            await said(sdk, model=model)
    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("key", "told"), [("", "You didn't provide an API key."), ("wrong", "Incorrect API key provided.")]
)
async def test_a_wrong_key_is_refused(emulator: OpenAISpeech, key: str, told: str) -> None:
    answer = await posted(emulator, BODY, key)
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, told)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Refuse(401), openai.AuthenticationError),
        (Refuse(429, retry_after=7), openai.RateLimitError),
        (Refuse(500), openai.InternalServerError),
        (Break("error"), openai.InternalServerError),
        (Break("drop"), openai.APIConnectionError),
        (Break("drop", after=1), openai.APIConnectionError),
        (Break("error", after=1), openai.APIConnectionError),
    ],
)
async def test_faults_are_errors_of_the_sdk(emulator: OpenAISpeech, fault: Fault, error: type[Exception]) -> None:
    emulator.faults = repeat(fault)
    async with client(emulator) as sdk:
        with pytest.raises(error):
            await said(sdk)


async def test_garbage_is_no_whole_sample(emulator: OpenAISpeech) -> None:
    emulator.faults = iter([Break("garbage", after=1)])
    async with client(emulator) as sdk:
        assert len(await said(sdk)) == len("Hello") * BYTES_PER_CHARACTER + 1


async def test_an_answer_hangs_until_the_client_leaves(emulator: OpenAISpeech) -> None:
    emulator.faults = iter([Break("hang", after=1)])
    async with client(emulator) as sdk:
        with pytest.raises(openai.APITimeoutError):
            await said(sdk.with_options(timeout=0.2))
        await until(lambda: emulator.received[0].outcome == "left")


async def test_words_come_as_slowly_as_they_are_told_to(emulator: OpenAISpeech) -> None:
    emulator.latency = Latency(first_secs=0.2)
    emulator.faults = iter([None, Slow(0.1)])
    took = []
    async with client(emulator) as sdk:
        for _ in range(2):
            began = time.monotonic()
            await said(sdk)
            took.append(time.monotonic() - began)
    assert 0.2 <= took[0] < took[1] - 0.15


def pipecat(address: str, key: str = "right") -> OpenAITTSService:
    return OpenAITTSService(api_key=key, base_url=f"http://{address}/v1")


async def test_pipecat_speaks(emulator: OpenAISpeech) -> None:
    async with serve([emulator]) as address:
        service = pipecat(address)
        async with running(service) as line:
            await line.put(
                LLMFullResponseStartFrame(), LLMTextFrame("My friend. How are you?"), LLMFullResponseEndFrame()
            )
            await line.down.wait(TTSStoppedFrame)
            audio = b"".join(frame.audio for frame in line.down.all(TTSAudioRawFrame))
        await service._client.close()
    assert [request.body["input"] for request in emulator.received] == ["My friend.", "How are you?"]
    assert {request.outcome for request in emulator.received} == {"answered"}
    assert len(audio) == len("My friend.How are you?") * BYTES_PER_CHARACTER


async def test_pipecat_reports_a_refusal(emulator: OpenAISpeech) -> None:
    async with serve([emulator]) as address:
        service = pipecat(address, "wrong")
        async with running(service) as line:
            await line.put(LLMFullResponseStartFrame(), LLMTextFrame("Hello."), LLMFullResponseEndFrame())
            error = await line.up.wait(ErrorFrame)
        await service._client.close()
    assert "Incorrect API key provided." in error.error
