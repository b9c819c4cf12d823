"""The side channel, as another process uses it."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.emulators.sound import quiet, tone
from tests.services.embedded import until
from voicekit.emulators.deepgram_flux import DeepgramFlux
from voicekit.emulators.deepgram_listen import DeepgramListen
from voicekit.emulators.deepgram_stream import Stream
from voicekit.emulators.faults import Break, Fault, Latency, Refuse, Slow
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.openai_realtime import OpenAIRealtime
from voicekit.emulators.server import Actor, serve
from voicekit.emulators.side_channel import FAULTS, SideChannel


@asynccontextmanager
async def channel(**emulators: Actor) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve([*emulators.values(), SideChannel(emulators)]) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        yield client


class Listener:
    """An emulator that only listens to what is announced."""

    def __init__(self) -> None:
        self.faults: Iterator[Fault | None] = iter(())
        self.latency = OpenAIChat("k").latency
        self.announced: list[tuple[str, float]] = []

    def routes(self) -> list[Any]:
        return []

    def exchanges(self) -> list[Any]:
        return []

    def announce(self, text: str, secs: float = 0.0) -> None:
        self.announced.append((text, secs))


async def test_what_is_said_reaches_whoever_hears() -> None:
    listener = Listener()
    async with channel(openai=OpenAIChat("k"), listener=listener) as client:
        answers = [
            await client.post("/emulated/announce", json={"text": "Hi.", "secs": 2}),
            await client.post("/emulated/announce", json={"text": "Ho."}),
        ]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]
    assert listener.announced == [("Hi.", 2.0), ("Ho.", 0.0)]


async def test_a_latency_is_the_emulators_from_then_on() -> None:
    openai = OpenAIChat("k")
    told = {"emulator": "openai", "first_ms": 350, "each_ms": 20, "spread": 0.3, "seed": 7}
    async with channel(openai=openai) as client:
        answer = await client.post("/emulated/latency", json=told)
    assert answer.status_code == 204
    assert openai.latency == Latency(0.35, 0.02, 0.3, 7)


async def test_faults_come_one_after_another() -> None:
    openai = OpenAIChat("k")
    faults = [{"refuse": 429, "retry_after_secs": 0.5}, {"refuse": 500}, "ok", {"drop": 3}, {"slow_ms": 2000}]
    async with channel(openai=openai) as client:
        answer = await client.post("/emulated/faults", json={"emulator": "openai", "faults": faults})
    assert answer.status_code == 204
    assert list(openai.faults) == [Refuse(429, 0.5), Refuse(500), None, Break("drop", 3), Slow(2.0)]


async def test_a_session_is_complained_in_and_closed() -> None:
    realtime = OpenAIRealtime("k")
    async with channel(realtime=realtime) as client:
        url = f"ws://{client.base_url.netloc.decode()}/v1/realtime?model=gpt-realtime"
        async with connect(url, additional_headers={"Authorization": "Bearer k"}) as line:
            await line.recv()
            answers = [
                await client.post("/emulated/error", json={"emulator": "realtime", "code": "odd", "message": "Hm."}),
                await client.post("/emulated/close", json={"emulator": "realtime", "code": 1011, "reason": "Bye."}),
            ]
            [error] = [json.loads(message)["error"] async for message in _rest(line)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert (error["code"], error["message"]) == ("odd", "Hm.")
    assert (line.close_code, line.close_reason) == (1011, "Bye.")


async def _rest(line: ClientConnection) -> AsyncIterator[str | bytes]:
    with contextlib.suppress(ConnectionClosed):
        while True:
            yield await line.recv()


async def test_what_was_received_is_told_without_its_audio() -> None:
    deepgram, openai = DeepgramListen("k"), OpenAIChat("k")
    deepgram.streams.append(Stream({"model": ["nova-3"]}, bytearray(640), ["KeepAlive"]))
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    async with channel(deepgram=deepgram, openai=openai) as client:
        await client.post("/v1/chat/completions", json=body, headers={"Authorization": "Bearer k"})
        received = (await client.get("/emulated/received")).json()
    assert received == {
        "deepgram": [
            {
                "query": {"model": ["nova-3"]},
                "audio": {"bytes": 640},
                "messages": ["KeepAlive"],
                "oddities": [],
                "ahead_secs": 0.0,
                "closed": None,
            }
        ],
        "openai": [{"body": body, "outcome": "answered"}],
    }


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("announce", b"{", "the body is not a JSON object"),
        ("announce", {"txt": "Hi."}, "no key 'txt' here, only text, secs"),
        ("announce", {"secs": 1}, 'an announcement is {"text": "Hello.", "secs": 1.5}'),
        ("announce", {"text": "Hi.", "secs": -1}, "seconds are a number from 0 to 3600"),
        ("faults", {"emulator": "opanai", "faults": []}, "'emulator' is one of: listener"),
        ("faults", {"emulator": "listener", "faults": None}, "'faults' is a list"),
        ("faults", {"emulator": "listener", "faults": [{"refuse": 200}]}, f"a fault is {FAULTS}"),
        ("faults", {"emulator": "listener", "faults": [{"burn": 1}]}, f"a fault is {FAULTS}"),
        ("faults", {"emulator": "listener", "faults": [{"slow_ms": 1, "drop": 2}]}, f"a fault is {FAULTS}"),
        ("faults", {"emulator": "listener", "faults": [None]}, f"a fault is {FAULTS}"),
        (
            "faults",
            {"emulator": "listener", "faults": [{"drop": -1}]},
            "a fault comes after a number of messages",
        ),
        ("close", {"emulator": "listener"}, "'listener' has no session"),
        ("close", {"emulator": "listener", "code": 9}, 'a close is {"code": 1011, "reason": "Bye."}'),
        ("error", {"emulator": "listener", "code": "x", "message": "y"}, "'listener' has no session"),
        ("error", {"emulator": "listener"}, 'an error is {"code": "invalid_value", "message": "No."}'),
        ("latency", {"emulator": "opanai"}, "'emulator' is one of: listener"),
        ("latency", {"ms": 1}, "no key 'ms' here, only emulator, first_ms, each_ms, spread, seed"),
        ("latency", {"emulator": "listener", "first_ms": -1}, "'first_ms' is a number from 0 to 60000"),
        ("latency", {"emulator": "listener", "each_ms": "1"}, "'each_ms' is a number from 0 to 60000"),
        ("latency", {"emulator": "listener", "spread": 3}, "'spread' is a number from 0 to 2"),
        ("latency", {"emulator": "listener", "seed": 0.5}, "'seed' is a whole number"),
    ],
)
async def test_what_cannot_be_read_is_refused(path: str, body: Any, problem: str) -> None:
    async with channel(listener=Listener()) as client:
        sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = await client.post(f"/emulated/{path}", **sent)
    assert (answer.status_code, answer.json()) == (400, {"problem": problem})


async def test_where_nobody_hears_an_announcement_is_refused() -> None:
    async with channel(openai=OpenAIChat("k")) as client:
        answer = await client.post("/emulated/announce", json={"text": "Hi."})
    assert (answer.status_code, answer.json()) == (400, {"problem": "no emulator here hears speech"})


@pytest.mark.parametrize(("fault", "heard"), [(None, "Ho."), (Break("hang"), "Hi.")])
async def test_who_takes_over_hears_what_comes_next_or_what_failed(fault: Fault | None, heard: str) -> None:
    first, second = DeepgramListen("k"), DeepgramFlux("k")
    first.faults = iter([fault])
    audio = "encoding=linear16&sample_rate=16000"
    async with channel(first=first, second=second) as client:
        for text in ("Hi.", "Ho."):
            await client.post("/emulated/announce", json={"text": text})
        address, headers = f"ws://{client.base_url.netloc.decode()}", {"Authorization": "Token k"}
        async with connect(f"{address}/v1/listen?model=nova-3&{audio}", additional_headers=headers) as line:
            await line.send(tone(0.5) + quiet(0.5))
            await until(lambda: len(first.streams[0].audio) == 32000)
            if fault is None:
                await line.recv()
        async with connect(f"{address}/v2/listen?model=flux-general-en&{audio}", additional_headers=headers) as line:
            await line.send(tone(0.5) + quiet(0.5))
            await line.send('{"type": "CloseStream"}')
            assert [json.loads(message) async for message in line][-1]["transcript"] == heard
