"""WebSocket caller: a program that calls an agent as an app or a device does, in one of the two protocols."""

import base64
import json
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

import numpy as np
from pipecat.frames.protobufs import frames_pb2

from voicekit.calls.caller import READY
from voicekit.calls.microphone import Samples
from voicekit.calls.socket_caller import SocketCaller

Protocol: TypeAlias = Literal["rtvi", "protobuf"]

SPEAKS_HZ: Final = 16000
HEARS_HZ: Final = 24000


class WebSocketCaller(SocketCaller):
    """One call. `async with await WebSocketCaller.call(url) as caller:` connects it and hangs up at the end."""

    def __init__(self, protocol: Protocol, record: Path | None = None) -> None:
        super().__init__(SPEAKS_HZ, HEARS_HZ, record)
        self._protocol = protocol

    @classmethod
    async def call(cls, url: str, protocol: Protocol = "rtvi", record: Path | None = None) -> Self:
        """Call the agent at an address, `http://host:port`.

        Raises:
            CallFailed: It did not answer.
        """
        return await cls(protocol, record).dial(f"{url.replace('http', 'ws', 1)}/ws")

    async def _greet(self) -> None:
        await self._send(self._packed(READY))

    async def _say(self, samples: Samples) -> None:
        if self._protocol == "protobuf":
            frame = frames_pb2.Frame()  # type: ignore[attr-defined] # made when it is imported
            frame.audio.audio, frame.audio.sample_rate, frame.audio.num_channels = samples.tobytes(), SPEAKS_HZ, 1
            await self._send(frame.SerializeToString())
            return
        sound = base64.b64encode(samples.tobytes()).decode("ascii")
        data = {"base64Audio": sound, "sampleRate": SPEAKS_HZ, "numChannels": 1}
        await self._send(json.dumps({"label": "rtvi-ai", "type": "raw-audio", "id": "", "data": data}))

    async def _hear(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            frame = frames_pb2.Frame.FromString(message)  # type: ignore[attr-defined] # made when it is imported
            self._play(frame.audio.audio)
            if frame.HasField("message"):
                self._told(json.loads(frame.message.data))
            return
        told = json.loads(message)
        if told["type"] == "bot-tts-audio":
            self._play(base64.b64decode(told["data"]["audio"]))
        else:
            self._told(told)

    def _packed(self, message: dict[str, Any]) -> str | bytes:
        if self._protocol == "rtvi":
            return json.dumps(message)
        frame = frames_pb2.Frame()  # type: ignore[attr-defined] # made when it is imported
        frame.message.data = json.dumps(message)
        packed: bytes = frame.SerializeToString()
        return packed

    def _play(self, sound: bytes) -> None:
        self._playout.add(np.frombuffer(sound, dtype=np.int16))

    def _told(self, message: dict[str, Any]) -> None:
        if message.get("type") == "bot-interrupted":
            self._playout.clear()
        self._take(message)
