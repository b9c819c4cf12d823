"""A line that carries a call's sound in memory: what the caller sends, at the pace of speech, and what he hears."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame, StartFrame
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport

from voicekit.config.agent import Agent
from voicekit.records.events import CallEnded, Event
from voicekit.runtime.host import Host
from voicekit.runtime.line import Line
from voicekit.runtime.transport import transport_params

RATE = 16000
FRAME_SECS = 0.02
FRAME = bytes(int(RATE * FRAME_SECS) * 2)
LIMIT_SECS = 15.0

E = TypeVar("E", bound=Event)


class _In(BaseInputTransport):
    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)


class _Out(BaseOutputTransport):
    """Plays as fast as a loudspeaker does, and keeps how much of it was sound."""

    def __init__(self) -> None:
        # No silence after the end: nobody here would miss the last words.
        super().__init__(transport_params().model_copy(update={"audio_out_end_silence_secs": 0}))
        self.heard_secs = 0.0
        # When sound begins and ends at the caller's ear, as seconds of `time.monotonic`.
        self.sounds: list[tuple[float, float]] = []
        self._until = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        secs = len(frame.audio) / 2 / frame.sample_rate
        self.heard_secs += secs if any(frame.audio) else 0.0
        now = time.monotonic()
        begins = max(now, self._until)
        self._until = begins + secs
        if any(frame.audio):
            self.sounds.append((begins, self._until))
        await asyncio.sleep(max(0.0, self._until - now - 0.05))
        return True


class MemoryTransport(BaseTransport):
    """Carries sound to and from a caller in this process."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = _In(transport_params()), _Out()
        self._register_event_handler("on_client_connected")
        self._register_event_handler("on_client_disconnected")

    def input(self) -> BaseInputTransport:
        return self.into

    def output(self) -> BaseOutputTransport:
        return self.out


class Caller:
    """Whoever has called: silent, unless told to speak."""

    def __init__(self, transport: MemoryTransport) -> None:
        self.events: list[Event] = []
        self.transport = transport
        self.call: Any = None
        # When he has said the last of what he was told to say.
        self.spoken_at = 0.0
        self._speech: list[bytes] = []
        self._news = asyncio.Event()

    def on_event(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def wait(self, kind: type[E], count: int = 1) -> E:
        """Wait for an event of a kind, the `count`th of the call."""
        async with asyncio.timeout(LIMIT_SECS):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)[count - 1]

    def speak(self, audio: bytes) -> None:
        """Say something, 16 bits at 16 kHz."""
        self._speech += [audio[at : at + len(FRAME)] for at in range(0, len(audio), len(FRAME))]

    async def hang_up(self) -> None:
        await self.transport._call_event_handler("on_client_disconnected", None)

    async def breathe(self) -> None:
        """Send sound or silence without an end."""
        due = time.monotonic()
        while True:
            if self._speech:
                self.spoken_at = time.monotonic()
            sound = self._speech.pop(0) if self._speech else FRAME
            await self.transport.into.push_audio_frame(InputAudioRawFrame(sound.ljust(len(FRAME), b"\0"), RATE, 1))
            due += FRAME_SECS
            await asyncio.sleep(max(0.0, due - time.monotonic()))


@asynccontextmanager
async def calling(agent: Agent, folder: Path) -> AsyncIterator[Caller]:
    """Call an agent that nobody else calls; whoever has not hung up at the end does so."""
    host = Host(agent, folder)
    try:
        async with called(host) as caller:
            yield caller
    finally:
        await host.close()


@asynccontextmanager
async def called(host: Host, number: str = "") -> AsyncIterator[Caller]:
    """Call a host, from a number; whoever has not hung up at the end does so."""
    transport = MemoryTransport()
    caller = Caller(transport)
    caller.call = host.call(Line(transport, caller=number), caller.on_event)
    started = asyncio.Event()

    async def on_started(*_: object) -> None:
        started.set()

    caller.call._worker.add_event_handler("on_pipeline_started", on_started)
    held = asyncio.create_task(host.hold(caller.call))
    breathing = None
    try:
        async with asyncio.timeout(LIMIT_SECS):
            await started.wait()
        await transport._call_event_handler("on_client_connected", None)
        breathing = asyncio.create_task(caller.breathe())
        yield caller
    finally:
        if breathing is not None:
            breathing.cancel()
        if not caller.of(CallEnded):
            await caller.hang_up()
        await held
