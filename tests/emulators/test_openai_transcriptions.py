"""The emulator of OpenAI's transcription before the clients it is for: the vendor's own SDK, and Pipecat's service."""

import ast
import io
import json
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat
from typing import Any

import httpx
import openai
import pytest
from pipecat.frames.frames import ErrorFrame, TranscriptionFrame
from pipecat.services.openai.stt import OpenAISTTService

from tests.emulators.sound import quiet, tone
from tests.services.embedded import running, until
from voicekit.emulators.faults import Break, Fault, Latency, Refuse, Slow
from voicekit.emulators.hearing import Progress
from voicekit.emulators.openai_transcriptions import OpenAITranscriptions
from voicekit.emulators.server import serve

MODEL = "gpt-4o-transcribe"
FORMATS = "'json', 'text', 'srt', 'verbose_json', 'vtt', 'diarized_json'"
FILES = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm"]
SPOKEN = quiet(0.2) + tone(0.6) + quiet(0.2)


@pytest.fixture
def emulator() -> OpenAITranscriptions:
    return OpenAITranscriptions("right")


def wav(samples: bytes, rate: int = 16000, channels: int = 1, width: int = 2) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return data.getvalue()


@asynccontextmanager
async def client(emulator: OpenAITranscriptions, key: str = "right") -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        serve([emulator]) as address,
        openai.AsyncOpenAI(api_key=key, base_url=f"http://{address}/v1", max_retries=0) as sdk,
    ):
        yield sdk


async def heard(sdk: openai.AsyncOpenAI, samples: bytes = SPOKEN, **more: Any) -> Any:
    options = {"model": MODEL, "file": ("audio.wav", wav(samples), "audio/wav"), **more}
    return await sdk.audio.transcriptions.create(**options)


async def posted(emulator: OpenAITranscriptions, form: Any, files: Any, key: str = "right") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with serve([emulator]) as address, httpx.AsyncClient(headers=headers) as http:
        return await http.post(f"http://{address}/v1/audio/transcriptions", data=form, files=files)


def reason(message: str) -> str:
    """Return the text of the one error in a list of pydantic's, or a message as it is."""
    if not message.startswith("["):
        return message
    [error] = ast.literal_eval(message)
    return f"{error['loc'][-1]}: {error['msg']}"


async def test_a_file_has_the_words_that_were_announced(emulator: OpenAITranscriptions) -> None:
    emulator.announce("Good day.")
    emulator.announce("And good night.")
    async with client(emulator) as sdk:
        one = await heard(sdk, prompt="A greeting.", language="en", temperature=0.2)
        two = await heard(sdk)
    assert (one.text, two.text) == ("Good day.", "And good night.")
    assert (one.usage.type, one.usage.total_tokens) == ("tokens", one.usage.input_tokens + one.usage.output_tokens)
    [request, _] = emulator.received
    assert request.outcome == "answered"
    assert request.body == {
        "model": MODEL,
        "prompt": "A greeting.",
        "language": "en",
        "temperature": "0.2",
        "file": {"name": "audio.wav", "secs": 1.0, "rate": 16000},
    }


@pytest.mark.parametrize("rate", [8000, 24000, 48000])
async def test_a_file_of_any_rate_is_heard(emulator: OpenAITranscriptions, rate: int) -> None:
    emulator.announce("Good day.")
    async with client(emulator) as sdk:
        file = ("audio.wav", wav(quiet(0.2, rate) + tone(0.5, rate=rate), rate), "audio/wav")
        assert (await heard(sdk, file=file)).text == "Good day."


async def test_nothing_is_heard_without_speech(emulator: OpenAITranscriptions) -> None:
    emulator.announce("Good day.")
    async with client(emulator) as sdk:
        assert (await heard(sdk, quiet(0.5) + tone(0.5, level=40))).text == ""
        assert (await heard(sdk)).text == "Good day."


async def test_speech_that_was_not_announced_is_what_the_emulator_was_told(emulator: OpenAITranscriptions) -> None:
    emulator.unannounced = "Hello."
    async with client(emulator) as sdk:
        assert (await heard(sdk)).text == "Hello."


async def test_a_file_that_is_sent_again_has_the_same_words(emulator: OpenAITranscriptions) -> None:
    emulator.faults = iter([Break("drop"), None])
    emulator.announce("Good day.")
    emulator.announce("And good night.")
    async with client(emulator) as sdk:
        with pytest.raises(openai.APIConnectionError):
            await heard(sdk)
        await until(lambda: emulator.received[0].outcome == "broken")
        texts = [(await heard(sdk)).text for _ in range(2)]
    assert texts == ["Good day.", "And good night."]


