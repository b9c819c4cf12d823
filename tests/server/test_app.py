"""The routes of one host, in this process: what is served, to whom, and in which words it is refused."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from voicekit.config.loader import load
from voicekit.problems import refuse
from voicekit.records.events import Event
from voicekit.runtime.host import Host
from voicekit.server.app import PAGE, make_app
from voicekit.services import asr_pocketsphinx, tts_embedded

pytestmark = [
    pytest.mark.skipif(asr_pocketsphinx.available() != "", reason=asr_pocketsphinx.available()),
    pytest.mark.skipif(tts_embedded.available("flite") != "", reason=tts_embedded.available("flite")),
]

ADDRESS = "http://127.0.0.1:7860"
FILE = """
version: 1
name: desk
description: Says hello.
greeting: Hello there.
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}
tts: auto
"""
NO_PAGE = {"problem": "there is no such page", "help": ""}
NOT_OURS = {"problem": "this address answers its own page only", "help": ""}


def host_of(text: str, folder: Path) -> Host:
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = load(path, {})
    assert loaded.agent, loaded.problems
    return Host(loaded.agent, folder)


@asynccontextmanager
async def client_of(host: Host) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a running app."""

    def ignore(_event: Event) -> None:
        pass

    app = make_app(host, lambda: ignore)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS) as client,
    ):
        yield client


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return host_of(FILE, tmp_path)


@pytest.fixture
async def client(host: Host) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(host) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/talk.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
        ("/api/agent", "application/json"),
        ("/page/nothing", "application/json"),
    ],
)
async def test_every_answer_is_guarded(client: httpx.AsyncClient, path: str, kind: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["content-type"] == kind
    assert headers["content-security-policy"] == (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-cache"


async def test_the_page_asks_for_nothing_that_is_not_served(client: httpx.AsyncClient) -> None:
    text = (await client.get("/")).text
    wanted = re.findall(r'(?:href|src)="([^"]*)"', text)
    for script in PAGE.glob("*.js"):
        code = script.read_text(encoding="utf-8")
        wanted += [f"/page/{name}" for name in re.findall(r'(?:from|URL\()\s*"(?:\./)?([\w.-]+)"', code)]
    assert {"/page/main.js", "/page/ear-worklet.js"} < set(wanted)
    for path in sorted(set(wanted)):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        if path.endswith(".js"):
            assert answer.headers["content-type"].startswith("text/javascript"), path


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/docs",
        "/openapi.json",
        "/page",
        "/page/",
        "/page/%2e",
        "/page/%2e%2e",
        "/page/%2e%2e%2fapp.py",
        "/page/%2e%2e%2f%2e%2e%2fproblems.py",
        "/page/%2e%2e%5capp.py",
        "/page/%2fetc%2fpasswd",
        "/page/main.js%00.css",
        "/page/" + "x" * 300,
    ],
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()) == (404, NO_PAGE)


async def test_a_method_nobody_takes_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/api/offer")
    assert (answer.status_code, answer.json()) == (405, {"problem": "this address does not take that", "help": ""})


async def test_who_answers(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/agent")).json() == {
        "name": "desk",
        "description": "Says hello.",
        "language": "en",
        "greeting": "Hello there.",
        "ice_servers": [],
        "emulated": False,
        "hears": "",
    }


async def test_a_file_that_says_less(tmp_path: Path) -> None:
    text = FILE.replace("description: Says hello.", 'transport: {ice_servers: ["stun:stun.example:3478"]}')
    async with client_of(host_of(text.replace("greeting: Hello there.", ""), tmp_path)) as client:
        assert (await client.get("/api/agent")).json() == {
            "name": "desk",
            "description": "",
            "language": "en",
            "greeting": "",
            "ice_servers": [{"urls": "stun:stun.example:3478"}],
            "emulated": False,
            "hears": "",
        }


