"""Connection: one connection to the server, and how long it may take to say what it wants."""

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECS: Final = 10.0
"""Within which a request has come, from its first byte, or that of the connection, to its last."""
# What h11 says of the other side while a request is on its way.
_COMING: Final = (h11.IDLE, h11.SEND_BODY)


class Connection(H11Protocol):
    """HTTP as uvicorn speaks it, which would wait for a request for ever."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._has_come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request."""
        self._wait()
        super().data_received(data)
        if self.transport.get_protocol() is not self or self.conn.their_state not in _COMING:
            self._has_come()

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(REQUEST_SECS, self.transport.close)

    def _has_come(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
