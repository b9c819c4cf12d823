"""Twilio's REST API, as far as it ends a call: POST /2010-04-01/Accounts/{account}/Calls/{call}.json.

Shapes: https://www.twilio.com/docs/voice/api/call-resource; errors as the official SDK parses them, their codes in
https://www.twilio.com/docs/api/errors. What answers 404 for a call that is over: `pipecat.serializers.twilio`.
"""

import asyncio
import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from voicekit.emulators.faults import Break, Fault, Latency, Refuse, Slow

Status: TypeAlias = Literal["in-progress", "completed"]

# What an update may ask for, https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource.
_STATUSES: Final = ("canceled", "completed")
_MESSAGES: Final[Mapping[int, tuple[int, str]]] = {
    401: (20003, "Authenticate"),
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
    503: (20503, "Service unavailable"),
}


@dataclass(frozen=True, slots=True)
class Update:
    """One update of a call as it came, and the status it was answered with."""

    call: str
    form: Mapping[str, str]
    answered: int


@dataclass
class TwilioRest:
    """The emulator.

    Attributes:
        account: The account's SID.
        token: Its auth token.
        keys: Its API keys: the secret by the key's SID.
        latency: How long an answer takes.
        faults: One for each request, in turn; None is a healthy one. All are healthy when there are no more.
        received: Every update that was let in, in order.
        calls: The account's calls.
    """

    account: str
    token: str
    keys: Mapping[str, str] = field(default_factory=dict)
    latency: Latency = field(default_factory=Latency)
    faults: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    received: list[Update] = field(default_factory=list)
    calls: dict[str, Status] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def routes(self) -> list[BaseRoute]:
        """Return its one route."""
        return [Route("/2010-04-01/Accounts/{account}/Calls/{call}.json", self._update, methods=["POST"])]

    def exchanges(self) -> Sequence[Update]:
        """Return what it received, in order."""
        return self.received

    def connect(self, call: str) -> None:
        """Let a call be in progress."""
        self.calls[call] = "in-progress"

    def hang_up(self, call: str) -> None:
        """End a call, as the caller does."""
        self.calls[call] = "completed"
        self._changed.set()

    async def until_completed(self, call: str) -> None:
        """Wait until a call is over."""
        while self.calls.get(call) != "completed":
            self._changed.clear()
            await self._changed.wait()

    async def _update(self, request: Request) -> Response:
        fault = next(self.faults, None)
        late = fault.secs if isinstance(fault, Slow) else 0.0
        await asyncio.sleep(late + self.latency.draw(self.latency.first_secs))
        if isinstance(fault, Break):
            return await _broken(fault)
        if isinstance(fault, Refuse):
            return _error(fault.status, *_MESSAGES.get(fault.status, (20500, "Internal Server Error")))
        account, call = request.path_params["account"], request.path_params["call"]
        if not self._lets_in(request.headers.get("authorization", ""), account):
            return _error(401, *_MESSAGES[401])
        form = dict(parse_qsl((await request.body()).decode()))
        answer = self._answer(request.url.path, call, form)
        self.received.append(Update(call, form, answer.status_code))
        return answer

    def _lets_in(self, authorization: str, account: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            login, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return False
        known = {self.account: self.token, **self.keys}
        return scheme.lower() == "basic" and account == self.account and bool(password) and known.get(login) == password

    def _answer(self, path: str, call: str, form: Mapping[str, str]) -> JSONResponse:
        if self.calls.get(call) != "in-progress":
            return _error(404, 20404, f"The requested resource {path} was not found")
        if form.get("Status") not in _STATUSES:
            return _error(400, 20001, "Parameter 'Status' is invalid: only 'canceled' and 'completed' are taken")
        self.hang_up(call)
        return JSONResponse(self._resource(call))

    def _resource(self, call: str) -> dict[str, Any]:
        now = formatdate(usegmt=False)
        return {
            "sid": call,
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "status": self.calls[call],
            "direction": "inbound",
            "date_created": now,
            "date_updated": now,
            "start_time": now,
            "end_time": now,
            "duration": "1",
            "from": "+15550100001",
            "to": "+15550100002",
            "price": None,
            "price_unit": "USD",
            "answered_by": None,
            "caller_name": None,
            "parent_call_sid": None,
            "phone_number_sid": "PN" + "0" * 32,
            "uri": f"/2010-04-01/Accounts/{self.account}/Calls/{call}.json",
            "subresource_uris": {},
        }


async def _broken(fault: Break) -> Response:
    if fault.how == "hang":
        await asyncio.get_running_loop().create_future()
    return Response("<html>", media_type="text/html") if fault.how == "garbage" else _error(500, *_MESSAGES[500])


def _error(status: int, code: int, message: str) -> JSONResponse:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status}, status)
