"""What whoever reaches the server may try, and what it costs those who are on the line: nothing."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server.served import served
from voicekit.calls.exchange import greeted
from voicekit.calls.twilio_caller import ACCOUNT, TwilioCaller
from voicekit.calls.twilio_number import TwilioNumber
from voicekit.records.events import CallEnded
from voicekit.runtime.host import Host
from voicekit.server import connection, serving, websocket
from voicekit.services.tts_embedded import available

pytestmark = pytest.mark.skipif(available("flite") != "", reason=available("flite"))

FILE = """
version: 1
name: desk
greeting: Hello.
transport: {type: twilio, hang_up: false}
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}
tts: flite
"""
Desk = tuple[str, Host]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk on which somebody is already, who has to be heard to the end whatever happens."""
    async with served(FILE, tmp_path) as (address, events, host):
        async with await TwilioCaller.call(f"http://{address}") as caller:
            await greeted(caller, time.monotonic())
            yield address, host
            await until_alone(host)
            assert caller.refusal == ""
        await host.drain(5)
        assert [event.reason for event in events if isinstance(event, CallEnded)][-1] == "caller"


async def until_alone(host: Host) -> None:
    async with asyncio.timeout(10):
        while host.live > 1:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)


async def closed(reader: asyncio.StreamReader) -> bytes:
    """Return what is said before a connection is closed, whichever way."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            while piece := await reader.read(1024):
                said += piece
    return said


async def healthy(address: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/healthz") as response:
        return response.status


async def open_stream(address: str, *messages: str | bytes) -> int:
    """Open a stream of Twilio's, say something on it, and return the code it is closed with, 0 if it is not."""
    sound = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start: dict[str, Any] = {"streamSid": "MZ1", "callSid": "CA1", "mediaFormat": sound}
    async with connect(f"ws://{address}/twilio", max_size=None, close_timeout=0.5) as socket:
        await socket.send(json.dumps({"event": "start", "streamSid": "MZ1", "start": start}))
        # The first sound of the greeting.
        await asyncio.wait_for(socket.recv(), 10)
        for message in messages:
            await socket.send(message)
        try:
            async with asyncio.timeout(2):
                await socket.wait_closed()
        except TimeoutError:
            return 0
        return socket.close_code or 0


def media(payload: object, number: str = "1") -> str:
    inner = {"track": "inbound", "chunk": number, "timestamp": "20", "payload": payload}
    return json.dumps({"event": "media", "sequenceNumber": number, "streamSid": "MZ1", "media": inner})


SILENCE = base64.b64encode(b"\xff" * 160).decode()


async def test_a_message_of_a_megabyte_ends_the_connection_that_sent_it(desk: Desk) -> None:
    address, _ = desk
    assert await open_stream(address, media("A" * 1024 * 1024)) == 1009


@pytest.mark.parametrize(
    "messages",
    [
        [media(SILENCE, number) for number in ("1", "1", "9", "3", "-1", "x")],
        ["no JSON", json.dumps({"event": "nothing"}), json.dumps({"event": "start"}), media(""), media("A")],
        [json.dumps([1]), media(4711), json.dumps({"event": "media", "media": None}), b"\x00\xff"],
    ],
    ids=["twice and out of order", "what means nothing", "what is not of the shape"],
)
async def test_what_is_no_sound_hurts_nobody_else(desk: Desk, messages: list[str | bytes]) -> None:
    address, host = desk
    await open_stream(address, *messages)
    await until_alone(host)


async def test_a_head_that_never_ends_is_refused(desk: Desk) -> None:
    address, _ = desk
    ip, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(ip, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 300_000)
    said = await closed(reader)
    # What it has not read makes the system drop what it has said.
    assert said == b"" or said.startswith(b"HTTP/1.1 400 ")
    writer.close()
    assert await healthy(address) == 200


async def test_a_request_that_does_not_come_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECS", 0.3)
    address, _ = desk
    ip, _, port = address.partition(":")
    beginnings = (
        b"",
        b"GET / HTTP/1.1\r\nHo",
        b"POST /api/offer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\n{",
    )
    for beginning in beginnings:
        reader, writer = await asyncio.open_connection(ip, int(port))
        writer.write(beginning)
        assert await closed(reader) == b""
        writer.close()
    assert await healthy(address) == 200


async def test_so_many_connections_are_answered_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 5)
    monkeypatch.setattr(connection, "REQUEST_SECS", 0.5)
    async with served(FILE, tmp_path) as (address, _, _host):
        ip, _, port = address.partition(":")
        idle = [await asyncio.open_connection(ip, int(port)) for _ in range(6)]
        assert await healthy(address) == 503
        for reader, writer in idle:
            assert await closed(reader) == b""
            writer.close()
        assert await healthy(address) == 200


async def test_so_many_may_be_connected_and_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MOST_STRANGERS", 3)
    monkeypatch.setattr(websocket, "FIRST_SECS", 0.5)
    async with served(FILE, tmp_path) as (address, _, host):
        idle = [await connect(f"ws://{address}/twilio") for _ in range(3)]
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://{address}/twilio")
        for socket in idle:
            await asyncio.wait_for(socket.wait_closed(), 5)
        async with await TwilioCaller.call(f"http://{address}") as caller:
            await greeted(caller, time.monotonic())
            assert host.live == 1


PATHS = ("/", "/api/agent", "/metrics", "/readyz", "/twilio", "/page/..%2f..%2fagent.yaml", "/.env", "/page/%00")


@pytest.mark.long
async def test_no_secret_is_shown_to_anybody(tmp_path: Path) -> None:
    token, key = "zq7-auth-token-4711-4711-4711", "zq7-deepgram-key-4711"
    (tmp_path / "agent.yaml").write_text(
        FILE.replace(", hang_up: false", "").replace("asr: pocketsphinx", "asr: [pocketsphinx, deepgram]")
    )
    public = "https://voice.example.com"
    secret = {"TWILIO_AUTH_TOKEN": token, "DEEPGRAM_API_KEY": key}
    variables = {**os.environ, **secret, "TWILIO_ACCOUNT_SID": ACCOUNT, "VOICEKIT_PUBLIC_URL": public}
    command = [sys.executable, "-m", "voicekit", "run", "agent.yaml", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs yet
        command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path, env=variables
    ) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split()[2]
            twilio = TwilioNumber(f"{public}/twilio", url, token)
            seen = [str(await twilio.ask(twilio.form("CA1"), signature)) for signature in (None, "forged")]
            async with await twilio.call() as caller:
                await greeted(caller, time.monotonic())
                seen += [str(caller.given)]
            async with aiohttp.ClientSession() as session:
                for path in PATHS:
                    for headers in ({}, {"Host": "voice.example.com"}):
                        async with session.get(url + path, headers=headers) as response:
                            seen += [await response.text(), str(response.headers)]
        finally:
            process.send_signal(signal.SIGINT)
            out, err = await asyncio.to_thread(process.communicate, timeout=20)
    assert "the line is open" in out
    assert not [each for each in secret.values() if each in "".join((*seen, out, err))]
