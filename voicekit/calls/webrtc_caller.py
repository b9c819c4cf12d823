"""WebRTC caller: a program that calls an agent as the talk page does, and measures at its own ear."""

import asyncio
import fractions
import json
import time
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from voicekit.calls.caller import CONNECT_SECS, READY, Caller, CallFailed
from voicekit.calls.microphone import RATE, Microphone

PING_SECS: Final = 1.0


class _Track(MediaStreamTrack):
    """A microphone as a track."""

    kind = "audio"

    def __init__(self, microphone: Microphone) -> None:
        super().__init__()
        self._microphone = microphone
        self._sent = 0

    async def recv(self) -> AudioFrame:
        """Return the next frame when its time has come."""
        samples = await self._microphone.frame()
        frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._sent
        frame.time_base = fractions.Fraction(1, RATE)
        self._sent += len(samples)
        return frame


class WebRtcCaller(Caller):
    """One call. `async with await WebRtcCaller.call(url) as caller:` connects it and hangs up at the end."""

    def __init__(self, record: Path | None = None) -> None:
        super().__init__(RATE, RATE, record)
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    @classmethod
    async def call(cls, url: str, record: Path | None = None) -> Self:
        """Call the agent at an address, `http://host:port`.

        Raises:
            CallFailed: It did not answer.
        """
        caller = cls(record)
        try:
            async with asyncio.timeout(CONNECT_SECS):
                await caller._connect(url)
        except (TimeoutError, aiohttp.ClientError) as error:
            await caller.hang_up()
            raise CallFailed(f"no answer at {url}: {str(error) or 'nothing happened'}") from error
        except CallFailed:
            await caller.hang_up()
            raise
        return caller

    async def _close(self) -> None:
        await self._peer.close()

    async def _connect(self, url: str) -> None:
        opened = asyncio.Event()
        channel = self._peer.createDataChannel("chat", ordered=True)
        channel.on("open", opened.set)
        channel.on("message", self._on_message)
        self._peer.on("track", self._on_track)
        self._peer.on("connectionstatechange", self._on_state)
        self._peer.addTrack(_Track(self.microphone))
        await self._peer.setLocalDescription(await self._peer.createOffer())
        offer = {"sdp": self._peer.localDescription.sdp, "type": self._peer.localDescription.type}
        async with aiohttp.ClientSession() as http, http.post(f"{url}/api/offer", json=offer) as response:
            answer = await response.json()
        if "problem" in answer:
            raise CallFailed(f"the agent refused: {answer['problem']}")
        await self._peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        await opened.wait()
        channel.send(json.dumps(READY))
        self._do(self._ping(channel))

    async def _ping(self, channel: Any) -> None:
        while channel.readyState == "open":
            channel.send("ping")
            await asyncio.sleep(PING_SECS)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._do(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        """Hear a track as it comes: a frame arrives whole, and a player would begin its first sample then."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, AudioFrame):
                channels = len(frame.layout.channels)
                samples = frame.to_ndarray().reshape(-1)[::channels].astype(np.int16)
                self.ear.hear(samples, frame.sample_rate, time.monotonic())

    def _on_state(self) -> None:
        if self._peer.connectionState in ("closed", "failed"):
            self._ended.set()

    def _on_message(self, text: str) -> None:
        message = json.loads(text)
        self._take(message)
        if message.get("type") == "signalling" and message.get("message", {}).get("type") == "peerLeft":
            self._ended.set()
