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


def server_config(app: FastAPI) -> uvicorn.Config:
    """Return what uvicorn runs an app with: our own log, and the WebSockets of the `websockets` of today."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=DRAIN_SECS,
        ws="websockets-sansio",
        lifespan="on",
    )


class _Server(uvicorn.Server):
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
        server = _Server(server_config(app))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            # A connection that comes before the server runs waits in the socket's own queue.
            yield f"{HOST}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
