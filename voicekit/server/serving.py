"""Serving: an app on an address of this machine, and how uvicorn is asked to do it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

HOST: Final = "127.0.0.1"
DRAIN_SECS: Final = 5


class Server(uvicorn.Server):
    """Serves an app of ours: our own log, the WebSockets of today's `websockets`, and calls that end before it does.

    Args:
        app: What `make_app` returns.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=DRAIN_SECS,
            ws="websockets-sansio",
            # Who is behind a proxy is no matter of what a header says.
            proxy_headers=False,
            server_header=False,
            lifespan="on",
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the calls, then the connections: a caller's that were closed first would look like a hang-up."""
        await self._app.state.end_calls()
        await super().shutdown(sockets)


class _Inside(Server):
    """Leaves the process's signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Serve an app inside this process for as long as the context is open, its calls included.

    Yields:
        The address, `127.0.0.1:PORT`, without a scheme.
    """
    with socket.create_server((HOST, 0)) as listening:
        server = _Inside(app)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            # A connection that comes before the server runs waits in the socket's own queue.
            yield f"{HOST}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
