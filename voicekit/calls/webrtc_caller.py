"""WebRTC caller: a program that calls an agent as the talk page does, and measures at its own ear."""

import asyncio
import json
import time
from typing import Any

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from voicekit.calls.ear import Ear
from voicekit.calls.microphone import Microphone

CONNECT_SECS = 10.0
PING_SECS = 1.0
_READY = {
    "label": "rtvi-ai",
    "type": "client-ready",
    "id": "1",
    "data": {"version": "2.2.0", "about": {"library": "voicekit"}},
}


class CallFailed(Exception):
    """The call did not come about, or ended too early; the text says why."""


class WebRtcCaller:
    """One call. `async with WebRtcCaller.call(url) as caller:` connects it and hangs up at the end."""

    def __init__(self) -> None:
        self.microphone = Microphone()
        self.ear = Ear()
        self.messages: list[dict[str, Any]] = []
        self.arrivals: list[float] = []
        self._arrived = asyncio.Event()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended = asyncio.Event()

    @classmethod
    async def call(cls, url: str) -> "WebRtcCaller":
        """Call the agent at an address.

        Raises:
            CallFailed: It did not answer.
        """
        caller = cls()
        try:
            async with asyncio.timeout(CONNECT_SECS):
                await caller._connect(url)
        except (TimeoutError, aiohttp.ClientError) as error:
            await caller.hang_up()
            raise CallFailed(f"no answer at {url}: {str(error) or 'nothing happened'}") from error
        return caller

    async def __aenter__(self) -> "WebRtcCaller":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()

    async def message(self, kind: str, since: int, within_secs: float) -> int:
        """Wait for a message of the agent's side, and return its position in `messages`.

        Args:
            kind: Its RTVI type.
            since: The position to look from.
            within_secs: How long to wait.

        Raises:
            CallFailed: It did not come.
        """
        try:
            async with asyncio.timeout(within_secs):
                while True:
                    for position in range(since, len(self.messages)):
                        if self.messages[position].get("type") == kind:
                            return position
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise CallFailed(f"no '{kind}' came within {within_secs:g} s") from None

    async def until_ended(self, within_secs: float) -> None:
        """Wait until the agent has hung up.

        Raises:
            CallFailed: It did not.
        """
        try:
            async with asyncio.timeout(within_secs):
                await self._ended.wait()
        except TimeoutError:
            raise CallFailed(f"the agent did not hang up within {within_secs:g} s") from None

    async def hang_up(self) -> None:
        """End the call."""
        for task in self._tasks:
            task.cancel()
        await self._peer.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)

    async def _connect(self, url: str) -> None:
        opened = asyncio.Event()
        channel = self._peer.createDataChannel("chat", ordered=True)
        channel.on("open", opened.set)
        channel.on("message", self._on_message)
        self._peer.on("track", self._on_track)
        self._peer.on("connectionstatechange", self._on_state)
        self._peer.addTrack(self.microphone)
        await self._peer.setLocalDescription(await self._peer.createOffer())
        offer = {"sdp": self._peer.localDescription.sdp, "type": self._peer.localDescription.type}
        async with aiohttp.ClientSession() as http, http.post(f"{url}/api/offer", json=offer) as response:
            answer = await response.json()
        if "problem" in answer:
            raise CallFailed(f"the agent refused: {answer['problem']}")
        await self._peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        await opened.wait()
        channel.send(json.dumps(_READY))
        self._do(self._ping(channel))

    async def _ping(self, channel: Any) -> None:
        while channel.readyState == "open":
            channel.send("ping")
            await asyncio.sleep(PING_SECS)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._do(self.ear.listen(track))

    def _on_state(self) -> None:
        if self._peer.connectionState in ("closed", "failed"):
            self._ended.set()

    def _on_message(self, text: str) -> None:
        message = json.loads(text)
        self.messages.append(message)
        self.arrivals.append(time.monotonic())
        self._arrived.set()
        if message.get("type") == "signalling" and message.get("message", {}).get("type") == "peerLeft":
            self._ended.set()

    def _do(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
