"""Deepgram's streams: what one connection was asked for and sent, and how a handshake is refused."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from voicekit.emulators.faults import Fault, Refuse

# The names of a status in the body of a refused handshake.
_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("Bad Request", "Bad Request"),
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: ("ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request."),
    403: ("INSUFFICIENT_PERMISSIONS", "User does not have sufficient permissions to perform that action."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later."),
}


@dataclass
class Stream:
    """One connection: what was asked for and sent.

    Attributes:
        query: The parameters of the address; one that is repeated has several values.
        audio: All of it, as it came.
        messages: The types of the other messages, in order.
        oddities: What the vendor lets pass and a careful client does not do.
        ahead_secs: By how much the audio was at most ahead of the clock: a live caller's stays near 0.
        closed: The client's close code; None when it is open, or when the emulator ended it.
    """

    query: dict[str, list[str]]
    audio: bytearray = field(default_factory=bytearray)
    messages: list[str] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    ahead_secs: float = 0.0
    closed: int | None = None


class Refusal(Exception):
    """What a handshake is answered with instead.

    Args:
        status: Of HTTP.
        text: What is wrong; nothing where the status says it all.
        retry_after: Seconds, for the header of that name.
    """

    def __init__(self, status: int, text: str = "", retry_after: float | None = None) -> None:
        super().__init__(text)
        code, usual = _CODES.get(status, ("INTERNAL_SERVER_ERROR", "Internal server error."))
        self._status = status
        told = f"{usual}: {text}" if text else usual
        self._body = {"err_code": code, "err_msg": told, "request_id": "emulated"}
        self._headers = {"dg-error": told, "dg-request-id": "emulated"}
        if retry_after is not None:
            self._headers["retry-after"] = f"{retry_after:g}"

    def response(self) -> JSONResponse:
        """Return the answer."""
        return JSONResponse(self._body, self._status, self._headers)


def admit(websocket: WebSocket, key: str, fault: Fault | None) -> dict[str, list[str]]:
    """Return the parameters of the address of a client that has the key.

    Raises:
        Refusal: It has not, or the fault refuses it.
    """
    if isinstance(fault, Refuse):
        raise Refusal(fault.status, retry_after=fault.retry_after)
    scheme, _, given = websocket.headers.get("authorization", "").partition(" ")
    if (scheme.lower(), given) != ("token", key):
        raise Refusal(401)
    return {name: websocket.query_params.getlist(name) for name in websocket.query_params}


def check_number(query: Mapping[str, str], name: str, least: int, most: int) -> None:
    """Refuse what is no whole number from `least` to `most`."""
    text = query.get(name, "")
    if not text.isdecimal() or not least <= int(text) <= most:
        raise Refusal(400, f"'{name}' is a number from {least} to {most}, not '{text}'.")


def check_flags(query: Mapping[str, list[str]], names: Container[str]) -> None:
    """Refuse what is neither true nor false in the parameters of these names."""
    for name, values in query.items():
        if name in names and not {*values} <= {"true", "false"}:
            raise Refusal(400, f"'{name}' is true or false, not '{values[-1]}'.")
