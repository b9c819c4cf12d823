"""Simulated callers over each line, against a server in this process: what is said, heard, measured and recorded."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.served import served
from voicekit.calls.exchange import greeted
from voicekit.calls.speech import Speaker
from voicekit.calls.talk import Result, Turn, hold
from voicekit.calls.twilio_caller import ACCOUNT
from voicekit.calls.websocket_caller import Protocol, WebSocketCaller
from voicekit.emulators.server import serve
from voicekit.emulators.twilio_rest import TwilioRest
from voicekit.records.events import AgentSaid, CallEnded, CallerSaid, CallStarted
from voicekit.services.tts_embedded import available

pytestmark = pytest.mark.skipif(available("flite") != "", reason=available("flite"))

FILE = """
version: 1
name: desk
greeting: Hello.
turn: {{end: fixed, wait_ms: 400}}
transport: {}
asr: {{provider: pocketsphinx, grammar: rules}}
llm:
  provider: rules
  rules:
    - {{hear: what time is it, tool: clock, say: "It is {{{{result.time}}}}."}}
    - {{hear: who are you, say: I am the desk of a house that has many rooms and I will tell you of each of them.}}
    - {{hear: goodbye, say: Goodbye., tool: leave}}
tts: flite
tools:
  clock: {{builtin: current_time}}
  leave: {{builtin: end_call}}
"""
TALK = [
    Turn("What time is it?", r"^It is \d+:\d\d [AP]M\.$"),
    Turn("Who are you?", r"^I am the desk"),
    Turn("What time is it?", r"^It is \d+:\d\d [AP]M\.$", interrupts=True),
    Turn("Goodbye.", r"^Goodbye\.$", ends=True),
]
TWILIO = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TOKEN": "token"}


@pytest.fixture
async def speaker() -> AsyncIterator[Speaker]:
    made = Speaker()
    yield made
    await made.close()


@pytest.fixture
async def rest() -> AsyncIterator[tuple[TwilioRest, str]]:
    """Twilio's API, and a section `transport` that hangs up by it."""
    twilio = TwilioRest(ACCOUNT, "token")
    async with serve([twilio]) as address:
        yield twilio, f'{{type: twilio, endpoint: "http://{address}", auth_token: "${{TOKEN}}"}}'


@pytest.mark.parametrize("protocol", ["rtvi", "protobuf"])
async def test_an_app_is_greeted_and_hangs_up(protocol: Protocol, tmp_path: Path) -> None:
    text = FILE.format(f"{{type: websocket, protocol: {protocol}}}")
    async with served(text, tmp_path) as (address, events, host):
        async with await WebSocketCaller.call(f"http://{address}", protocol) as caller:
            await caller.message("bot-ready", 0, 5)
            await greeted(caller, time.monotonic())
            assert host.live == 1
        await until(lambda: any(isinstance(event, CallEnded) for event in events))
    assert [event for event in events if not isinstance(event, CallEnded)] == [
        CallStarted(),
        AgentSaid("Hello.", interrupted=False),
    ]
    assert events[-1].reason == "caller"  # type: ignore[union-attr]


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["rtvi", "protobuf"])
async def test_a_talk_is_held_with_an_app(protocol: Protocol, speaker: Speaker, tmp_path: Path) -> None:
    results: list[Result] = []
    text = FILE.format(f"{{type: websocket, protocol: {protocol}}}")
    async with served(text, tmp_path) as (address, events, _):
        async with await WebSocketCaller.call(f"http://{address}", protocol) as caller:
            await greeted(caller, time.monotonic())
            right = await hold(caller, speaker, TALK, results.append)
        assert right, results
        await until(lambda: any(isinstance(event, CallEnded) for event in events))
    assert [event.text for event in events if isinstance(event, CallerSaid)] == [
        "what time is it",
        "who are you",
        "what time is it",
        "goodbye",
    ]
    assert [event.reason for event in events if isinstance(event, CallEnded)] == ["agent"]
    silenced = results[2].silenced_secs
    assert silenced is not None
    assert silenced < 1.0


async def until(true: object) -> None:
    async with asyncio.timeout(5):
        while not true():  # type: ignore[operator] # noqa: ASYNC110
            await asyncio.sleep(0.01)
