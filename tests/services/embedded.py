"""What the tests of the embedded speech services share: a pipeline of one service, and real speech from flite."""

import asyncio
import json
import sys
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from voicekit.services.child import Child, worker
from voicekit.services.frames import DONE, SPEAK
from voicekit.services.tts_embedded import available

LIMIT_SECS = 40.0
FRAME_BYTES = 640
SILENCE = bytes(16000)

needs_flite = pytest.mark.skipif(available("flite") != "", reason=available("flite"))

F = TypeVar("F", bound=Frame)


def script(body: str) -> tuple[str, ...]:
    """Return the command of a worker made of these lines, which answer the frames of `pipe`."""
    lines = "\n    ".join(body.splitlines())
    return (
        sys.executable,
        "-c",
        f"import os\nfrom voicekit.services.frames import *\ndef serve(pipe):\n    {lines}\nrun(serve)",
    )


DIES_WHEN_ASKED = script("pipe.send(READY)\npipe.receive()\nos._exit(7)")


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that no event tells."""
    async with asyncio.timeout(LIMIT_SECS):
        while not true():  # noqa: ASYNC110 - there is none
            await asyncio.sleep(0.01)


class Ear(FrameProcessor):
    """Keeps the frames that pass in one direction, and lets a test wait for them."""

    def __init__(self, direction: FrameDirection) -> None:
        super().__init__(enable_direct_mode=True)
        self.frames: list[Frame] = []
        self.on_frame: Callable[[Frame], None] = lambda _: None
        self._direction = direction
        self._news = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is self._direction:
            self.frames.append(frame)
            self.on_frame(frame)
            self._news.set()
        await self.push_frame(frame, direction)

    def all(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.frames if type(frame) is kind]

    async def wait(self, kind: type[F], count: int = 1) -> F:
        """Wait until `count` frames of a kind have passed; return the last of them."""
        async with asyncio.timeout(LIMIT_SECS):
            while len(self.all(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.all(kind)[count - 1]


class Line:
    """A running pipeline around one service: what is put in, what comes out of either end."""

    def __init__(self, pipeline: PipelineWorker, up: Ear, down: Ear) -> None:
        self.up, self.down = up, down
        self._pipeline = pipeline

    async def put(self, *frames: Frame) -> None:
        for frame in frames:
            await self._pipeline.queue_frame(frame)

    async def hear(self, audio: bytes, rate: int = 16000) -> None:
        for first in range(0, len(audio), FRAME_BYTES):
            await self.put(InputAudioRawFrame(audio[first : first + FRAME_BYTES], rate, 1))

    async def say(self, audio: bytes, rate: int = 16000) -> None:
        """Put in an utterance as a transport with VAD would, only faster."""
        await self.put(VADUserStartedSpeakingFrame())
        await self.hear(audio, rate)
        await self.put(VADUserStoppedSpeakingFrame(stop_secs=0.2))


@asynccontextmanager
async def running(service: FrameProcessor, rate_out: int = 24000) -> AsyncIterator[Line]:
    """Run a pipeline that holds one service, and end it."""
    up, down = Ear(FrameDirection.UPSTREAM), Ear(FrameDirection.DOWNSTREAM)
    pipeline = PipelineWorker(
        Pipeline([up, service, down]),
        params=PipelineParams(
            audio_in_sample_rate=16000,
            audio_out_sample_rate=rate_out,
            enable_metrics=True,
            enable_usage_metrics=True,
        ),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )
    started = asyncio.Event()

    async def on_started(*_: object) -> None:
        started.set()

    pipeline.add_event_handler("on_pipeline_started", on_started)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(pipeline)
    task = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(LIMIT_SECS):
            await started.wait()
        yield Line(pipeline, up, down)
    finally:
        async with asyncio.timeout(LIMIT_SECS):
            await runner.cancel()
            await task


async def speak(child: Child, **request: object) -> bytes:
    """Have a child say something; return its audio."""
    await child.send(SPEAK, json.dumps(request).encode())
    audio = b""
    while (frame := await child.receive())[0] != DONE:
        audio += frame[1]
    return audio


_spoken: dict[tuple[str, str], bytes] = {}


async def speech(text: str, peak: int = 10000, voice: str = "slt") -> bytes:
    """Return flite's speech at 16 kHz with this peak level, between two short silences."""
    if (voice, text) not in _spoken:
        child = await Child.start(worker("flite_worker"))
        try:
            _spoken[voice, text] = await speak(child, voice=voice, text=text)
        finally:
            child.kill()
            await child.ended()
    samples = array("h", _spoken[voice, text])
    loudest = max(*samples, -min(samples))
    return SILENCE + array("h", [sample * peak // loudest for sample in samples]).tobytes() + SILENCE
