"""Resources: what all calls of a process share, opened once and closed once."""

import asyncio

import aiohttp

from voicekit.runtime.network import Network
from voicekit.services.child import worker
from voicekit.services.pool import Pool


class Resources:
    """The HTTP session of services, the network of tools and the pools of child processes.

    Each is opened when first asked for.
    """

    def __init__(self) -> None:
        self._http: aiohttp.ClientSession | None = None
        self._pools: dict[str, Pool] = {}
        self.network = Network()

    @property
    def http(self) -> aiohttp.ClientSession:
        """One session for every service that wants one."""
        if self._http is None:
            self._http = aiohttp.ClientSession()
        return self._http

    def pool(self, module: str) -> Pool:
        """Return the children that run a worker module: one for each live call, and a warm one for the next."""
        if module not in self._pools:
            self._pools[module] = Pool(worker(module))
        return self._pools[module]

    async def warm_up(self) -> None:
        """Wait until every pool that exists has a child ready.

        Raises:
            ChildLost: One cannot be started.
        """
        await asyncio.gather(*(pool.warm() for pool in self._pools.values()))

    async def close(self) -> None:
        """Close whatever was opened."""
        await self.network.close()
        if self._http is not None:
            await self._http.close()
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
