"""The emulated REST API of Twilio, judged by Twilio's SDK and by the serializer that hangs up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pipecat.frames.frames import CancelFrame, EndFrame
from pipecat.serializers.twilio import TwilioFrameSerializer
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from voicekit.emulators.faults import Break, Refuse, Slow
from voicekit.emulators.server import serve
from voicekit.emulators.twilio_rest import TwilioRest, Update
from voicekit.services import serializer_twilio
from voicekit.services.serializer_twilio import TwilioSerializer

ACCOUNT = f"AC{'0' * 32}"
CALL = f"CA{'1' * 32}"
LOGIN = {"account_sid": ACCOUNT, "auth_token": "token"}
KEY = {"auth_token": "", "api_key_sid": "SK1", "api_key_secret": "hidden"}
ENDED = {"Status": "completed"}


class Here(TwilioHttpClient):  # type: ignore[misc] # the SDK has no types
    """The SDK has no word for another address."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._root = f"http://{address}"

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._root), *args, **kwargs)


@asynccontextmanager
async def emulated() -> AsyncIterator[tuple[TwilioRest, str]]:
    twilio = TwilioRest(ACCOUNT, "token", keys={"SK1": "hidden"})
    twilio.connect(CALL)
    async with serve([twilio]) as address:
        yield twilio, address


async def complete(client: Client, call: str = CALL, status: str = "completed") -> str:
    return str((await asyncio.to_thread(client.calls(call).update, status=status)).status)


@pytest.mark.parametrize("login", [(ACCOUNT, "token"), ("SK1", "hidden")], ids=["token", "key"])
async def test_the_sdk_ends_a_call(login: tuple[str, str]) -> None:
    async with emulated() as (twilio, address):
        client = Client(*login, account_sid=ACCOUNT, http_client=Here(address))
        assert await complete(client) == "completed"
        await asyncio.wait_for(twilio.until_completed(CALL), 1)
    assert twilio.received == [Update(CALL, ENDED, 200)]


@pytest.mark.parametrize(
    ("login", "call", "status", "told"),
    [
        ((ACCOUNT, "wrong"), CALL, "completed", (401, 20003, "Authenticate")),
        (("SK2", "hidden"), CALL, "completed", (401, 20003, "Authenticate")),
        ((ACCOUNT, "token"), "CA2", "completed", (404, 20404, "The requested resource {} was not found")),
        (
            (ACCOUNT, "token"),
            CALL,
            "ringing",
            (400, 20001, "Parameter 'Status' is invalid: only 'canceled' and 'completed' are taken"),
        ),
    ],
)
async def test_what_twilio_refuses_is_refused(
    login: tuple[str, str], call: str, status: str, told: tuple[int, int, str]
) -> None:
    async with emulated() as (twilio, address):
        client = Client(*login, account_sid=ACCOUNT, http_client=Here(address))
        with pytest.raises(TwilioRestException) as refused:
            await complete(client, call, status)
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{call}.json"
    error = refused.value
    assert (error.status, error.code, error.msg) == (
        told[0],
        told[1],
        f"Unable to update record: {told[2]}".format(path),
    )
    assert twilio.calls == {CALL: "in-progress"}


# Pipecat logs in with what aiohttp is going to drop.
@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning")
async def test_pipecat_s_serializer_ends_a_call() -> None:
    async with emulated() as (twilio, address):
        serializer = TwilioFrameSerializer("MZ1", CALL, ACCOUNT, LOGIN["auth_token"], base_url=f"http://{address}")
        assert await serializer.serialize(EndFrame()) is None
        assert await serializer.serialize(CancelFrame()) is None
    assert twilio.received == [Update(CALL, ENDED, 200)]


def ours(address: str, told: list[str], **account: str) -> TwilioSerializer:
    return TwilioSerializer(
        told.append, stream_sid="MZ1", call_sid=CALL, base_url=f"http://{address}/", **(LOGIN | account)
    )


async def test_a_call_that_is_over_is_no_trouble() -> None:
    told: list[str] = []
    async with emulated() as (twilio, address):
        twilio.hang_up(CALL)
        await ours(address, told).serialize(EndFrame())
    assert twilio.received == [Update(CALL, ENDED, 404)]
    assert told == []


async def test_an_api_key_hangs_up() -> None:
    told: list[str] = []
    async with emulated() as (twilio, address):
        await ours(address, told, **KEY).serialize(EndFrame())
    assert twilio.received == [Update(CALL, ENDED, 200)]
    assert told == []


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Refuse(503), "Twilio did not end the call: it answered 503"),
        (Break("error"), "Twilio did not end the call: it answered 500"),
        (Break("hang"), "Twilio did not end the call within 0.2 s"),
        (Slow(1), "Twilio did not end the call within 0.2 s"),
    ],
)
async def test_a_call_that_cannot_be_ended_is_told(
    fault: Refuse | Break | Slow, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serializer_twilio, "HANG_UP_SECS", 0.2)
    told: list[str] = []
    async with emulated() as (twilio, address):
        twilio.faults = iter([fault])
        await ours(address, told).serialize(EndFrame())
    assert told == [text]


async def test_a_wrong_token_and_a_dead_address_are_told(unused_tcp_port: int) -> None:
    told: list[str] = []
    async with emulated() as (_, address):
        await ours(address, told, **LOGIN | {"auth_token": "another"}).serialize(EndFrame())
    await ours(f"127.0.0.1:{unused_tcp_port}", told).serialize(EndFrame())
    assert told == [
        "Twilio did not end the call: it answered 401",
        "Twilio was not reached to end the call: ClientConnectorError",
    ]


@pytest.mark.parametrize(
    ("where", "host"),
    [({}, "api.twilio.com"), ({"region": "ie1", "edge": "dublin"}, "api.dublin.ie1.twilio.com")],
)
def test_the_host_is_the_region_s(where: dict[str, str], host: str) -> None:
    serializer = TwilioSerializer(print, stream_sid="MZ1", call_sid=CALL, **LOGIN, **where)
    assert serializer._call_url == f"https://{host}/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json"
