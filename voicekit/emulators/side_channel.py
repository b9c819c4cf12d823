"""Side channel: how another process says to emulators what a caller says and what goes wrong, and what they received.

`POST /emulated/announce` takes `{"text": …, "secs": …}`, `POST /emulated/faults` `{"emulator": NAME, "faults": […]}`,
each fault as `fault_of` reads it, and `POST /emulated/latency` `{"emulator": NAME, "first_ms": …, "each_ms": …,
"spread": …, "seed": …}`, as `Latency` has them, for the requests and connections that come. Of an emulator with
sessions, `POST /emulated/close` `{"emulator": NAME, "code": …, "reason": …}` closes the latest, and `POST
/emulated/error` `{"emulator": NAME, "code": …, "message": …}` sends it an error. All answer 204, or 400 with
`{"problem": …}`. `GET /emulated/received` answers with the requests and connections of each emulator, by its
name; of audio only the length is told.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from voicekit.emulators.faults import Break, Fault, How, Latency, Refuse, Slow
from voicekit.emulators.server import Actor, Conversing, Hearing, follow_together

Json: TypeAlias = dict[str, Any]

FAULTS: Final = (
    '"ok", {"refuse": 429, "retry_after_secs": 1}, {"slow_ms": 500}, or after so many messages {"drop": 3}, '
    "and error, hang and garbage likewise"
)
_BREAKS: Final = get_args(How)


def fault_of(data: object) -> Fault | None:
    """Return a fault from its JSON.

    Args:
        data: `"ok"`; `{"refuse": STATUS, "retry_after_secs": SECS}`, of which the second may be left out;
            `{"drop": MESSAGES}` and with `error`, `hang` and `garbage` likewise; or `{"slow_ms": MILLISECONDS}`.

    Raises:
        ValueError: It is none.
    """
    match data:
        case "ok":
            return None
        case {"refuse": int(status), **rest} if rest.keys() <= {"retry_after_secs"} and 400 <= status < 600:
            return Refuse(status, _secs(rest.get("retry_after_secs")))
        case {"slow_ms": int(late), **rest} if not rest and 0 < late <= 3_600_000:
            return Slow(late / 1000)
        case dict() if len(data) == 1 and (how := next(iter(data))) in _BREAKS:
            return Break(how, _count(data[how]))
    raise ValueError(f"a fault is {FAULTS}")


@dataclasses.dataclass
class SideChannel:
    """The routes. They stand beside those of the emulators, and need no key.

    Attributes:
        emulators: Those it speaks for, by name.
    """

    emulators: Mapping[str, Actor]

    def __post_init__(self) -> None:
        follow_together(self.emulators.values())

    def routes(self) -> list[BaseRoute]:
        """Return its routes."""
        return [
            Route("/emulated/announce", self._announce, methods=["POST"]),
            Route("/emulated/faults", self._faults, methods=["POST"]),
            Route("/emulated/latency", self._latency, methods=["POST"]),
            Route("/emulated/close", self._close, methods=["POST"]),
            Route("/emulated/error", self._error, methods=["POST"]),
            Route("/emulated/received", self._received, methods=["GET"]),
        ]

    async def _announce(self, request: Request) -> Response:
        hearing = [emulator for emulator in self.emulators.values() if isinstance(emulator, Hearing)]
        if not hearing:
            return _wrong("no emulator here hears speech")
        try:
            body = await _body(request, "text", "secs")
            text, secs = body.get("text"), _secs(body.get("secs", 0))
            if not isinstance(text, str) or secs is None:
                raise ValueError('an announcement is {"text": "Hello.", "secs": 1.5}')
        except ValueError as error:
            return _wrong(str(error))
        for emulator in hearing:
            emulator.announce(text, secs)
        return Response(status_code=204)

    async def _faults(self, request: Request) -> Response:
        try:
            body = await _body(request, "emulator", "faults")
            emulator = self._named(body)
            if not isinstance(body.get("faults"), list):
                raise ValueError("'faults' is a list")
            emulator.faults = iter([fault_of(each) for each in body["faults"]])
        except ValueError as error:
            return _wrong(str(error))
        return Response(status_code=204)

    async def _latency(self, request: Request) -> Response:
        try:
            body = await _body(request, "emulator", "first_ms", "each_ms", "spread", "seed")
            self._named(body).latency = _latency_of(body)
        except ValueError as error:
            return _wrong(str(error))
        return Response(status_code=204)

    async def _close(self, request: Request) -> Response:
        try:
            body = await _body(request, "emulator", "code", "reason")
            code, reason = body.get("code", 1000), body.get("reason", "")
            if not isinstance(code, int) or not 1000 <= code < 5000 or not isinstance(reason, str):
                raise ValueError('a close is {"code": 1011, "reason": "Bye."}')
            self._with_sessions(body).close(code, reason)
        except ValueError as error:
            return _wrong(str(error))
        return Response(status_code=204)

    async def _error(self, request: Request) -> Response:
        try:
            body = await _body(request, "emulator", "code", "message")
            code, message = body.get("code"), body.get("message")
            if not isinstance(code, str) or not isinstance(message, str):
                raise ValueError('an error is {"code": "invalid_value", "message": "No."}')
            self._with_sessions(body).error(code, message)
        except ValueError as error:
            return _wrong(str(error))
        return Response(status_code=204)

    def _with_sessions(self, body: Json) -> Conversing:
        emulator = self._named(body)
        if not isinstance(emulator, Conversing) or not emulator.sessions:
            raise ValueError(f"'{body['emulator']}' has no session")
        return emulator

    def _named(self, body: Json) -> Actor:
        emulator = self.emulators.get(str(body.get("emulator")))
        if emulator is None:
            raise ValueError(f"'emulator' is one of: {', '.join(self.emulators)}")
        return emulator

    async def _received(self, _request: Request) -> Response:
        received = {name: _plain(list(emulator.exchanges())) for name, emulator in self.emulators.items()}
        return JSONResponse(received)


async def _body(request: Request, *keys: str) -> Json:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")
    for key in body:
        if key not in keys:
            raise ValueError(f"no key '{key}' here, only {', '.join(keys)}")
    return body


def _latency_of(body: Json) -> Latency:
    spread, seed = body.get("spread", 0), body.get("seed", 0)
    if isinstance(spread, bool) or not isinstance(spread, int | float) or not 0 <= spread <= 2:
        raise ValueError("'spread' is a number from 0 to 2")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError("'seed' is a whole number")
    first, each = (_ms(body.get(name, 0), name) for name in ("first_ms", "each_ms"))
    return Latency(first / 1000, each / 1000, spread, seed)


def _ms(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 60_000:
        raise ValueError(f"'{name}' is a number from 0 to 60000")
    return value


def _secs(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3600:
        raise ValueError("seconds are a number from 0 to 3600")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a fault comes after a number of messages")
    return value


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it, without what a dataclass keeps to itself."""
    if dataclasses.is_dataclass(value):
        names = (each.name for each in dataclasses.fields(value) if not each.name.startswith("_"))
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes | bytearray):
        return {"bytes": len(value)}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _wrong(text: str) -> Response:
    return JSONResponse({"problem": text}, 400)
