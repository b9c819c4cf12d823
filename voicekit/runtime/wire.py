"""Wire: how a session of OpenAI's Realtime API is reached, and what comes of it is read."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from pipecat.processors.frame_processor import FrameProcessor
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

Json: TypeAlias = dict[str, Any]

Dial: TypeAlias = Callable[[Any, float], Awaitable[ClientConnection]]
"""Connects a service, within so many seconds."""

EXPIRED: Final = "session_expired"
"""The code of the one error that says that the session ends."""
HEEDED: Final = frozenset(
    {
        "conversation_already_has_active_response",
        "item_retrieve_invalid_item_id",
        "response_cancel_not_active",
    }
)
"""Codes of errors that Pipecat knows what to do with; it takes every other for the end of the session."""

_PROTOCOL: Final = "pipecat.services.openai.realtime.llm"
_NO_KEY: Final = (401, 403)
# websockets would wait for ten, and for all of them where nobody reads any more.
_CLOSE_SECS: Final = 1.0


def supervised(service: FrameProcessor) -> bool:
    """Say whether the sessions of a service can be kept.

    They can where they speak OpenAI's protocol through Pipecat's class for it: `openai`, `azure`, and classes of one's
    own made of these. Gemini Live and all others do as Pipecat does.
    """
    return any(cls.__module__ == _PROTOCOL for cls in type(service).__mro__)


async def dialled(service: Any, limit_secs: float) -> ClientConnection:
    """Connect a service as Pipecat's `_connect` does, but within limits.

    Args:
        service: One that is `supervised`.
        limit_secs: How long that may take.

    Raises:
        OSError: It cannot be reached, or `TimeoutError`, not in time.
        WebSocketException: It refuses.
    """
    headers = await service._auth_headers()
    return await connect(
        service.base_url, additional_headers=headers, open_timeout=limit_secs, close_timeout=_CLOSE_SECS
    )


def refuses(error: Exception) -> bool:
    """Say whether the next try would be refused as well: the key is wrong."""
    return isinstance(error, InvalidStatus) and error.response.status_code in _NO_KEY


def event_of(message: str | bytes) -> Json:
    """Read an event.

    Raises:
        ValueError: It is no JSON.
        TypeError: It is no object.
    """
    event = json.loads(message)
    if not isinstance(event, dict):
        raise TypeError(type(event))
    return event


def failed_by_itself(response: Json) -> bool:
    """Say whether a response has failed before there was anything of it, for no fault of who asked for it."""
    error = (response.get("status_details") or {}).get("error") or {}
    return response["status"] == "failed" and not response.get("output") and error.get("type") == "server_error"


def closed_by(closed: ConnectionClosed) -> str:
    """Return why a connection has ended, as far as the vendor says."""
    if closed.rcvd is None:
        return "the connection was lost"
    return f"it was closed: {closed.rcvd.code} {closed.rcvd.reason}".rstrip()
