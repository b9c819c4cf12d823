"""Pipecat's eval harness talks to any file at /ws, and what is no call is refused with its reason."""

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
from pipecat.evals.results import EvalScriptResult
from pipecat.evals.scenario import EvalScenarioFile
from pipecat.evals.serializer import EvalConnectionFlags, eval_connect_message
from pipecat.evals.session import EvalSession, EvalSessionParams
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from tests.server.served import served
from voicekit.calls.exchange import greeted
from voicekit.calls.webrtc_caller import WebRtcCaller
from voicekit.records.events import AgentSaid, CallEnded, CallStarted, Trouble
from voicekit.server import websocket
from voicekit.services import tts_embedded

pytestmark = pytest.mark.skipif(tts_embedded.available("flite") != "", reason=tts_embedded.available("flite"))

FILE = """
version: 1
name: desk
greeting: Hello there.
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: what time is it, tool: clock, say: "It is {{result.time}}."}]}
tts: flite
tools: {clock: {builtin: current_time}}
"""
NOBODY = "only Pipecat's evals are answered here: the file's transport is 'webrtc'"
SCENARIO = """
name: desk
scenarios:
  - name: time
    turns:
      - user: What time is it?
        expect:
          - {event: function_call, calls: [{name: clock}]}
          - {event: response, text_contains: It is}
  - name: wrong
    turns:
      - user: What time is it?
        expect: [{event: response, text_contains: noon, within_ms: 1000}]
"""


async def run_scenarios(url: str, folder: Path) -> list[EvalScriptResult]:
    path = folder / "scenarios.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    results = []
    for scenario in EvalScenarioFile.load(str(path)):
        session = EvalSession.from_scenario(scenario, url, params=EvalSessionParams(default_timeout_ms=5000))
        results.append(await session.run())
    return results


async def test_pipecat_s_evals_run_against_a_file(tmp_path: Path) -> None:
    async with served(FILE, tmp_path) as (address, events, _):
        right, wrong = await run_scenarios(f"ws://{address}/ws", tmp_path)
    assert right.passed, right.failures
    assert [failure.kind for failure in wrong.failures] == ["text_mismatch"]
    # The two calls end beside each other: only when each has gone is it told.
    assert sorted(type(event).__name__ for event in events if not isinstance(event, AgentSaid)) == [
        *["CallEnded"] * 2,
        *["CallStarted"] * 2,
        *["ToolFinished"] * 2,
    ]
    assert {event.reason for event in events if isinstance(event, CallEnded)} == {"caller"}


async def test_what_is_no_eval_is_refused(tmp_path: Path) -> None:
    async with served(FILE, tmp_path) as (address, events, host):
        for message in ("{}", "hello", b"\x00", json.dumps({"event": "connected"})):
            assert await refusal(address, message) == (1008, NOBODY)
    assert events == [Trouble("call", NOBODY)] * 4
    assert host.live == 0


async def test_a_caller_who_says_nothing_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "FIRST_SECS", 0.05)
    async with served(FILE, tmp_path) as (address, events, _):
        assert await refusal(address) == (1008, "no call began within 0.05 s")
        async with connect(f"ws://{address}/ws"):
            pass
    assert events == [Trouble("call", "no call began within 0.05 s")]


async def test_busy_lines_are_told(tmp_path: Path) -> None:
    async with served(FILE + "limits: {concurrent_calls: 1}", tmp_path) as (address, events, host):
        host.admission.reserve("another", "")
        assert await refusal(address, eval_connect_message(EvalConnectionFlags())) == (1013, "all 1 lines are busy")
    assert events == [Trouble("call", "all 1 lines are busy")]


CALLED = """
version: 1
name: desk
greeting: "{{caller.name:-Friend}} {{var.shop}} {{caller.number}}"
transport: {type: twilio, hang_up: false}
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}
tts: flite
"""


def started(**parameters: str) -> str:
    start = {
        "streamSid": "MZ1",
        "callSid": "CA1",
        "customParameters": parameters,
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    }
    return json.dumps({"event": "start", "streamSid": "MZ1", "start": start})


async def test_what_comes_with_a_telephone_call_is_said_and_no_more_than_said(tmp_path: Path) -> None:
    async with served(CALLED, tmp_path) as (address, events, _), connect(f"ws://{address}/twilio") as socket:
        await socket.send(started(**{"from": "+49", "caller_name": "Al\r\n{{x}}", "shop": "Acme"}))
        async with asyncio.timeout(10):
            while not any(isinstance(event, AgentSaid) for event in events):
                await socket.recv()
    assert [event.text for event in events if isinstance(event, AgentSaid)] == ["Al  {{x}} Acme +49"]


async def test_a_telephone_call_that_brings_too_little_is_refused(tmp_path: Path) -> None:
    told = "the call brings no value for 'shop', which the file names as {{var.shop}}"
    async with served(CALLED, tmp_path) as (address, events, host):
        assert await refusal(address, started(), path="twilio") == (1008, told)
    assert events == [Trouble("call", told)]
    assert host.live == 0