async def test_a_speech_with_pauses_comes_in_several_files(emulator: OpenAITranscriptions) -> None:
    emulator.announce("One two three four five.", secs=5)
    emulator.announce("What comes next.")
    now = 100.0
    emulator.clock = lambda: now
    texts = []
    async with client(emulator) as sdk:
        # What has been said at 100 s began at 98, at 102 it goes on, and at 103 it is over.
        for now, spoken in ((100.0, tone(2)), (102.0, tone(1)), (102.9, tone(0.8)), (103.1, tone(0.2))):  # noqa: B007
            texts.append((await heard(sdk, spoken)).text)
    assert texts == ["One two", "three four", "five.", "What comes next."]


async def test_what_has_been_told_to_its_end_is_over_for_those_that_follow_the_same_caller(
    emulator: OpenAITranscriptions,
) -> None:
    emulator.faults = iter([Break("drop"), None])
    emulator.announce("Good day.")
    progress = Progress()
    emulator.follow(progress)
    async with client(emulator) as sdk:
        with pytest.raises(openai.APIConnectionError):
            await heard(sdk)
        assert progress.over == 0
        await heard(sdk)
    assert progress.over == 1


async def test_what_an_answer_may_be(emulator: OpenAITranscriptions) -> None:
    for _ in range(4):
        emulator.announce("Good day.")
    async with client(emulator) as sdk:
        assert await heard(sdk, response_format="text") == "Good day.\n"
        verbose = await heard(
            sdk, model="whisper-1", response_format="verbose_json", timestamp_granularities=["word", "segment"]
        )
        logged = await heard(sdk, include=["logprobs"], response_format="json")
        newest = await heard(sdk, model="gpt-transcribe", keywords=["Acme"])
    assert (verbose.duration, verbose.segments[0].text, verbose.usage.seconds) == (1.0, "Good day.", 1)
    assert [(word.word, word.start, word.end) for word in verbose.words] == [("Good", 0.2, 0.6), ("day.", 0.6, 1.0)]
    assert [(each.token, each.logprob) for each in logged.logprobs] == [("Good", -0.01), (" day.", -0.01)]
    assert [each.code for each in newest.languages] == ["en"]


async def test_an_answer_is_streamed(emulator: OpenAITranscriptions) -> None:
    emulator.announce("Good day to you.")
    async with client(emulator) as sdk:
        events = [event async for event in await heard(sdk, stream=True)]
    assert [event.type for event in events] == ["transcript.text.delta"] * 4 + ["transcript.text.done"]
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == "Good day to you."


async def test_whisper_does_not_stream(emulator: OpenAITranscriptions) -> None:
    emulator.announce("Good day.")
    form = {"model": "whisper-1", "stream": "true"}
    answer = await posted(emulator, form, {"file": ("a.wav", wav(SPOKEN))})
    assert (answer.headers["content-type"], answer.json()["text"]) == ("application/json", "Good day.")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": ""}, "you must provide a model parameter"),
        (
            {"response_format": "verbose_json"},
            f"response_format 'verbose_json' is not compatible with model '{MODEL}'. Use 'json' or 'text' instead.",
        ),
        (
            {"response_format": "xml"},
            f"Invalid value: 'xml'. Supported values are: {FORMATS}.",
        ),
        (
            {"response_format": "srt", "model": "whisper-1"},
            "the emulator writes 'response_format' json, text, verbose_json only.",
        ),
        (
            {"language": "english"},
            "Invalid language 'english'. Language parameter must be specified in ISO-639-1 format.",
        ),
        ({"temperature": "1.5"}, "temperature: Input should be a number from 0 to 1"),
        ({"temperature": "warm"}, "temperature: Input should be a number from 0 to 1"),
        ({"langauge": "en"}, "langauge: Extra inputs are not permitted"),
    ],
)
async def test_a_form_that_is_wrong_is_refused(emulator: OpenAITranscriptions, change: Any, told: str) -> None:
    answer = await posted(emulator, {"model": MODEL, **change}, {"file": ("a.wav", wav(SPOKEN))})
    assert (answer.status_code, reason(answer.json()["error"]["message"])) == (400, told)
    assert [request.outcome for request in emulator.received] == ["refused"]


@pytest.mark.parametrize(
    ("model", "name", "data", "told"),
    [
        (
            MODEL,
            "a.txt",
            b"",
            f"Invalid file format. Supported formats: {FILES}",
        ),
        (MODEL, "a.mp3", b"", "the emulator hears wav only, not mp3."),
        (MODEL, "a.wav", b"RIFF", "Audio file might be corrupted or unsupported"),
        (MODEL, "a.wav", SPOKEN, "Audio file might be corrupted or unsupported"),
        (MODEL, "a.wav", wav(SPOKEN, channels=2), "the emulator hears one channel of 16 bits only."),
        (MODEL, "a.wav", wav(SPOKEN, width=1), "the emulator hears one channel of 16 bits only."),
        ("whisper-1", "a.wav", wav(tone(0.09)), "Audio file is too short. Minimum audio length is 0.1 seconds."),
        (
            MODEL,
            "a.wav",
            wav(tone(0.09)),
            "audio duration 0.09 seconds is shorter than 0.1 seconds which is the minimum for this model",
        ),
    ],
)
async def test_a_file_that_is_wrong_is_refused(
    emulator: OpenAITranscriptions, model: str, name: str, data: bytes, told: str
) -> None:
    answer = await posted(emulator, {"model": model}, {"file": (name, data)})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, told)


