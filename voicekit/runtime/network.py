"""Network: what the tools of a process send requests through. It reaches no private address unless it is asked to."""

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

import aiohttp
from aiohttp.connector import AddrInfoType

from voicekit.config.addresses import is_public

Result = TypeVar("Result")


class PrivateAddressError(OSError):
    """A host is on a private network or this machine."""

    def __init__(self) -> None:
        # One text for all addresses of a host: aiohttp then raises one of the errors and not a new one.
        super().__init__("a private address")


class Network:
    """The sessions of tools, opened when first asked for, and the requests that nobody waits for any more.

    Sessions keep no cookies: what a server sets for one caller is not sent for the next.
    """

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._under_way: set[asyncio.Task[Any]] = set()

    def session(self, *, private: bool) -> aiohttp.ClientSession:
        """Return the session for requests that may reach private addresses, or for those that may not."""
        if private not in self._sessions:
            connector = aiohttp.TCPConnector(socket_factory=None if private else public_socket)
            session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
            # By itself it repeats a request whose connection was lost; how often that is done, the file says.
            session._retry_connection = False
            self._sessions[private] = session
        return self._sessions[private]

    def keep(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Begin work that goes on when whoever waits for it is cancelled; it must end by itself."""
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        # Looked at, because nobody else may: an error nobody looks at is logged with all that it quotes.
        if not task.cancelled():
            task.exception()

    async def close(self) -> None:
        """Let what is under way end, then close the sessions."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await asyncio.gather(*(session.close() for session in self._sessions.values()))
        self._sessions.clear()


def public_socket(info: AddrInfoType) -> socket.socket:
    """Return a socket to connect to an address with.

    This is where a name has become the address that is connected to, so that no second answer of a name server and
    no redirect comes in between; addresses written as such come by here, too.

    Raises:
        PrivateAddressError: The address is not one of the public internet.
    """
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise PrivateAddressError
    return socket.socket(family, kind, protocol)
