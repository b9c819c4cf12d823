"""Pages and apps from outside this machine: who shows a token or a ticket, or comes from a page that is named."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.server.served import served
from voicekit.calls.caller import READY
from voicekit.records.events import AgentSaid, Event
from voicekit.services.tts_embedded import available

pytestmark = pytest.mark.skipif(available("flite") != "", reason=available("flite"))

TOKEN = "zq7-token-4711-4711"  # noqa: S105 - of nobody
APP, OTHER = "https://app.example.com", "https://other.example.com"
FILE = """
version: 1
name: desk
greeting: "Hello {{var.name:-you}}."
transport: %s
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}
tts: flite
server: {%s}
"""
OUTSIDE = {"Host": "voice.example.com", "X-Forwarded-For": "203.0.113.7"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Desk:
    """A file that is served, seen from outside."""

    def __init__(self, address: str, events: list[Event], session: aiohttp.ClientSession) -> None:
        self.address, self.events, self._session = address, events, session

    async def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        async with self._session.post(f"http://{self.address}{path}", json=body, headers=OUTSIDE | headers) as response:
            return response.status, await response.json()

    async def ticket(self, values: Mapping[str, object], **headers: str) -> str:
        status, answer = await self.post("/start", {"body": values}, **headers)
        assert status == 200, answer
        return str(answer["token"])

    def socket(self, query: str = "", origin: str | None = None, **headers: str) -> connect:
        forwarded = {"X-Forwarded-For": "203.0.113.7", **headers}
        return connect(
            f"ws://{self.address}/ws{query}",
            origin=Origin(origin) if origin else None,
            additional_headers=forwarded,
            # Nobody reads what is said on it.
            close_timeout=0.3,
        )

    async def greeted(self, socket: ClientConnection, name: str) -> None:
        await socket.send(json.dumps(READY))
        async with asyncio.timeout(10):
            while AgentSaid(f"Hello {name}.", interrupted=False) not in self.events:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.02)


@asynccontextmanager
async def desk(folder: Path, server: str, transport: str = "websocket", **more: str) -> AsyncIterator[Desk]:
    variables = {"VOICEKIT_TOKEN": TOKEN} if "token" in server else {}
    text = FILE % (transport, server.replace("token", 'token: "${VOICEKIT_TOKEN}"'))
    async with served(text, folder, variables | more) as (address, events, _), aiohttp.ClientSession() as session:
        yield Desk(address, events, session)


async def test_an_app_with_the_token_is_answered_and_no_other(tmp_path: Path) -> None:
    async with desk(tmp_path, "token") as one:
        async with one.socket(**BEARER) as socket:
            await one.greeted(socket, "you")
        for headers in (
            {},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": TOKEN},
            {"Authorization": "Bearer"},
        ):
            with pytest.raises(InvalidStatus, match="403"):
                await one.socket(**headers)
            assert await one.post("/start", {}, **headers) == (
                401,
                {"problem": "this needs the token", "help": "Authorization: Bearer …"},
            )


async def test_a_ticket_is_good_for_one_call_and_brings_its_values(tmp_path: Path) -> None:
    async with desk(tmp_path, "token") as one:
        ticket = await one.ticket({"name": "Ann", "age": 7}, **BEARER)
        assert TOKEN not in ticket
        async with one.socket(f"?token={ticket}") as socket:
            await one.greeted(socket, "Ann")
        for query in (f"?token={ticket}", f"?token={ticket}x", "?token="):
            with pytest.raises(InvalidStatus, match="403"):
                await one.socket(query)
        # A ticket is not the token: no other is had for it.
        other = await one.ticket({}, **BEARER)
        assert (await one.post("/start", {}, Authorization=f"Bearer {other}"))[0] == 401


async def test_only_pages_of_the_named_origins_are_answered(tmp_path: Path) -> None:
    async with desk(tmp_path, f'origins: ["{APP}"]') as one:
        async with one.socket(origin=APP) as socket:
            await one.greeted(socket, "you")
        for origin in (OTHER, None, "null", f"{APP}.evil.example"):
            with pytest.raises(InvalidStatus, match="403"):
                await one.socket(origin=origin)
        assert (await one.post("/start", {}, Origin=OTHER))[0] == 403
        assert (await one.post("/start", {}, Origin=APP))[0] == 200


async def test_with_both_a_page_of_another_origin_needs_more_than_the_token(tmp_path: Path) -> None:
    async with desk(tmp_path, f"token, origins: {APP}") as one:
        for origin in (APP, None):
            async with one.socket(origin=origin, **BEARER):
                pass
        for origin, headers in ((OTHER, BEARER), (APP, {})):
            with pytest.raises(InvalidStatus, match="403"):
                await one.socket(origin=origin, **headers)


async def test_without_either_nobody_comes_in(tmp_path: Path) -> None:
    async with desk(tmp_path, "port: 1") as one:
        for path in ("/start", "/api/offer"):
            assert (await one.post(path, {}, **BEARER))[0] == 403
        with pytest.raises(InvalidStatus, match="403"):
            await one.socket(**BEARER)


async def test_where_to_call_is_told_with_the_ticket(tmp_path: Path) -> None:
    public = {"VOICEKIT_PUBLIC_URL": "https://voice.example.com/desk/"}
    for transport, way in (
        ("websocket", {"wsUrl": "wss://voice.example.com/desk/ws"}),
        ("webrtc", {"webrtcUrl": "https://voice.example.com/desk/api/offer"}),
    ):
        async with desk(tmp_path, "token", transport, **public) as one:
            status, answer = await one.post("/start", None, **BEARER)
            assert (status, {**answer, "token": ""}) == (200, {**way, "token": ""})
            for body in (
                {"body": {"name": {"a": 1}}},
                {"body": {"n": "x" * 300}},
                {"body": {str(n): 1 for n in range(33)}},
            ):
                assert (await one.post("/start", body, **BEARER))[0] == 422


async def test_a_browser_s_offer_needs_the_same_and_what_follows_it_does_not(tmp_path: Path) -> None:
    async with desk(tmp_path, "token", "webrtc") as one:
        peer = RTCPeerConnection()
        peer.addTransceiver("audio")
        await peer.setLocalDescription(await peer.createOffer())
        body = {"sdp": peer.localDescription.sdp, "type": "offer"}
        assert (await one.post("/api/offer", body))[0] == 401
        ticket = await one.ticket({"name": "Ann"}, **BEARER)
        status, answer = await one.post(f"/api/offer?token={ticket}", body)
        assert status == 200
        await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        again = body | {"pc_id": answer["pc_id"], "sdp": peer.localDescription.sdp}
        assert (await one.post("/api/offer", again))[0] == 200
        assert (await one.post(f"/api/offer?token={ticket}", body))[0] == 401
        await peer.close()