async def test_a_file_that_is_missing_is_named(emulator: OpenAITranscriptions) -> None:
    answer = await posted(emulator, {"model": MODEL}, {"audio": ("a.wav", wav(SPOKEN))})
    assert reason(answer.json()["error"]["message"]) == "audio: Extra inputs are not permitted"
    answer = await posted(emulator, {"model": MODEL}, {"prompt": (None, "Hello")})
    assert reason(answer.json()["error"]["message"]) == "file: Field required"


async def test_a_body_that_is_no_form_is_refused(emulator: OpenAITranscriptions) -> None:
    answer = await posted(emulator, {"model": MODEL}, None)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Could not parse multipart form.")
    assert emulator.received == []


@pytest.mark.parametrize("model", ["whisper-2", "gpt-4o", "gpt-4o-transcribed"])
async def test_a_model_that_nobody_has_is_refused(emulator: OpenAITranscriptions, model: str) -> None:
    async with client(emulator) as sdk:
        with pytest.raises(openai.NotFoundError) as refused:
            await heard(sdk, model=model)
    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("key", "told"), [("", "You didn't provide an API key."), ("wrong", "Incorrect API key provided.")]
)
async def test_a_wrong_key_is_refused(emulator: OpenAITranscriptions, key: str, told: str) -> None:
    answer = await posted(emulator, {"model": MODEL}, {"file": ("a.wav", wav(SPOKEN))}, key)
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, told)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Refuse(401), openai.AuthenticationError),
        (Refuse(429, retry_after=7), openai.RateLimitError),
        (Refuse(500), openai.InternalServerError),
        (Break("error"), openai.InternalServerError),
        (Break("drop"), openai.APIConnectionError),
        (Break("garbage"), json.JSONDecodeError),
    ],
)
async def test_faults_are_errors_of_the_sdk(
    emulator: OpenAITranscriptions, fault: Fault, error: type[Exception]
) -> None:
    emulator.faults = repeat(fault)
    async with client(emulator) as sdk:
        with pytest.raises(error):
            await heard(sdk)


@pytest.mark.parametrize(
    ("how", "error"),
    [("error", openai.APIError), ("drop", openai.APIConnectionError), ("garbage", json.JSONDecodeError)],
)
async def test_a_streamed_answer_breaks_off(emulator: OpenAITranscriptions, how: Any, error: type[Exception]) -> None:
    emulator.faults = iter([Break(how, after=2)])
    emulator.announce("Good day to you.")
    deltas: list[str] = []

    async def listen() -> None:
        async for event in await heard(sdk, stream=True):
            deltas.append(event.delta)  # noqa: PERF401 - what came before the error counts

    async with client(emulator) as sdk:
        with pytest.raises(error):
            await listen()
    assert "".join(deltas) == "Good day"


async def test_an_answer_hangs_until_the_client_leaves(emulator: OpenAITranscriptions) -> None:
    emulator.faults = iter([Break("hang")])
    async with client(emulator) as sdk:
        with pytest.raises(openai.APITimeoutError):
            await heard(sdk.with_options(timeout=0.2))
        await until(lambda: emulator.received[0].outcome == "left")


async def test_an_answer_is_as_late_as_it_is_told_to(emulator: OpenAITranscriptions) -> None:
    emulator.latency = Latency(first_secs=0.2)
    emulator.faults = iter([None, Slow(0.3)])
    took = []
    async with client(emulator) as sdk:
        for _ in range(2):
            began = time.monotonic()
            await heard(sdk)
            took.append(time.monotonic() - began)
    assert 0.2 <= took[0] < took[1] - 0.2


def pipecat(address: str, key: str = "right") -> OpenAISTTService:
    return OpenAISTTService(api_key=key, base_url=f"http://{address}/v1")


async def test_pipecat_hears_the_caller(emulator: OpenAITranscriptions) -> None:
    emulator.announce("I would like to order.", secs=1)
    emulator.announce("That is all.")
    async with serve([emulator]) as address:
        service = pipecat(address)
        async with running(service) as line:
            for count, text in enumerate(["I would like to order.", "That is all."], start=1):
                await line.say(tone(1) + quiet(0.2))
                assert (await line.down.wait(TranscriptionFrame, count)).text == text
        await service._client.close()
    [request, _] = emulator.received
    assert request.body["model"] == "gpt-transcribe"
    assert request.body["file"]["name"] == "audio.wav"


async def test_pipecat_reports_a_refusal(emulator: OpenAITranscriptions) -> None:
    async with serve([emulator]) as address:
        service = pipecat(address, "wrong")
        async with running(service) as line:
            await line.say(tone(1) + quiet(0.2))
            error = await line.up.wait(ErrorFrame)
        await service._client.close()
    assert "Incorrect API key provided." in error.error
