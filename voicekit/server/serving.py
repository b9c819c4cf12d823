"""Serving: an app on an address of this machine, and how uvicorn is asked to do it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from voicekit.server.connection import Connection

HOST: Final = "127.0.0.1"
MOST_CONNECTIONS: Final = 1000
"""Above so many, requests are answered with 503."""
MOST_BYTES: Final = 256 * 1024
"""The longest message on a WebSocket: 20 ms of sound are a hundredth of it."""
# For connections whose calls have ended.
CLOSE_SECS: Final = 5


class Server(uvicorn.Server):
    """Serves an app of ours: our own log, the WebSockets of today's `websockets`, and calls that end before it does.

    SIGTERM lets the live calls go on for a while; SIGINT, and whatever signal comes second, ends them.

    Args:
        app: What `make_app` returns.
        on_drain: Called when the live calls are waited for.
    """

    def __init__(self, app: FastAPI, on_drain: Callable[[], None] = lambda: None) -> None:
        self._app = app
        self._on_drain = on_drain
        self._loop = asyncio.get_running_loop()
        self._at_once = asyncio.Event()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=CLOSE_SECS,
            http=Connection,
            ws="websockets-sansio",
            ws_max_size=MOST_BYTES,
            limit_concurrency=MOST_CONNECTIONS,
            # Who is behind a proxy is no matter of what a header says.
            proxy_headers=False,
            server_header=False,
            lifespan="on",
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the calls, then the connections: a caller's that were closed first would look like a hang-up."""
        if signal.SIGTERM in self._captured_signals and not self._at_once.is_set():
            self._on_drain()
            await self._drain()
        await self._app.state.end_calls()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if self.should_exit or sig == signal.SIGINT:
            self._loop.call_soon_threadsafe(self._at_once.set)
        if self.should_exit and not self._at_once.is_set():
            # Uvicorn would give up at once, and leave behind what the calls share.
            self._captured_signals.append(sig)
        else:
            super().handle_exit(sig, frame)

    async def _drain(self) -> None:
        """Wait for the live calls, unless they are to end at once."""
        works = [asyncio.create_task(each) for each in (self._app.state.drain(), self._at_once.wait())]
        await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


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
