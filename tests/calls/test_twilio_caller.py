"""The telephone network's side of a stream: what is played, what comes back, and what it does not take."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from voicekit.calls import mulaw
from voicekit.calls.caller import CallFailed
from voicekit.calls.twilio_caller import ACCOUNT, TwilioCaller

Json: TypeAlias = dict[str, Any]
Answer: TypeAlias = Callable[[ServerConnection, Json], Awaitable[None]]


@asynccontextmanager
async def agent(answer: Answer, received: list[Json]) -> AsyncIterator[str]:
    """Answer streams; `answer` is called with the start of each, and all that comes is kept."""

    async def hold(socket: ServerConnection) -> None:
        async for message in socket:
            event = json.loads(message)
            received.append(event)
            if event["event"] == "start":
                await answer(socket, event)

    async with serve(hold, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def send(socket: ServerConnection, start: Json, event: str, **data: object) -> None:
    await socket.send(json.dumps({"event": event, "streamSid": start["streamSid"], **data}))


def tone(secs: float) -> Json:
    sound = mulaw.encoded(np.full(int(secs * mulaw.HZ), 5000, dtype=np.int16))
    return {"payload": base64.b64encode(sound).decode()}


def of(received: list[Json], kind: str) -> list[Json]:
    return [event for event in received if event["event"] == kind]


async def test_a_stream_is_what_twilio_sends() -> None:
    received: list[Json] = []

    async def listen(_socket: ServerConnection, _start: Json) -> None:
        pass

    async with agent(listen, received) as url, await TwilioCaller.call(url, {"from": "+1"}) as caller:
        await caller.microphone.speak(np.full(9600, 5000, dtype=np.int16))
        await caller.press("1#")
        with pytest.raises(ValueError, match="a telephone has no such keys: 1x"):
            await caller.press("1x")
    assert received[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    start = received[1]["start"]
    assert (start["accountSid"], start["callSid"], start["customParameters"]) == (ACCOUNT, caller.sid, {"from": "+1"})
    assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert [event["sequenceNumber"] for event in received[1:]] == [str(n) for n in range(1, len(received))]
    media = [event["media"] for event in of(received, "media")]
    assert [sound["chunk"] for sound in media] == [str(number) for number in range(1, len(media) + 1)]
    assert [sound["timestamp"] for sound in media[:3]] == ["0", "20", "40"]
    assert {len(base64.b64decode(sound["payload"])) for sound in media} == {160}
    assert [event["dtmf"]["digit"] for event in of(received, "dtmf")] == ["1", "#"]
    assert received[-1]["stop"] == {"accountSid": ACCOUNT, "callSid": caller.sid}


async def test_a_mark_comes_back_when_it_has_been_played_or_cleared() -> None:
    received: list[Json] = []

    async def speak(socket: ServerConnection, start: Json) -> None:
        await send(socket, start, "media", media=tone(0.2))
        await send(socket, start, "mark", mark={"name": "played"})
        await send(socket, start, "media", media=tone(5))
        await send(socket, start, "mark", mark={"name": "cleared"})

        async def clear() -> None:
            await asyncio.sleep(0.4)
            await send(socket, start, "clear")

        tasks.append(asyncio.create_task(clear()))

    tasks: list[asyncio.Task[None]] = []
    async with agent(speak, received) as url, await TwilioCaller.call(url) as caller:
        cut = await caller.cut(0.0, 5)
        await caller.ear.silence(5)
    assert [event["mark"]["name"] for event in of(received, "mark")] == ["played", "cleared"]
    (stretch,) = caller.ear.stretches
    # All of it had arrived at once; what was heard is what had been played by then.
    assert 0.3 < stretch.end - stretch.start < 0.8
    assert stretch.end <= cut + 0.05
    assert caller.invalid == []


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("hello", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ('{"event": "clear"}', "KeyError: 'streamSid'"),
        ('{"event": "clear", "streamSid": "MZ"}', "ValueError: another stream's SID"),
        ('{"event": "wave", "streamSid": "SID"}', "ValueError: no event 'wave'"),
        ('{"event": "media", "streamSid": "SID", "media": {}}', "KeyError: 'payload'"),
    ],
)
async def test_what_twilio_does_not_take_ends_the_stream(message: str, told: str) -> None:
    async def speak(socket: ServerConnection, start: Json) -> None:
        await socket.send(message.replace('"SID"', f'"{start["streamSid"]}"'))

    async with agent(speak, []) as url, await TwilioCaller.call(url) as caller:
        await caller.until_ended(5)
    assert caller.invalid == [told]


async def test_nobody_at_an_address_is_said(unused_tcp_port: int) -> None:
    with pytest.raises(CallFailed, match=f"^no answer at ws://127.0.0.1:{unused_tcp_port}/twilio: "):
        await TwilioCaller.call(f"http://127.0.0.1:{unused_tcp_port}")
