"""Server: one address on loopback for several emulators, inside the process of whoever asks."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, runtime_checkable

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from voicekit.emulators.faults import Fault, Latency
from voicekit.emulators.hearing import Progress
from voicekit.problems import refuse

HOST: Final = "127.0.0.1"


class Emulator(Protocol):
    """What the server wants of an emulator."""

    def routes(self) -> list[BaseRoute]:
        """Return its routes, at the vendor's own paths."""


class Actor(Emulator, Protocol):
    """An emulator of a vendor's API, which can be made slow and faulty while it runs."""

    latency: Latency
    faults: Iterator[Fault | None]

    def exchanges(self) -> Sequence[Any]:
        """Return what it received, in order: a dataclass for each request or connection."""


@runtime_checkable
class Hearing(Protocol):
    """An emulator that hears speech, and has to be told what is said."""

    def announce(self, text: str, secs: float = 0.0) -> None:
        """Say what the next stretch of speech is, and how many seconds it takes: a pause within them is none."""


@runtime_checkable
class Following(Protocol):
    """An emulator that hears a caller whom others may hear, too."""

    def follow(self, progress: Progress) -> None:
        """Hear no more what others have heard of the caller whose progress this is."""


@runtime_checkable
class Conversing(Protocol):
    """An emulator that holds sessions, which it can end and complain in."""

    sessions: Sequence[Any]

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the latest session."""

    def error(self, code: str, message: str) -> None:
        """Send the latest session an error."""


class _Server(uvicorn.Server):
    """Leaves the process's signals to the process, and ends when it is told to: uvicorn looks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        """Run until the end."""
        await self.on_tick(0)
        await self.ended.wait()

    def drop(self, client: tuple[str, int]) -> None:
        """Close the connection of a client, whatever is being answered."""
        for connection in self.server_state.connections:
            if connection.transport.get_extra_info("peername") == client:
                connection.transport.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def follow_together(emulators: Iterable[Emulator]) -> None:
    """Have emulators that are told the same announcements follow the same caller."""
    progress = Progress()
    for emulator in emulators:
        if isinstance(emulator, Following):
            emulator.follow(progress)


@asynccontextmanager
async def serve(emulators: Sequence[Emulator], port: int = 0) -> AsyncIterator[str]:
    """Serve emulators for as long as the context is open.

    Args:
        emulators: No two of the same vendor's API.
        port: 0 takes any free one.

    Yields:
        The address, `127.0.0.1:PORT`, without a scheme: some clients want `http://` before it and some `ws://`.

    Raises:
        Refused: The port cannot be used.
    """
    listening = _bind(port)
    app = Starlette(routes=[route for emulator in emulators for route in emulator.routes()])
    # A client that is gone needs no grace; what still hangs after a second was told to hang.
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = _Server(config)
    # An answer that is to break off cannot end the connection itself: for the server, its return is a mistake. One that
    # hangs would be cancelled at the end, with a traceback in the log.
    app.state.drop, app.state.ended = server.drop, server.ended
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"{HOST}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.ended.set()
        await serving


def _bind(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        text = f"port {port} cannot be used: {error.strerror}"
        raise refuse("port-in-use", text, "end what uses it, or choose another") from error
    return listening
