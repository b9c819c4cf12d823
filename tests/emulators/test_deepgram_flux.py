"""The emulator of Deepgram's Flux before the clients it is for: the vendor's own SDK, and Pipecat's service."""

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
from deepgram.listen.v2.types import ListenV2Configure, ListenV2ConfigureThresholds
from pipecat.frames.frames import (
    ErrorFrame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
)
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.emulators.sound import quiet, tone
from tests.services.embedded import running, until
from voicekit.emulators.deepgram_flux import DeepgramFlux
from voicekit.emulators.faults import Break, Fault, Latency, Refuse, Slow
from voicekit.emulators.server import serve

# The vendor's SDK still connects with the names that websockets is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning")

QUERY = "model=flux-general-en&encoding=linear16&sample_rate=16000"
MODELS = "'model' is flux-general-en or flux-general-multi here"
CLOSE = '{"type": "CloseStream"}'


@pytest.fixture
def emulator() -> DeepgramFlux:
    return DeepgramFlux("right")


@asynccontextmanager
async def listening(emulator: DeepgramFlux, query: str = QUERY, key: str = "right") -> AsyncIterator[ClientConnection]:
    async with (
        serve([emulator]) as address,
        connect(f"ws://{address}/v2/listen?{query}", additional_headers={"Authorization": f"Token {key}"}) as made,
    ):
        yield made


async def answers(line: ClientConnection, *sent: bytes | str) -> list[dict[str, Any]]:
    """Send all of it and the end; return what comes back, without the `Connected`."""
    for piece in sent:
        await line.send(piece)
    await line.send(CLOSE)
    async with asyncio.timeout(10):
        connected, *messages = [json.loads(message) async for message in line]
    assert connected == {"type": "Connected", "request_id": "emulated-1", "sequence_id": 0}
    assert [message["sequence_id"] for message in messages] == list(range(1, len(messages) + 1))
    return messages