async def test_health(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:7860"},
        {"host": "localhost:7860"},
        {"host": "LocalHost:7860"},
        {"host": "[::1]:7860"},
        {"host": "localhost"},
        {"host": "localhost:7860", "origin": "http://localhost:7860"},
    ],
)
async def test_this_machine_is_answered(client: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
    assert (await client.get("/api/agent", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "agent.example:7860"},
        {"host": "127.0.0.1.agent.example:7860"},
        {"host": "localhost:7860.agent.example"},
        {"host": "192.0.2.2:7860"},
        {"host": ""},
        {"origin": "https://agent.example"},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "http://127.0.0.1:7860.agent.example"},
        {"origin": "null"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/api/agent"), ("POST", "/api/offer")])
async def test_another_site_is_not(client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]) -> None:
    answer = await client.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()) == (403, NOT_OURS)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the request cannot be read: field required"),
        (b"{", "the request cannot be read: json decode error"),
        (b"[]", "the request cannot be read: input should be a valid dictionary or object to extract fields from"),
        (b'{"type": "offer"}', "the request cannot be read: sdp: field required"),
        (
            b'{"sdp": "", "type": "answer"}',
            "the request cannot be read: type: string should match pattern '^offer$'",
        ),
        (
            b'{"type": "offer", "sdp": "' + b"x" * 65537 + b'"}',
            "the request cannot be read: sdp: string should have at most 65536 characters",
        ),
    ],
)
async def test_an_offer_of_another_form_is_a_problem(client: httpx.AsyncClient, body: bytes, problem: str) -> None:
    answer = await client.post("/api/offer", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (422, {"problem": problem, "help": ""})


@pytest.mark.parametrize(
    "sdp",
    ["v=0\r\nm=audio \r\n", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:x\r\n"],
)
async def test_an_offer_that_is_no_sdp_is_a_problem(client: httpx.AsyncClient, host: Host, sdp: str) -> None:
    answer = await client.post("/api/offer", json={"type": "offer", "sdp": sdp})
    assert (answer.status_code, answer.json()) == (400, {"problem": "the offer cannot be read", "help": ""})
    assert host.live == 0


@pytest.mark.parametrize("sdp", ["", "hello", "v=0\r\n", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"])
async def test_an_offer_without_sound_takes_no_line(client: httpx.AsyncClient, host: Host, sdp: str) -> None:
    answer = await client.post("/api/offer", json={"type": "offer", "sdp": sdp})
    assert (answer.status_code, answer.json()) == (400, {"problem": "the offer has no sound in it", "help": ""})
    assert host.live == 0


async def test_candidates_of_no_call_are_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/api/offer", json={"pc_id": "nobody", "candidates": []})
    assert (answer.status_code, answer.json()) == (404, {"problem": "there is no such call", "help": ""})


async def test_a_call_that_brings_too_little_is_refused(tmp_path: Path) -> None:
    host = host_of(FILE.replace("Hello there.", "Hello {{var.name}}, this is {{agent.name}}."), tmp_path)
    async with client_of(host) as client:
        assert (await client.get("/api/agent")).json()["greeting"] == "Hello , this is desk."
        peer, body = await offer()
        answer = await client.post("/api/offer", json=body)
        assert (answer.status_code, answer.json()) == (
            422,
            {
                "problem": "the call brings no value for 'name', which the file names as {{var.name}}",
                "help": "give it with the call, or write {{var.name:-…}} in the file",
            },
        )
        assert host.live == 0
        await peer.close()


async def test_an_offer_is_answered_and_ends_with_the_server(client: httpx.AsyncClient, host: Host) -> None:
    peer, body = await offer()
    answer = (await client.post("/api/offer", json=body)).json()
    assert answer["type"] == "answer"
    assert "a=candidate:" in answer["sdp"]
    assert host.live == 1
    bad = {"candidate": "candidate:nonsense", "sdp_mid": "0", "sdp_mline_index": 0}
    patched = await client.patch("/api/offer", json={"pc_id": answer["pc_id"], "candidates": [bad]})
    assert (patched.status_code, patched.json()) == (400, {"problem": "a candidate cannot be read", "help": ""})
    last = bad | {"candidate": ""}
    patched = await client.patch("/api/offer", json={"pc_id": answer["pc_id"], "candidates": [last]})
    assert (patched.status_code, patched.json()) == (200, {"status": "success"})
    await peer.close()


async def test_one_call_too_many_is_told(client: httpx.AsyncClient, host: Host) -> None:
    for each in range(10):
        host.admission.reserve(str(each), "")
    answer = await client.post("/api/offer", json={"type": "offer", "sdp": "v=0"})
    assert (answer.status_code, answer.json()) == (
        503,
        {"problem": "all 10 lines are busy", "help": "try again in a moment"},
    )


async def test_a_service_that_cannot_be_built_is_told(
    client: httpx.AsyncClient, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*_: object) -> None:
        raise refuse("no-engine", "the voice is not here", "install it")

    monkeypatch.setattr(host, "call", call)
    peer, body = await offer()
    answer = await client.post("/api/offer", json=body)
    assert (answer.status_code, answer.json()) == (500, {"problem": "the voice is not here", "help": "install it"})
    await peer.close()


async def offer() -> tuple[RTCPeerConnection, dict[str, Any]]:
    """Return a peer that nobody answers, and its offer."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTrack(AudioStreamTrack())
    await peer.setLocalDescription(await peer.createOffer())
    return peer, {"sdp": peer.localDescription.sdp, "type": peer.localDescription.type}
