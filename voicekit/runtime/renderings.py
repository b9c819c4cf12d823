"""Renderings: the lines that must be heard whatever has failed, as sound that was made before the first call."""

import asyncio
from collections.abc import Iterable

import numpy as np
import soxr
from pipecat.frames.frames import ErrorFrame, Frame, TTSAudioRawFrame, TTSSpeakFrame, TTSStoppedFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from voicekit.config.agent import Agent
from voicekit.config.placeholders import names
from voicekit.config.services import Service
from voicekit.problems import Refused
from voicekit.runtime.clients import close_client
from voicekit.runtime.construct import construct
from voicekit.runtime.readable import readable
from voicekit.runtime.resources import Resources
from voicekit.runtime.waiting_lines import waiting_lines
from voicekit.services.child import ChildLost, ChildRefused
from voicekit.services.own_voice import Engine, engine_for, sound_of

# The rate at which lines are kept, in Hz; a call has them at its own.
_KEPT_HZ = 24000


def surviving_lines(agent: Agent) -> list[str]:
    """Return the lines of a file that must be heard whatever has failed; those with placeholders cannot be ready."""
    lines = [agent.failure.say, agent.failure.goodbye, agent.limits.warn_say, agent.limits.goodbye]
    lines += [agent.limits.full_say] if agent.is_reached else []
    lines += [waiting_lines(agent)]
    lines += [agent.silence.nudges, agent.silence.goodbye] if agent.silence else []
    return list(dict.fromkeys(words for line in lines for words in line if words.strip() and not names(words)))


class Renderings:
    """The lines of one file as sound.

    A line that is not ready, because it has placeholders, is made when it is said, by an engine of this machine. That
    engine says everything where the file's own voice cannot.

    Args:
        agent: The file.
        resources: What calls share.
    """

    def __init__(self, agent: Agent, resources: Resources) -> None:
        self._agent = agent
        self._resources = resources
        self._engine: Engine | None = engine_for(agent.language)
        self._sounds: dict[str, bytes] = {}
        self._at: dict[tuple[str, int], bytes] = {}
        if self._engine:
            # So that it is warm when a provider fails.
            resources.pool(self._engine.worker)

    async def warm_up(self, *, own_voice: bool) -> str:
        """Make the sound of all lines that can be ready.

        Args:
            own_voice: Whether the file's own voice is asked to, which its provider counts.

        Returns:
            Who says them, in words; nothing where nobody listens.
        """
        if not (self._agent.tts or self._agent.realtime):
            return ""
        lines, why = surviving_lines(self._agent), ""
        for service in self._agent.tts if own_voice else ():
            try:
                self._sounds = await spoken_by(service, self._agent, self._resources, lines)
            except (RenderError, Refused) as error:
                why = f" ({service.provider.name} could not: {error})"
            else:
                return service.provider.name
        if self._engine is None:
            return f"nobody but the providers{why}: install espeak-ng"
        for words in lines:
            self._sounds[words] = await self._made(words, _KEPT_HZ) or b""
        return f"{self._engine.worker.partition('_')[0]}{why}"

    async def sound(self, words: str, rate: int) -> bytes | None:
        """Return words as sound, 16 bit, mono, at a rate in Hz; None where nobody can say them."""
        if words not in self._sounds:
            return await self._made(words, rate)
        if (words, rate) not in self._at:
            self._at[words, rate] = await asyncio.to_thread(_resampled, self._sounds[words], rate)
        return self._at[words, rate]

    async def _made(self, words: str, rate: int) -> bytes | None:
        if self._engine is None:
            return None
        try:
            return await sound_of(words, self._engine, self._resources.pool(self._engine.worker), rate)
        except (ChildLost, ChildRefused):
            return None


class RenderError(Exception):
    """A voice did not say a line."""


async def spoken_by(service: Service, agent: Agent, resources: Resources, lines: Iterable[str]) -> dict[str, bytes]:
    """Have a file's own voice say lines outside of a call.

    Args:
        service: The voice.
        agent: The file.
        resources: What calls share.
        lines: What it says; each is waited for as long as the voice's `timeout_secs` says.

    Returns:
        The sound of each line: 16 bit, mono, 24 kHz.

    Raises:
        RenderError: It has not said one of them.
        Refused: It cannot be built.
    """
    voice = construct(agent, service, resources)
    gathered = _Gathered()
    params = PipelineParams(audio_out_sample_rate=_KEPT_HZ)
    worker = PipelineWorker(
        Pipeline([voice, gathered]),
        params=params,
        enable_rtvi=False,
        idle_timeout_secs=None,
        enable_turn_tracking=False,
    )

    async def failed(_worker: object, error: ErrorFrame) -> None:
        gathered.fail(error.error)

    worker.add_event_handler("on_pipeline_error", failed)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        return await gathered.say(worker, list(lines), service.timeout_secs)
    finally:
        await worker.cancel()
        await running
        await close_client(voice)


class _Gathered(FrameProcessor):
    """Gathers the sound of lines, behind a voice that says them one after another."""

    def __init__(self) -> None:
        super().__init__()
        self._sound = b""
        self._lines: asyncio.Queue[bytes | RenderError] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._sound += _resampled(frame.audio, _KEPT_HZ, frame.sample_rate)
        elif isinstance(frame, TTSStoppedFrame):
            self._lines.put_nowait(self._sound)
            self._sound = b""
        await self.push_frame(frame, direction)

    def fail(self, reason: str) -> None:
        self._lines.put_nowait(RenderError(readable(reason)))

    async def say(self, worker: PipelineWorker, lines: list[str], limit_secs: float) -> dict[str, bytes]:
        """Say lines; the voice has some time for each that is its own."""
        await worker.queue_frames([TTSSpeakFrame(words, append_to_context=False) for words in lines])
        said = {}
        for words in lines:
            try:
                sound = await asyncio.wait_for(self._lines.get(), limit_secs)
            except TimeoutError:
                raise RenderError(f"no sound of a line within {limit_secs:g} s") from None
            if isinstance(sound, RenderError):
                raise sound
            if not any(sound):
                raise RenderError("a line without a sound")
            said[words] = sound
        return said


def _resampled(sound: bytes, rate: int, from_hz: int = _KEPT_HZ) -> bytes:
    if rate == from_hz:
        return sound
    samples = np.frombuffer(sound, dtype="<i2").astype(np.float32)
    return bytes(soxr.resample(samples, from_hz, rate).clip(-32768, 32767).astype("<i2").tobytes())