def turns(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return of each event but the updates what it is, of which turn, and what was heard."""
    return [
        (message["event"], message["turn_index"], message["transcript"])
        for message in messages
        if message.get("event") not in {None, "Update"}
    ]


async def test_a_turn_is_heard_as_it_goes_on(emulator: DeepgramFlux) -> None:
    emulator.announce("Good day to you.")
    async with listening(emulator) as line:
        messages = await answers(line, quiet(0.5), tone(1), quiet(0.6))
    assert [(message["event"], message["transcript"], message["audio_window_end"]) for message in messages] == [
        ("Update", "", 0.26),
        ("Update", "", 0.52),
        ("StartOfTurn", "Good", 0.76),
        ("Update", "Good day", 1.02),
        ("Update", "Good day to", 1.28),
        ("Update", "Good day to you.", 1.54),
        ("Update", "Good day to you.", 1.8),
        ("EndOfTurn", "Good day to you.", 1.86),
    ]
    end = messages[-1]
    assert (end["trigger"], end["turn_index"], end["audio_window_start"]) == ("model", 0, 0.0)
    assert end["end_of_turn_confidence"] == pytest.approx(0.72)
    assert [word["word"] for word in end["words"]] == ["Good", "day", "to", "you."]
    assert (end["words"][0]["start"], end["words"][-1]["end"]) == (0.5, 1.5)
    assert [message["end_of_turn_confidence"] for message in messages[:6]] == [0, 0, 0, 0, 0, pytest.approx(0.08)]


async def test_turns_follow_each_other(emulator: DeepgramFlux) -> None:
    emulator.announce("One.")
    emulator.announce("And two.", secs=1.5)
    async with listening(emulator) as line:
        messages = await answers(line, tone(0.5), quiet(1), tone(0.5), quiet(0.6), tone(0.4), quiet(0.5))
    assert turns(messages) == [
        ("StartOfTurn", 0, "One."),
        ("EndOfTurn", 0, "One."),
        ("StartOfTurn", 1, "And"),
        ("EndOfTurn", 1, "And two."),
    ]
    ends = [message for message in messages if message["event"] == "EndOfTurn"]
    assert ends[1]["audio_window_start"] == ends[0]["audio_window_end"]


async def test_nothing_is_heard_without_words(emulator: DeepgramFlux) -> None:
    async with listening(emulator) as line:
        messages = await answers(line, quiet(0.5), tone(0.5), quiet(0.5), tone(0.5, level=40), quiet(0.5))
    assert turns(messages) == []
    assert {message["transcript"] for message in messages} == {""}


async def test_the_end_is_predicted_and_taken_back(emulator: DeepgramFlux) -> None:
    emulator.announce("I would like to order.", secs=1.6)
    async with listening(emulator, f"{QUERY}&eager_eot_threshold=0.4") as line:
        messages = await answers(line, tone(0.7), quiet(0.4), tone(0.6), quiet(0.5))
    assert turns(messages) == [
        ("StartOfTurn", 0, "I"),
        ("EagerEndOfTurn", 0, "I would"),
        ("TurnResumed", 0, "I would like"),
        ("EagerEndOfTurn", 0, "I would like to order."),
        ("EndOfTurn", 0, "I would like to order."),
    ]


@pytest.mark.parametrize(("threshold", "secs"), [("0.5", 0.26), ("0.7", 0.36), ("0.9", 0.46)])
async def test_the_threshold_says_how_long_the_silence_is(emulator: DeepgramFlux, threshold: str, secs: float) -> None:
    emulator.announce("Good day.")
    async with listening(emulator, f"{QUERY}&eot_threshold={threshold}") as line:
        *_, end = await answers(line, tone(0.6), quiet(0.48))
    assert (end["event"], end["trigger"]) == ("EndOfTurn", "model")
    assert end["audio_window_end"] == pytest.approx(0.6 + secs)


async def test_a_long_silence_ends_a_turn_in_any_case(emulator: DeepgramFlux) -> None:
    emulator.announce("Good day.")
    async with listening(emulator, f"{QUERY}&eot_threshold=1.0&eot_timeout_ms=1000") as line:
        *_, end = await answers(line, tone(0.6), quiet(1))
    assert (end["event"], end["trigger"], end["audio_window_end"]) == ("EndOfTurn", "timeout", 1.6)


async def test_a_client_ends_a_turn_itself(emulator: DeepgramFlux) -> None:
    emulator.announce("One two three four.")
    async with listening(emulator) as line:
        force = '{"type": "ForceEndTurn"}'
        messages = await answers(line, force, tone(0.6), force, tone(0.6), quiet(0.5))
    assert turns(messages) == [
        ("StartOfTurn", 0, "One"),
        ("EndOfTurn", 0, "One two"),
        ("StartOfTurn", 1, "three"),
        ("EndOfTurn", 1, "three four."),
    ]
    assert [message["trigger"] for message in messages if "trigger" in message] == ["manual", "model"]
    assert emulator.streams[0].messages == ["ForceEndTurn", "ForceEndTurn", "CloseStream"]


async def test_thresholds_are_changed_on_the_way(emulator: DeepgramFlux) -> None:
    emulator.announce("Good day.")
    message = {"type": "Configure", "thresholds": {"eot_threshold": 0.9}, "keyterms": ["Acme"], "numerals": True}
    async with listening(emulator) as line:
        changed, *messages = await answers(line, json.dumps(message), tone(0.6), quiet(0.5))
    assert changed == {
        "request_id": "emulated-1",
        "sequence_id": 1,
        "type": "ConfigureSuccess",
        "thresholds": {"eager_eot_threshold": None, "eot_threshold": 0.9, "eot_timeout_ms": 5000},
        "keyterms": ["Acme"],
        "numerals": True,
    }
    assert messages[-1]["audio_window_end"] == pytest.approx(1.06)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"thresholds": {"eot_threshold": 0.2}}, "'eot_threshold' is a number from 0.5 to 1.0, not '0.2'."),
        (
            {"thresholds": {"eager_eot_threshold": 0.8}},
            "'eager_eot_threshold' must be less than or equal to 'eot_threshold'.",
        ),
        ({"thresholds": {"eot": 0.8}}, "there is no threshold 'eot'."),
        ({"thresholds": 1}, "'thresholds' is an object."),
        ({"keyterms": "Acme"}, "'keyterms' is a list of texts."),
        ({"language_hints": ["es"]}, "language hints need flux-general-multi."),
        ({"model": "flux-general-multi"}, "'model' cannot be configured."),
    ],
)
async def test_a_change_that_cannot_be_made_changes_nothing(emulator: DeepgramFlux, change: Any, told: str) -> None:
    emulator.announce("Good day.")
    async with listening(emulator) as line:
        failed, *messages = await answers(line, json.dumps({"type": "Configure", **change}), tone(0.6), quiet(0.5))
    assert (failed["type"], failed["code"], failed["description"]) == (
        "ConfigureFailure",
        "INVALID_CONFIGURATION",
        told,
    )
    assert messages[-1]["event"] == "EndOfTurn"


async def test_the_multilingual_model_tells_languages(emulator: DeepgramFlux) -> None:
    emulator.announce("Hola.")
    query = QUERY.replace("-en", "-multi")
    async with listening(emulator, f"{query}&language_hint=es&language_hint=en") as line:
        silent, *_, end = await answers(line, quiet(0.5), tone(0.6), quiet(0.5))
    assert (silent["languages"], end["languages"], end["languages_hinted"]) == ([], ["es"], ["es", "en"])


@pytest.mark.parametrize("text", ["{", '{"type": "KeepAlive"}', "[]"])
async def test_a_text_that_is_not_understood_ends_the_stream(emulator: DeepgramFlux, text: str) -> None:
    async with listening(emulator) as line:
        await line.send(text)
        _, error = [json.loads(await line.recv()) for _ in range(2)]
        with pytest.raises(ConnectionClosed):
            await line.recv()
    assert error == {
        "type": "Error",
        "sequence_id": 1,
        "code": "UNPARSABLE_CLIENT_MESSAGE",
        "description": "The message matches none of the expected formats.",
    }
    assert (line.close_code, line.close_reason) == (1011, "UNPARSABLE_CLIENT_MESSAGE")


async def test_a_client_that_is_silent_for_long_is_dropped(emulator: DeepgramFlux) -> None:
    emulator.idle_secs = 0.2
    async with listening(emulator) as line:
        messages = [json.loads(await line.recv()) for _ in range(2)]
        with pytest.raises(ConnectionClosed):
            await line.recv()
    assert (messages[1]["type"], messages[1]["code"]) == ("Error", "INACTIVE_CLIENT")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", f"{MODELS}, not ''."),
        (QUERY.replace("flux-general-en", "nova-3"), f"{MODELS}, not 'nova-3'."),
        ("model=flux-general-en", "the emulator hears 'encoding' linear16, mulaw, alaw only."),
        ("model=flux-general-en&encoding=mp3", "the emulator hears 'encoding' linear16, mulaw, alaw only."),
        ("model=flux-general-en&encoding=linear16", "'sample_rate' is a number from 8000 to 48000, not ''."),
        (f"{QUERY}&eot_threshold=0.4", "'eot_threshold' is a number from 0.5 to 1.0, not '0.4'."),
        (f"{QUERY}&eot_threshold=high", "'eot_threshold' is a number from 0.5 to 1.0, not 'high'."),
        (f"{QUERY}&eager_eot_threshold=0.2", "'eager_eot_threshold' is a number from 0.3 to 0.9, not '0.2'."),
        (f"{QUERY}&eager_eot_threshold=0.8", "'eager_eot_threshold' must be less than or equal to 'eot_threshold'."),
        (f"{QUERY}&eot_timeout_ms=100", "'eot_timeout_ms' is a number from 500 to 60000, not '100'."),
        (f"{QUERY}&eot_timeout_ms=2.5", "'eot_timeout_ms' is a number from 500 to 60000, not '2.5'."),
        (f"{QUERY}&language_hint=es", "language hints need flux-general-multi."),
        (f"{QUERY}&numerals=yes", "'numerals' is true or false, not 'yes'."),
        (f"{QUERY}&redact=pii", "'redact' is one of aggressive_numbers, numbers, not 'pii'."),
        (f"{QUERY}&interim_results=true", "Flux has no parameter 'interim_results'."),
    ],
)
async def test_an_address_that_is_wrong_is_refused(emulator: DeepgramFlux, query: str, told: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with listening(emulator, query):
            pass
    response = refused.value.response
    assert (response.status_code, response.headers["dg-error"]) == (400, f"Bad Request: {told}")
    assert emulator.streams == []


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_faults_at_the_handshake(emulator: DeepgramFlux, status: int) -> None:
    emulator.faults = iter([Refuse(status), None])
    with pytest.raises(InvalidStatus) as refused:
        async with listening(emulator):
            pass
    assert refused.value.response.status_code == status
    async with listening(emulator) as line:
        assert await answers(line) == []


@pytest.mark.parametrize(
    ("how", "code", "reason"),
    [("error", 1011, "INTERNAL_SERVER_ERROR"), ("drop", 1006, ""), ("garbage", 1000, "")],
)
async def test_a_stream_breaks_off(emulator: DeepgramFlux, how: Any, code: int, reason: str) -> None:
    emulator.faults = iter([Break(how, after=2)])
    emulator.announce("One.")
    messages = []
    async with listening(emulator) as line:
        for piece in (tone(0.6), quiet(0.2), CLOSE):
            await line.send(piece)
        try:
            while True:
                messages.append(await line.recv())
        except ConnectionClosed:
            assert (line.close_code, line.close_reason) == (code, reason)
    assert [json.loads(message)["type"] for message in messages[:2]] == ["Connected", "TurnInfo"]
    if how == "error":
        assert [json.loads(message)["sequence_id"] for message in messages] == [0, 1, 2]
        assert json.loads(messages[-1])["code"] == reason
    elif how == "drop":
        assert len(messages) == 2
    else:
        assert messages[2] == '{"type": '


async def test_a_stream_that_hangs_still_listens(emulator: DeepgramFlux) -> None:
    emulator.faults = iter([Break("hang")])
    async with listening(emulator) as line:
        await line.send(quiet(1))
        await until(lambda: len(emulator.streams[0].audio) == 32000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(line.recv(), 0.1)


@pytest.mark.parametrize(
    ("latency", "fault"), [(Latency(first_secs=0.2), None), (Latency(), Slow(0.2)), (Latency(0.1), Slow(0.1))]
)
async def test_events_are_late_and_updates_do_not_pile_up(
    emulator: DeepgramFlux, latency: Latency, fault: Fault | None
) -> None:
    emulator.latency, emulator.faults = latency, iter([fault])
    emulator.announce("Good day.")
    async with listening(emulator) as line:
        await line.recv()
        began = time.monotonic()
        messages: list[dict[str, Any]] = []
        await line.send(tone(2) + quiet(0.5))
        while not messages or messages[-1]["event"] != "EndOfTurn":
            messages.append(json.loads(await line.recv()))
        took = time.monotonic() - began
    assert [message["event"] for message in messages] == ["StartOfTurn", "EndOfTurn"]
    assert 0.4 <= took < 0.8


async def test_each_of_two_connections_has_an_announcement_of_its_own(emulator: DeepgramFlux) -> None:
    emulator.announce("First.")
    emulator.announce("Second.")
    headers = {"Authorization": "Token right"}
    async with serve([emulator]) as address:
        url = f"ws://{address}/v2/listen?{QUERY}"
        async with connect(url, additional_headers=headers) as one, connect(url, additional_headers=headers) as other:
            heard = []
            for line in (other, one):
                await line.send(tone(0.6) + quiet(0.5) + tone(0.02))
                await until(lambda: any(len(stream.audio) > 32000 for stream in emulator.streams))
                await line.send(CLOSE)
                heard.append([json.loads(message) async for message in line][-1]["transcript"])
    assert heard == ["First.", "Second."]


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


async def test_the_sdk_understands_the_events(emulator: DeepgramFlux) -> None:
    emulator.announce("Good day.")
    async with (
        serve([emulator]) as address,
        sdk(address).listen.v2.connect(
            model="flux-general-en", encoding="linear16", sample_rate=16000, eager_eot_threshold=0.4
        ) as line,
    ):
        await line.send_configure(ListenV2Configure(thresholds=ListenV2ConfigureThresholds(eot_threshold=0.8)))
        await line.send_media(tone(0.6) + quiet(0.6))
        await line.send_close_stream()
        results: list[Any] = [message async for message in line]
    assert [type(result).__name__ for result in results[:2]] == ["ListenV2Connected", "ListenV2ConfigureSuccess"]
    events = [result for result in results[2:] if result.event != "Update"]
    assert {type(event).__name__ for event in events} == {"ListenV2TurnInfo"}
    assert [event.event for event in events] == ["StartOfTurn", "EagerEndOfTurn", "EndOfTurn"]
    assert results[1].thresholds.eot_threshold == 0.8
    assert (events[-1].transcript, events[-1].trigger, events[-1].words[1].word) == ("Good day.", "model", "day.")


async def test_the_sdk_is_told_of_a_failure(emulator: DeepgramFlux) -> None:
    emulator.faults = iter([Break("error")])
    async with (
        serve([emulator]) as address,
        sdk(address).listen.v2.connect(model="flux-general-en", encoding="linear16", sample_rate=16000) as line,
    ):
        error: Any = await line.recv()
    assert (type(error).__name__, error.code) == ("ListenV2FatalError", "INTERNAL_SERVER_ERROR")


async def test_the_sdk_knows_a_wrong_key(emulator: DeepgramFlux) -> None:
    async with serve([emulator]) as address:
        with pytest.raises(ApiError) as refused:
            async with sdk(address, "wrong").listen.v2.connect(
                model="flux-general-en", encoding="linear16", sample_rate=16000
            ):
                pass
    assert refused.value.status_code == 401


def pipecat(address: str, key: str = "right", **settings: Any) -> DeepgramFluxSTTService:
    return DeepgramFluxSTTService(
        api_key=key, url=f"ws://{address}/v2/listen", settings=DeepgramFluxSTTService.Settings(**settings)
    )


async def test_pipecat_hears_a_turn(emulator: DeepgramFlux) -> None:
    emulator.announce("I would like to order.", secs=1)
    async with serve([emulator]) as address, running(pipecat(address)) as line:
        await until(lambda: len(emulator.streams) == 1)
        await line.hear(tone(1) + quiet(0.5))
        await line.down.wait(ProposedUserStoppedSpeakingFrame)
        final = await line.down.wait(TranscriptionFrame)
    assert (final.text, final.finalized) == ("I would like to order.", True)
    assert line.down.all(InterimTranscriptionFrame)[-1].text == "I would like to order."
    assert len(line.down.all(ProposedUserStartedSpeakingFrame)) == 1
    [stream] = emulator.streams
    assert stream.query == {"model": ["flux-general-en"], "sample_rate": ["16000"], "encoding": ["linear16"]}
    assert (stream.messages, stream.oddities) == (["CloseStream"], [])


async def test_pipecat_changes_a_threshold(emulator: DeepgramFlux) -> None:
    async with serve([emulator]) as address, running(pipecat(address, eot_threshold=0.6)) as line:
        await until(lambda: len(emulator.streams) == 1)
        await line.put(STTUpdateSettingsFrame(delta=DeepgramFluxSTTService.Settings(eot_threshold=0.1)))
        error = await line.up.wait(ErrorFrame)
    assert "'eot_threshold' is a number from 0.5 to 1.0, not '0.1'." in error.error
    assert emulator.streams[0].messages[0] == "Configure"


async def test_pipecat_reports_a_refusal(emulator: DeepgramFlux) -> None:
    async with serve([emulator]) as address, running(pipecat(address, "wrong")) as line:
        error = await line.up.wait(ErrorFrame)
    assert "Deepgram refused the connection (HTTP 401): Invalid credentials." in error.error
