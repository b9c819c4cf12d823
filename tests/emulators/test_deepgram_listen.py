"""The Deepgram emulator before the clients it is for: the vendor's own SDK, and Pipecat's service."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from pipecat.frames.frames import ErrorFrame, InterimTranscriptionFrame, TranscriptionFrame
from pipecat.services.deepgram.stt import DeepgramSTTService
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.emulators.sound import quiet, tone
from tests.services.embedded import running, until
from voicekit.emulators.deepgram_listen import DeepgramListen
from voicekit.emulators.faults import Break, Latency, Refuse
from voicekit.emulators.server import serve

# The vendor's SDK still connects with the names that websockets is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning")

QUERY = "model=nova-3&encoding=linear16&sample_rate=16000"
ALL = f"{QUERY}&interim_results=true&endpointing=300&utterance_end_ms=1000&vad_events=true"


@pytest.fixture
def emulator() -> DeepgramListen:
    return DeepgramListen("right")


@asynccontextmanager
async def listening(
    emulator: DeepgramListen, query: str = QUERY, key: str = "right"
) -> AsyncIterator[ClientConnection]:
    async with (
        serve([emulator]) as address,
        connect(f"ws://{address}/v1/listen?{query}", additional_headers={"Authorization": f"Token {key}"}) as made,
    ):
        yield made


async def answers(line: ClientConnection, *sent: bytes | str) -> list[dict[str, Any]]:
    """Send all of it and the end; return what comes back, without the closing Metadata."""
    for piece in sent:
        await line.send(piece)
    await line.send('{"type": "CloseStream"}')
    async with asyncio.timeout(10):
        *messages, last = [json.loads(message) async for message in line]
    assert last["type"] == "Metadata"
    assert last["duration"] == pytest.approx(
        sum(len(piece) for piece in sent if isinstance(piece, bytes)) / 32000, 0.05
    )
    return messages


def words(message: dict[str, Any]) -> str:
    text: str = message["channel"]["alternatives"][0]["transcript"]
    return text


async def test_an_utterance_is_transcribed_as_it_goes_on(emulator: DeepgramListen) -> None:
    emulator.announce("Good day to you.")
    async with listening(emulator, ALL) as line:
        messages = await answers(line, quiet(0.5), tone(1), quiet(1.5))
    started, *results, ended = messages
    assert (started["type"], started["timestamp"]) == ("SpeechStarted", 0.5)
    *interim, final = results
    assert [words(result) for result in interim] == ["Good", "Good day", "Good day to", "Good day to you."]
    assert {result["is_final"] for result in interim} == {False}
    assert (words(final), final["is_final"], final["speech_final"]) == ("Good day to you.", True, True)
    assert final["from_finalize"] is False
    timed = final["channel"]["alternatives"][0]["words"]
    assert [word["word"] for word in timed] == ["good", "day", "to", "you"]
    assert (timed[0]["start"], timed[-1]["end"]) == (0.5, 1.5)
    assert all(word["start"] < word["end"] for word in timed)
    assert final["start"] + final["duration"] == pytest.approx(1.8)
    assert ended == {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.5}


async def test_nothing_is_heard_without_speech(emulator: DeepgramListen) -> None:
    emulator.announce("Hello.")
    async with listening(emulator, ALL) as line:
        assert await answers(line, quiet(2), tone(1, level=40), quiet(1)) == []


async def test_speech_that_was_not_announced_has_no_words(emulator: DeepgramListen) -> None:
    async with listening(emulator) as line:
        [result] = await answers(line, tone(1), quiet(1))
    assert words(result) == ""


async def test_two_utterances_are_told_apart(emulator: DeepgramListen) -> None:
    emulator.announce("One.")
    emulator.announce("And two.", secs=1.5)
    async with listening(emulator) as line:
        results = await answers(line, tone(0.5), quiet(1), tone(0.5), quiet(0.5), tone(0.5), quiet(0.5))
    assert [words(result) for result in results] == ["One.", "And two."]


async def test_each_result_is_late(emulator: DeepgramListen) -> None:
    emulator.latency = Latency(first_secs=0.2)
    async with listening(emulator) as line:
        began = time.monotonic()
        # And the closing Metadata.
        assert len(await answers(line, tone(0.5), quiet(1), tone(0.5), quiet(1))) == 2
        took = time.monotonic() - began
    assert 0.6 <= took < 0.9


async def test_a_gap_between_words_ends_nothing(emulator: DeepgramListen) -> None:
    emulator.announce("All of it.")
    emulator.announce("What comes next.")
    async with listening(emulator) as line:
        results = await answers(line, tone(0.3), quiet(0.2), tone(0.3), quiet(0.5))
    assert [words(result) for result in results] == ["All of it."]


async def test_finalize_does_not_wait_for_a_pause(emulator: DeepgramListen) -> None:
    emulator.announce("One two three four.")
    async with listening(emulator) as line:
        results = await answers(line, tone(0.6), '{"type": "Finalize"}', tone(0.6), quiet(0.4), '{"type": "Finalize"}')
    assert [(words(result), result["from_finalize"]) for result in results] == [
        ("One two", True),
        ("three four.", False),
        ("", True),
    ]
    assert [result["speech_final"] for result in results] == [False, True, True]
    assert emulator.streams[0].messages == ["Finalize", "Finalize", "CloseStream"]


async def test_endpointing_false_leaves_the_end_to_finalize(emulator: DeepgramListen) -> None:
    emulator.announce("Hello there.")
    async with listening(emulator, f"{QUERY}&endpointing=false") as line:
        [result] = await answers(line, tone(0.6), quiet(3), '{"type": "Finalize"}')
    assert (words(result), result["from_finalize"]) == ("Hello there.", True)


@pytest.mark.parametrize(
    ("encoding", "loud", "silent"),
    [("mulaw", b"\x80\x00" * 4000, b"\xff" * 8000), ("alaw", b"\xaa\x2a" * 4000, b"\xd5" * 8000)],
)
async def test_telephone_audio_is_heard(emulator: DeepgramListen, encoding: str, loud: bytes, silent: bytes) -> None:
    emulator.announce("From a telephone.")
    async with listening(emulator, f"model=nova-2&encoding={encoding}&sample_rate=8000") as line:
        for piece in (silent, loud, silent, '{"type": "CloseStream"}'):
            await line.send(piece)
        result, metadata = [json.loads(message) async for message in line]
    assert words(result) == "From a telephone."
    assert result["channel"]["alternatives"][0]["words"][0]["start"] == 1.0
    assert metadata["duration"] == 3.0


async def test_what_a_live_caller_would_not_send_is_noted(emulator: DeepgramListen) -> None:
    async with listening(emulator) as line:
        await line.send(b"\0" * 641)
        await line.send("{")
        await line.send('{"type": "Hurry"}')
        errors = [json.loads(await line.recv()) for _ in range(2)]
        await line.send(quiet(5))
        await line.close()
        await until(lambda: emulator.streams[0].closed is not None)
    [stream] = emulator.streams
    unknown = "a message that is none of Deepgram's"
    assert stream.oddities == ["641 bytes are not whole samples", unknown, unknown]
    assert [(error["variant"], error["message"]) for error in errors] == [
        ("SchemaError", "{"),
        ("SchemaError", '{"type": "Hurry"}'),
    ]
    assert stream.ahead_secs > 4
    assert stream.closed == 1000


async def test_audio_at_its_own_pace_is_not_ahead(emulator: DeepgramListen) -> None:
    async with listening(emulator) as line:
        for _ in range(10):
            await line.send(quiet(0.02))
            await asyncio.sleep(0.02)
        await until(lambda: len(emulator.streams[0].audio) == 6400)
    assert emulator.streams[0].ahead_secs < 0.05


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("model=nova-9&encoding=linear16&sample_rate=16000", "No such model/language/tier combination found."),
        ("model=nova-3", "the emulator hears 'encoding' linear16, mulaw, alaw only."),
        ("encoding=linear16", "'sample_rate' is a number from 8000 to 48000, not ''."),
        ("encoding=linear16&sample_rate=16k", "'sample_rate' is a number from 8000 to 48000, not '16k'."),
        (f"{QUERY}&punctuate=yes", "'punctuate' is true or false, not 'yes'."),
        (f"{QUERY}&channels=2", "'channels' is a number from 1 to 1, not '2'."),
        (f"{QUERY}&endpointing=soon", "'endpointing' is a number from 0 to 10000, not 'soon'."),
        (f"{QUERY}&utterance_end_ms=500", "'utterance_end_ms' is a number from 1000 to 5000, not '500'."),
        (f"{QUERY}&utterance_end_ms=1000", "'utterance_end_ms' needs 'interim_results=true'."),
        ("model=nova-2&encoding=linear16&sample_rate=16000&keyterm=Acme", "'keyterm' needs a nova-3 model."),
    ],
)
async def test_an_address_that_is_wrong_is_refused(emulator: DeepgramListen, query: str, text: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with listening(emulator, query):
            pass
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body)["err_msg"] == f"Bad Request: {text}"
    assert emulator.streams == []


async def test_a_parameter_that_is_not_known_passes_and_is_noted(emulator: DeepgramListen) -> None:
    async with listening(emulator, f"{QUERY}&punctate=true") as line:
        assert await answers(line) == []
    assert emulator.streams[0].oddities == ["unknown query parameter 'punctate'"]


async def test_each_of_two_connections_has_an_announcement_of_its_own(emulator: DeepgramListen) -> None:
    emulator.announce("First.")
    emulator.announce("Second.")
    headers = {"Authorization": "Token right"}
    async with serve([emulator]) as address:
        url = f"ws://{address}/v1/listen?{QUERY}"
        async with connect(url, additional_headers=headers) as one, connect(url, additional_headers=headers) as other:
            await other.send(tone(0.5))
            await until(lambda: len(emulator.streams[1].audio) == 16000)
            await one.send(tone(0.5))
            await until(lambda: len(emulator.streams[0].audio) == 16000)
            for line in (one, other):
                await line.send(quiet(1))
            heard = [words(json.loads(await line.recv())) for line in (one, other)]
    assert heard == ["Second.", "First."]


async def test_faults_at_the_handshake(emulator: DeepgramListen) -> None:
    emulator.faults = iter([Refuse(429, retry_after=3), None])
    with pytest.raises(InvalidStatus) as refused:
        async with listening(emulator):
            pass
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["retry-after"] == "3"
    assert refused.value.response.headers["dg-error"] == "Too many requests. Please try again later."
    async with listening(emulator) as line:
        assert await answers(line) == []


@pytest.mark.parametrize(
    ("how", "code", "reason"), [("error", 1011, "NET-0000"), ("drop", 1006, ""), ("garbage", 1000, "")]
)
async def test_a_stream_breaks_off(emulator: DeepgramListen, how: Any, code: int, reason: str) -> None:
    emulator.faults = iter([Break(how, after=1)])
    emulator.announce("One.")
    messages = []
    async with listening(emulator) as line:
        for piece in (tone(0.5), quiet(1), '{"type": "CloseStream"}'):
            await line.send(piece)
        try:
            while True:
                messages.append(await line.recv())
        except ConnectionClosed:
            assert (line.close_code, line.close_reason) == (code, reason)
    assert words(json.loads(messages[0])) == "One."
    assert messages[1:] == (['{"type": '] if how == "garbage" else [])


async def test_a_stream_that_hangs_still_listens(emulator: DeepgramListen) -> None:
    emulator.faults = iter([Break("hang")])
    async with listening(emulator) as line:
        await line.send('{"type": "Finalize"}')
        await line.send(quiet(1))
        await until(lambda: len(emulator.streams[0].audio) == 32000)


async def test_a_client_that_is_silent_for_long_is_dropped(emulator: DeepgramListen) -> None:
    emulator.idle_secs = 0.6
    async with listening(emulator) as line:
        for _ in range(3):
            await line.send('{"type": "KeepAlive"}')
            await asyncio.sleep(0.25)
        await line.send('{"type": "Finalize"}')
        assert json.loads(await line.recv())["from_finalize"] is True
        with pytest.raises(ConnectionClosed):
            await line.recv()
    assert (line.close_code, line.close_reason) == (1011, "NET-0001")


def sdk(address: str, key: str = "right") -> AsyncDeepgramClient:
    return AsyncDeepgramClient(
        api_key=key,
        environment=DeepgramClientEnvironment(
            base=f"http://{address}",
            production=f"ws://{address}",
            agent=f"ws://{address}",
            agent_rest=f"http://{address}",
        ),
    )


async def test_the_sdk_understands_the_results(emulator: DeepgramListen) -> None:
    emulator.announce("Good day.")
    async with (
        serve([emulator]) as address,
        sdk(address).listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000) as line,
    ):
        await line.send_media(tone(0.6) + quiet(0.6))
        await line.send_finalize()
        await line.send_close_stream()
        results: list[Any] = [message async for message in line]
    assert [type(result).__name__ for result in results] == ["ListenV1Results", "ListenV1Results", "ListenV1Metadata"]
    assert results[0].channel.alternatives[0].transcript == "Good day."
    assert results[0].channel.alternatives[0].words[1].punctuated_word == "day."
    assert (results[0].from_finalize, results[1].from_finalize) == (False, True)


async def test_the_sdk_knows_a_wrong_key(emulator: DeepgramListen) -> None:
    async with serve([emulator]) as address:
        with pytest.raises(ApiError) as refused:
            async with sdk(address, "wrong").listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000):
                pass
    assert refused.value.status_code == 401


def pipecat(address: str, key: str = "right") -> DeepgramSTTService:
    return DeepgramSTTService(api_key=key, base_url=f"ws://{address}")


async def test_pipecat_hears_the_caller(emulator: DeepgramListen) -> None:
    emulator.announce("I would like to order.", secs=1)
    async with serve([emulator]) as address, running(pipecat(address)) as line:
        await line.say(tone(1) + quiet(0.2))
        final = await line.down.wait(TranscriptionFrame)
        assert final.text == "I would like to order."
        assert [frame.text for frame in line.down.all(InterimTranscriptionFrame)][:2] == ["I", "I would"]
        assert final.finalized
    [stream] = emulator.streams
    assert stream.query["sample_rate"] == ["16000"]
    assert stream.messages[0] == "Finalize"
    assert stream.oddities == []


@pytest.mark.long
async def test_pipecat_comes_back_after_a_failure(emulator: DeepgramListen) -> None:
    emulator.faults = iter([Break("error")])
    emulator.announce("Lost.")
    emulator.announce("Heard.")
    async with serve([emulator]) as address, running(pipecat(address)) as line:
        await line.say(tone(0.5) + quiet(0.5))
        await until(lambda: len(emulator.streams) == 2)
        await line.say(tone(0.5) + quiet(0.5))
        assert (await line.down.wait(TranscriptionFrame)).text == "Heard."


async def test_pipecat_reports_a_wrong_key(emulator: DeepgramListen) -> None:
    async with serve([emulator]) as address, running(pipecat(address, "wrong")) as line:
        error = await line.up.wait(ErrorFrame)
    assert "rejected the connection (status 401)" in error.error
