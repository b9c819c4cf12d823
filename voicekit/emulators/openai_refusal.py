"""OpenAI's refusals: the body of an HTTP error, as the official SDK parses it, and the check of a key."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse, Response

from voicekit.emulators.faults import Fault, Refuse

SERVER_ERROR: Final = "The server had an error while processing your request."
# What a status is called in the body of its error.
_TYPES: Final[Mapping[int, tuple[str, str | None]]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    500: ("server_error", None),
    503: ("server_error", "service_unavailable"),
}


class Refusal(Exception):
    """What is answered with an error.

    Args:
        status: Of HTTP.
        message: What is wrong.
        retry_after: Seconds, for the header of that name.
        param: The parameter that is meant.
        code: OpenAI's; without one it is the usual one of the status.
    """

    def __init__(
        self, status: int, message: str, retry_after: float | None = None, param: str = "", code: str = ""
    ) -> None:
        super().__init__(message)
        kind, usual = _TYPES.get(status, ("invalid_request_error", None))
        error = {"message": message, "type": kind, "param": param or None, "code": code or usual}
        self._status = status
        self._body = {"error": error}
        self._headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}

    def response(self) -> Response:
        """Return the answer."""
        return JSONResponse(self._body, self._status, self._headers)


def invalid(message: str, param: str = "", code: str = "") -> Refusal:
    """Return what refuses a request that is wrong."""
    return Refusal(400, message, param=param, code=code)


def invalid_field(kind: str, name: str, message: str, given: object) -> Refusal:
    """Return what refuses a field as pydantic does, whose errors OpenAI's audio tells as they are."""
    return invalid(str([{"type": kind, "loc": ("body", name), "msg": message, "input": given}]))


def no_such_model(model: object) -> Refusal:
    """Return what refuses a model that nobody has."""
    return Refusal(404, f"The model `{model}` does not exist or you do not have access to it.")


def check_key(authorization: str, key: str) -> None:
    """Refuse a header that does not carry the key."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise Refusal(401, "You didn't provide an API key.")
    if given != key:
        raise Refusal(401, "Incorrect API key provided.")


def told(fault: Fault | None) -> None:
    """Refuse a request where the fault says so."""
    if isinstance(fault, Refuse):
        raise Refusal(fault.status, "The emulator was told to refuse this request.", fault.retry_after)
