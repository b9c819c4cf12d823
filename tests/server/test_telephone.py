"""A telephone number that leads here: what Twilio asks is answered, and nobody else is."""

import asyncio
import io
import json
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.server.served import served
from voicekit.calls.caller import CallFailed
from voicekit.calls.twilio_caller import ACCOUNT, TwilioCaller
from voicekit.calls.twilio_number import CALLED, CALLER, Answer, TwilioNumber
from voicekit.problems import Refused
from voicekit.records.events import AgentSaid, CallStarted, Event, Trouble
from voicekit.server.tickets import TICKET_SECS, Ticket, Tickets
from voicekit.services.tts_embedded import available

needs_flite = pytest.mark.skipif(available("flite") != "", reason=available("flite"))

PUBLIC = "https://voice.example.com"
TOKEN = "zq7-auth-token-4711"  # noqa: S105 - of no account
VARIABLES = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "VOICEKIT_PUBLIC_URL": PUBLIC}
FILE = """
version: 1
name: desk
greeting: "Hello {{caller.number}}."
transport: twilio
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}
tts: flite
"""


def number(address: str, **more: str) -> TwilioNumber:
    return TwilioNumber(f"{PUBLIC}/twilio", f"http://{address}", TOKEN, **more)


def problem(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.text)["problem"]


def parameters(answer: Answer) -> dict[str, str]:
    found = ElementTree.fromstring(answer.text).findall("Connect/Stream/Parameter")  # noqa: S314 - our own
    return {str(each.get("name")): str(each.get("value")) for each in found}


async def refusal(address: str, given: Mapping[str, str], sid: str, origin: Origin | None = None) -> tuple[int, str]:
    """Open a stream as Twilio does, and return what it is closed with."""
    sound = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start: dict[str, Any] = {"accountSid": ACCOUNT, "streamSid": "MZ1", "callSid": sid, "mediaFormat": sound}
    start |= {"customParameters": dict(given)}
    async with connect(f"ws://{address}/twilio", origin=origin) as socket:
        await socket.send(json.dumps({"event": "start", "streamSid": "MZ1", "start": start}))
        async with asyncio.timeout(5):
            await socket.wait_closed()
        return socket.close_code or 0, socket.close_reason or ""


@needs_flite
async def test_who_telephones_is_answered_once_and_a_replay_is_not(tmp_path: Path) -> None:
    async with served(FILE, tmp_path, VARIABLES) as (address, events, host):
        twilio = number(address)
        async with await twilio.call(more={"CallerName": "ANN"}) as caller:
            await until(events, AgentSaid(f"Hello {CALLER}.", interrupted=False))
            assert host.live == 1
            assert caller.invalid == []
        # Who records what Twilio has posted and posts it again gets no stream, nor does the stream's ticket let him in.
        again = await twilio.ask(twilio.form(caller.sid, more={"CallerName": "ANN"}))
        assert problem(again) == (400, "the call has had its stream")
        assert await refusal(address, caller.given, caller.sid) == (
            1008,
            "the call is not let in: its 'token' has been used",
        )
    assert events[0] == CallStarted()
    assert caller.given.keys() == {"token", "from_number", "to_number", "caller_name"}
    assert (caller.given["from_number"], caller.given["to_number"], caller.given["caller_name"]) == (
        CALLER,
        CALLED,
        "ANN",
    )


async def test_twilio_s_own_validator_takes_what_the_number_signs() -> None:
    twilio = TwilioNumber(f"{PUBLIC}/twilio?desk=1", "http://127.0.0.1:1", TOKEN)
    form = twilio.form("CA1", more={"CallerName": "Ann & Bob", "FromCity": ""})
    validator = RequestValidator(TOKEN)
    assert validator.validate(twilio.webhook, form, twilio.signature(form))
    assert not validator.validate(twilio.webhook, form | {"From": "+1"}, twilio.signature(form))


async def test_nothing_is_answered_that_twilio_has_not_signed(tmp_path: Path) -> None:
    async with served(FILE, tmp_path, VARIABLES) as (address, events, host):
        twilio = number(address)
        form = twilio.form("CA1")
        forged = (403, "this is not signed by Twilio")
        assert problem(await twilio.ask(form, "")) == forged
        assert problem(await twilio.ask(form, "a" * 28)) == forged
        assert problem(await twilio.ask(form | {"From": "+15550109999"}, twilio.signature(form))) == forged
        assert problem(await TwilioNumber(twilio.webhook, twilio.address, "other").ask(form)) == forged
        # Of another account with, by chance, our token.
        assert problem(await twilio.ask(form | {"AccountSid": f"AC{'1' * 32}"})) == (
            400,
            "this is no call of the account",
        )
        assert problem(await twilio.ask(form | {"More": "x" * 70_000})) == (413, "this is more than 65536 bytes")
        url = f"http://{address}/twilio"
        async with aiohttp.ClientSession() as session, session.post(url, data=b"\xff") as response:
            assert (response.status, (await response.json())["problem"]) == (400, "this is no form")
        assert (host.live, events) == (0, [])


async def test_no_stream_is_let_in_without_its_ticket(tmp_path: Path) -> None:
    async with served(FILE, tmp_path, VARIABLES) as (address, events, host):
        twilio = number(address)
        given = parameters(await twilio.ask(twilio.form("CA1")))
        told = {
            "its 'token' is none of ours": [
                ({}, "CA1"),
                ({"token": "no.such.token"}, "CA1"),
                (given | {"token": Tickets("another").issue("CA1", {})}, "CA1"),
            ],
            "its 'token' is another call's": [(given, "CA2")],
            "its 'token' was given with other parameters": [(given | {"from_number": "+15550109999"}, "CA1")],
        }
        for why, streams in told.items():
            for parameter, sid in streams:
                assert await refusal(address, parameter, sid) == (1008, f"the call is not let in: {why}")
        with pytest.raises(InvalidStatus, match="403"):
            await refusal(address, given, "CA1", Origin(PUBLIC))
        assert host.live == 0
    assert {type(event) for event in events} == {Trouble}
    assert TOKEN not in str(events) + str(given)


