"""Socket caller: what callers on a WebSocket have in common: they open it, send frames at real time, and play."""

from abc import abstractmethod
from pathlib import Path
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from voicekit.calls.caller import CONNECT_SECS, Caller, CallFailed
from voicekit.calls.microphone import Samples
from voicekit.calls.playout import Playout


class SocketCaller(Caller):
    """One call on a WebSocket.

    Args:
        speaks_hz: The rate of the caller's sound on the line.
        hears_hz: That of the agent's.
        record: A WAV to write when the call is over.
    """

    def __init__(self, speaks_hz: int, hears_hz: int, record: Path | None) -> None:
        super().__init__(speaks_hz, hears_hz, record)
        self._playout = Playout(hears_hz, self.ear)
        self._socket: ClientConnection | None = None

    async def dial(self, url: str) -> Self:
        """Open the connection and begin the call.

        Args:
            url: `ws://host:port/path`.

        Raises:
            CallFailed: Nobody answered.
        """
        try:
            # Sound that is compressed comes no sooner.
            self._socket = await connect(url, open_timeout=CONNECT_SECS, compression=None)
            await self._greet()
        except (OSError, TimeoutError, WebSocketException) as error:
            await self.hang_up()
            raise CallFailed(f"no answer at {url}: {str(error) or 'nothing happened'}") from error
        for work in (self._receive(), self._speak(), self._playout.run(self._reached)):
            self._do(work)
        return self

    @property
    def refusal(self) -> str:
        """Why the other side closed the connection, in its words; empty while it is open."""
        return (self._socket.close_reason if self._socket else "") or ""

    async def _send(self, message: str | bytes) -> None:
        if self._socket is not None:
            try:
                await self._socket.send(message)
            except ConnectionClosed:
                self._ended.set()

    async def _receive(self) -> None:
        try:
            if self._socket is not None:
                async for message in self._socket:
                    await self._hear(message)
        except ConnectionClosed:
            pass  # Whether it was closed or was lost, nothing more comes.
        finally:
            self._ended.set()

    async def _speak(self) -> None:
        while not self._ended.is_set():
            await self._say(await self.microphone.frame())

    async def _close(self) -> None:
        if self._socket is not None:
            await self._leave()
            await self._socket.close()

    @abstractmethod
    async def _greet(self) -> None:
        """Send what comes before all else."""

    async def _leave(self) -> None:
        """Send what comes after all else."""

    @abstractmethod
    async def _say(self, samples: Samples) -> None:
        """Send a frame of the caller's sound."""

    @abstractmethod
    async def _hear(self, message: str | bytes) -> None:
        """Take a message of the agent's side."""

    async def _reached(self, name: str) -> None:
        """Take note of a mark that has been played."""