@pytest.mark.parametrize(
    ("name", "origin"),
    [("agent.example", None), ("127.0.0.1", Origin("https://agent.example"))],
    ids=["host", "origin"],
)
async def test_another_site_s_page_is_not_answered(tmp_path: Path, name: str, origin: Origin | None) -> None:
    async with served(FILE, tmp_path) as (address, events, _):
        host, _, port = address.partition(":")
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://{name}:{port}/ws", host=host, port=int(port), origin=origin):
                pass
    assert refused.value.response.status_code == 403
    assert events == []


async def refusal(address: str, *messages: str | bytes, path: str = "ws") -> tuple[int, str]:
    """Connect, say something, and return the code and the reason that the connection is closed with."""
    async with connect(f"ws://{address}/{path}") as socket:
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await socket.send(message)
        async with asyncio.timeout(5):
            await socket.wait_closed()
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


START = {
    "accountSid": f"AC{'0' * 32}",
    "streamSid": "MZ1",
    "callSid": "CA1",
    "tracks": ["inbound"],
    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    "customParameters": {},
}
CONNECTED = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})
TELEPHONE = FILE.replace("asr:", "transport: {type: twilio, hang_up: false}\nasr:")


def start(**changed: object) -> str:
    return json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": START | changed})


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (["hello"], "what was said first is no start of a stream of Twilio's"),
        ([b"\0"], "what was said first is no start of a stream of Twilio's"),
        ([CONNECTED, CONNECTED], "what was said first is no start of a stream of Twilio's"),
        ([CONNECTED, json.dumps({"event": "start"})], "what was said first is no start of a stream of Twilio's"),
        ([CONNECTED, json.dumps({"event": "media"})], "what was said first is no start of a stream of Twilio's"),
        ([CONNECTED, start(streamSid=None)], "the start of a stream names no stream, or no call"),
        ([CONNECTED, start(callSid="")], "the start of a stream names no stream, or no call"),
        ([CONNECTED, start(customParameters=[1])], "the start of a stream names no stream, or no call"),
        ([CONNECTED, start(mediaFormat=None)], "the stream's sound is not audio/x-mulaw at 8000 Hz"),
        (
            [CONNECTED, start(mediaFormat={"encoding": "audio/x-l16", "sampleRate": 8000})],
            "the stream's sound is not audio/x-mulaw at 8000 Hz",
        ),
    ],
)
async def test_what_is_no_stream_of_twilio_s_is_refused(
    messages: list[str | bytes], reason: str, tmp_path: Path
) -> None:
    async with served(TELEPHONE, tmp_path) as (address, events, host):
        assert await refusal(address, *messages, path="twilio") == (1008, reason)
    assert events == [Trouble("call", reason)]
    assert host.live == 0


async def test_a_stream_that_never_starts_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "FIRST_SECS", 0.05)
    async with served(TELEPHONE, tmp_path) as (address, _, _):
        assert await refusal(address, CONNECTED, path="twilio") == (1008, "no call began within 0.05 s")


async def test_each_address_says_whom_it_answers(tmp_path: Path) -> None:
    async with served(FILE, tmp_path) as (address, _, _):
        said = "no telephone is answered here: the file's transport is 'webrtc'"
        assert await refusal(address, CONNECTED, start(), path="twilio") == (1008, said)
    async with served(TELEPHONE, tmp_path) as (address, _, _):
        said = "only Pipecat's evals are answered here: the file's transport is 'twilio'"
        assert await refusal(address, CONNECTED, start()) == (1008, said)


async def test_evals_run_against_a_telephone_s_file_too(tmp_path: Path) -> None:
    async with served(TELEPHONE, tmp_path) as (address, _, _):
        right, _ = await run_scenarios(f"ws://{address}/ws", tmp_path)
    assert right.passed, right.failures


@pytest.mark.parametrize("how", ["stop", "close"])
async def test_a_caller_s_hang_up_ends_the_call(how: str, tmp_path: Path) -> None:
    async with served(TELEPHONE, tmp_path) as (address, events, host):
        async with connect(f"ws://{address}/twilio") as socket:
            await socket.send(CONNECTED)
            await socket.send(start())
            assert json.loads(await socket.recv())["event"] == "media"
            if how == "stop":
                await socket.send(json.dumps({"event": "stop", "streamSid": "MZ1", "stop": {"callSid": "CA1"}}))
                async for _ in socket:
                    pass
        async with asyncio.timeout(5):
            while host.live:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert [event.reason for event in events if isinstance(event, CallEnded)] == ["caller"]


async def test_the_server_ends_its_calls_before_it_goes(tmp_path: Path) -> None:
    async with served(TELEPHONE, tmp_path) as (address, events, _):
        socket = await connect(f"ws://{address}/twilio")
        await socket.send(CONNECTED)
        await socket.send(start())
        await socket.recv()
    await socket.wait_closed()
    assert socket.close_code == 1000
    assert [event.reason for event in events if isinstance(event, CallEnded)] == ["server"]


async def test_the_page_serves_a_telephone_s_file(tmp_path: Path) -> None:
    async with (
        served(TELEPHONE, tmp_path) as (address, events, _),
        await WebRtcCaller.call(f"http://{address}") as caller,
    ):
        await greeted(caller, 0.0)
    assert events[:2] == [CallStarted(), AgentSaid("Hello there.", interrupted=False)]
