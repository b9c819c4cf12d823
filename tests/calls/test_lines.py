"""Simulated callers over each line, against a server in this process: what is said, heard, measured and recorded."""

import asyncio
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from tests.server.served import served
from voicekit.calls.exchange import ask, greeted, interrupt, stay_silent
from voicekit.calls.speech import Speaker
from voicekit.calls.talk import Result, Turn, hold
from voicekit.calls.twilio_caller import ACCOUNT, TwilioCaller
from voicekit.calls.websocket_caller import Protocol, WebSocketCaller
from voicekit.emulators.server import serve
from voicekit.emulators.twilio_rest import TwilioRest, Update
from voicekit.records.events import AgentFilled, AgentSaid, CallEnded, CallerSaid, CallStarted, Event, Listener, Trouble
from voicekit.runtime.call import Call
from voicekit.runtime.host import Host
from voicekit.runtime.line import Line
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
E = TypeVar("E")
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
        assert await until_ended(events) == "caller"
    assert events[:2] == [CallStarted(), AgentSaid("Hello.", interrupted=False)]


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
        assert await until_ended(events) == "agent"
    assert [event.text for event in events if isinstance(event, CallerSaid)] == [
        "what time is it",
        "who are you",
        "what time is it",
        "goodbye",
    ]
    silenced = results[2].silenced_secs
    assert silenced is not None
    assert silenced < 1.0


async def test_a_telephone_call_brings_its_numbers_and_is_ended_by_the_caller(
    rest: tuple[TwilioRest, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twilio, transport = rest
    lines: list[Line] = []
    call = Host.call

    def seen(host: Host, line: Line, listener: Listener) -> Call:
        lines.append(line)
        return call(host, line, listener)

    monkeypatch.setattr(Host, "call", seen)
    given = {"from_number": "+15550100001", "to": "+15550100002", "name": "Ann"}
    async with served(FILE.format(transport), tmp_path, TWILIO) as (address, events, _):
        async with await TwilioCaller.call(f"http://{address}", given, rest=twilio) as caller:
            await greeted(caller, time.monotonic())
        assert await until_ended(events) == "caller"
    assert caller.invalid == []
    (line,) = lines
    assert (line.id, line.caller, line.called) == (caller.sid, "+15550100001", "+15550100002")
    assert (dict(line.given), line.in_hz, line.out_hz) == (given, 8000, 8000)
    # Who has been hung up on has nothing to end.
    assert twilio.received == []
    assert events[:2] == [CallStarted(), AgentSaid("Hello.", interrupted=False)]


@pytest.mark.long
async def test_a_telephone_call_is_held_interrupted_and_ended_by_the_agent(
    rest: tuple[TwilioRest, str], speaker: Speaker, tmp_path: Path
) -> None:
    twilio, transport = rest
    record = tmp_path / "call.wav"
    speech = {text: await speaker.speech(text) for text in ("What time is it?", "Who are you?", "Goodbye.")}
    async with served(FILE.format(transport), tmp_path, TWILIO) as (address, events, _):
        async with await TwilioCaller.call(f"http://{address}", rest=twilio, record=record) as caller:
            await greeted(caller, time.monotonic())
            first = await ask(caller, speech["What time is it?"])
            await caller.ear.silence(10)
            await ask(caller, speech["Who are you?"])
            cut = await interrupt(caller, speech["What time is it?"])
            await caller.ear.silence(10)
            with pytest.raises(TimeoutError):
                await stay_silent(caller, 0.5)
            await ask(caller, speech["Goodbye."])
            await caller.until_ended(10)
        assert await until_ended(events) == "agent"
    assert caller.invalid == []
    assert twilio.received == [Update(caller.sid, {"Status": "completed"}, 200)]
    assert [event.text for event in events if isinstance(event, CallerSaid)] == [
        "what time is it",
        "who are you",
        "what time is it",
        "goodbye",
    ]
    assert [event.interrupted for event in events if isinstance(event, AgentSaid)] == [False, False, True, False, False]
    assert [event for event in events if isinstance(event, Trouble)] == []
    assert 0 < first.answer_secs < 5
    assert cut.silenced_secs is not None
    assert cut.silenced_secs < 1.5
    assert caller.ear.gaps(cut.began) == ()
    caller_side, agent_side = loud(record)
    # They take turns, except where one interrupts the other.
    assert caller_side.any()
    assert agent_side.any()
    assert 0 < (caller_side & agent_side).sum() < 15


@pytest.mark.long
@pytest.mark.parametrize("interruptible", [True, False])
async def test_a_warning_is_cut_short_or_not(interruptible: bool, speaker: Speaker, tmp_path: Path) -> None:
    warning = "This call will come to an end in very few seconds from now, and I am as sorry for that as you are."
    limits = f"limits: {{call_secs: 12, warn_secs: 10, warn_say: {{say: '{warning}', interruptible: {interruptible}}}}}"
    text = FILE.format("{type: websocket, protocol: rtvi}") + limits.replace("True", "true").replace("False", "false")
    speech = await speaker.speech("Who are you?")
    async with served(text, tmp_path) as (address, events, _):
        async with await WebSocketCaller.call(f"http://{address}", "rtvi") as caller:
            await greeted(caller, time.monotonic())
            begun = await caller.ear.sound(time.monotonic(), 5)
            await asyncio.sleep(0.8)
            await caller.microphone.speak(speech)
            if interruptible:
                await until_told(events, CallerSaid)
            await caller.ear.silence(15)
            heard = caller.ear.last_before(time.monotonic())
            assert heard is not None
        await until_ended(events)
    assert AgentFilled(warning) in events
    asked = [event for event in events if isinstance(event, CallerSaid)]
    if interruptible:
        assert asked == [CallerSaid("who are you")]
    else:
        assert asked == []
        assert heard - begun > 4


def loud(path: Path) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], ...]:
    """Return for each side of a recording in which tenths of a second it speaks."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        both = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16).reshape(-1, 2)
    tenths = both[: len(both) // 800 * 800].reshape(-1, 800, 2)
    return tuple(np.abs(tenths[:, :, side].astype(np.int32)).max(axis=1) > 300 for side in (0, 1))


async def until_ended(events: list[Event]) -> str:
    """Wait until the agent's side has told that the call is over; return who ended it."""
    return (await until_told(events, CallEnded)).reason


async def until_told(events: list[Event], kind: type[E]) -> E:
    """Wait until the agent's side has told of something; return that."""
    async with asyncio.timeout(8):
        while not (told := [event for event in events if isinstance(event, kind)]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return told[0]