def test_a_ticket_is_good_for_seconds() -> None:
    clock = [1000.0]
    tickets = Tickets(TOKEN, lambda: clock[0])
    late, ticket = tickets.issue("CA1", {}), tickets.issue("CA2", {"name": "Ann"})
    clock[0] += TICKET_SECS
    assert tickets.read(ticket) == Ticket("CA2", {"name": "Ann"})
    clock[0] += 1
    with pytest.raises(Refused, match="too old"):
        tickets.read(late)


async def test_from_outside_there_is_no_page_and_no_app(tmp_path: Path) -> None:
    outside = {"Host": "voice.example.com"}, {"X-Forwarded-For": "203.0.113.7"}, {"Forwarded": "for=203.0.113.7"}
    async with served(FILE, tmp_path, VARIABLES) as (address, _, _host), aiohttp.ClientSession() as session:
        for headers in outside:
            for path in ("/", "/page/page.js", "/api/agent", "/twilio/../api/agent", "/twiliox", "/readyz/"):
                async with session.get(f"http://{address}{path}", headers=headers) as response:
                    assert response.status == 403
            async with session.post(f"http://{address}/api/offer", json={}, headers=headers) as response:
                assert response.status == 403
            # Two hosts are no request at all.
            with pytest.raises(InvalidStatus, match="400" if "Host" in headers else "403"):
                await connect(f"ws://{address}/ws", additional_headers=headers)
            for path in ("/healthz", "/readyz"):
                async with session.get(f"http://{address}{path}", headers=headers) as response:
                    assert response.status == 200
        async with session.get(f"http://{address}/api/agent") as response:
            assert response.status == 200


@needs_flite
async def test_who_finds_all_lines_busy_hears_so(tmp_path: Path) -> None:
    limits = "limits: {concurrent_calls: 1, full_say: [All lines are busy., Please call later.]}\n"
    async with served(FILE + limits, tmp_path, VARIABLES) as (address, events, host):
        twilio = number(address)
        await host.warm_up()
        # The line is kept for who has been answered, though his stream is not open yet.
        first = await twilio.ask(twilio.form("CA1"))
        assert "token" in parameters(first)
        said = []
        for sid in ("CA2", "CA3", "CA4"):
            busy = await twilio.ask(twilio.form(sid))
            [play] = ElementTree.fromstring(busy.text)  # noqa: S314 - our own
            said.append((play.tag, play.text))
        assert said == [("Play", f"{PUBLIC}/twilio/full/{each}.wav") for each in (0, 1, 0)]
        with pytest.raises(CallFailed, match=r"nobody is connected: Play"):
            await twilio.call()
        assert "token" in parameters(await twilio.ask(twilio.form("CA1")))
        lengths = [await wav(address, each) for each in (0, 1)]
        assert lengths[0] > lengths[1] > 0.5
        async with aiohttp.ClientSession() as session:
            for other in ("2", "-1", "x"):
                async with session.get(f"http://{address}/twilio/full/{other}.wav") as response:
                    assert response.status in (404, 422)
    assert events == [Trouble("call", "all 1 lines are busy")] * 4


async def wav(address: str, variant: int) -> float:
    """Return how many seconds of sound somebody outside gets."""
    url = f"http://{address}/twilio/full/{variant}.wav"
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Host": "voice.example.com"}) as response:
        assert (response.status, response.content_type) == (200, "audio/wav")
        with wave.open(io.BytesIO(await response.read())) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
            assert any(file.readframes(file.getnframes()))
            return float(file.getnframes()) / 8000


async def test_where_nobody_can_say_so_there_is_the_tone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object) -> None:
        return None

    file = FILE + "limits: {calls_per_caller_hour: 1}\n"
    async with served(file, tmp_path, VARIABLES) as (address, events, host):
        monkeypatch.setattr(host, "sound", nobody)
        twilio = number(address)
        assert "token" in parameters(await twilio.ask(twilio.form("CA1")))
        busy = await twilio.ask(twilio.form("CA2"))
        [reject] = ElementTree.fromstring(busy.text)  # noqa: S314 - our own
        assert (reject.tag, reject.attrib) == ("Reject", {"reason": "busy"})
        assert "token" in parameters(await twilio.ask(twilio.form("CA3", "+15550100009")))
        assert "token" in parameters(await twilio.ask(twilio.form("CA4", "+266696687")))
        assert "<Reject" in (await twilio.ask(twilio.form("CA5", "anonymous"))).text
    assert [event.text for event in events if isinstance(event, Trouble)] == [
        "this number has called 1 times within an hour",
        "callers who withhold their number have called 1 times within an hour",
    ]


async def test_a_file_without_a_public_address_answers_no_webhook(tmp_path: Path) -> None:
    variables = {key: value for key, value in VARIABLES.items() if key != "VOICEKIT_PUBLIC_URL"}
    async with served(FILE, tmp_path, variables) as (address, _, _host):
        twilio = number(address)
        assert (await twilio.ask(twilio.form("CA1"))).status == 403
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://{address}/twilio", additional_headers={"X-Forwarded-For": "203.0.113.7"})
        async with await TwilioCaller.call(f"http://{address}") as caller:
            assert caller.refusal == ""


async def until(events: list[Event], event: Event) -> None:
    async with asyncio.timeout(10):
        while event not in events:  # noqa: ASYNC110 - told by a plain list
            await asyncio.sleep(0.02)
