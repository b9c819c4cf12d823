"""The agent's sound waits, goes on where it stopped, or is given up."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from tests.services.embedded import Line, running, until
from voicekit.runtime.pause import CallClock, Pause

RATE = 24000
CHUNK = b"\1\1" * (RATE * 40 // 1000)  # as much as a transport writes at once


class Output(BaseOutputTransport):
    """A transport that keeps what it writes."""

    def __init__(self) -> None:
        super().__init__(TransportParams(audio_out_enabled=True, audio_out_end_silence_secs=0))
        self.written: list[OutputAudioRawFrame] = []

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        self.written.append(frame)
        return True


def sound(*, interruptible: bool = True) -> OutputAudioRawFrame:
    frame = OutputAudioRawFrame(CHUNK, RATE, 1)
    frame.interruptible = interruptible
    return frame


class Slow(FrameProcessor):
    """Stands behind a transport and takes long over an interruption."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            await asyncio.sleep(0.3)


class Scene:
    def __init__(self, output: Output, pause: Pause, clock: CallClock, line: Line) -> None:
        self.output, self.pause, self.clock, self.line = output, pause, clock, line

    async def interrupt(self) -> None:
        await self.line.put(InterruptionFrame())
        await self.line.down.wait(InterruptionFrame, 1)


@asynccontextmanager
async def paused() -> AsyncIterator[Scene]:
    output, clock = Output(), CallClock()
    clock.start()
    pause = Pause(output, clock)
    async with running(Pipeline([pause, output, Slow()])) as line:
        pause.hold()
        yield Scene(output, pause, clock, line)


async def test_what_is_held_is_heard_once_it_is_let_go() -> None:
    async with paused() as scene:
        frame = sound()
        writing = asyncio.create_task(scene.output.write_audio_frame(frame))
        await asyncio.sleep(0)
        assert (scene.output.written, scene.pause.holds) == ([], True)
        scene.pause.release()
        assert await writing
        assert (scene.output.written, scene.pause.holds) == ([frame], False)
        await scene.output.write_audio_frame(frame)
        assert scene.output.written == [frame, frame]


async def test_an_interruption_gives_up_what_waits_but_what_must_be_heard() -> None:
    async with paused() as scene:
        lost, kept = sound(), sound(interruptible=False)
        writing = [asyncio.create_task(scene.output.write_audio_frame(each)) for each in (lost, kept)]
        await asyncio.sleep(0)
        await scene.interrupt()
        assert all(await asyncio.gather(*writing))
        assert scene.output.written == [kept]
        assert not scene.pause.holds


async def test_what_a_transport_still_has_when_it_is_interrupted_is_given_up_too() -> None:
    async with paused() as scene:
        await scene.interrupt()
        late, kept, new = sound(), sound(interruptible=False), sound()
        assert await scene.output.write_audio_frame(late)
        assert await scene.output.write_audio_frame(kept)
        await scene.line.put(new)
        await until(lambda: len(scene.output.written) > 1)
        assert [frame.audio for frame in scene.output.written] == [kept.audio, new.audio]


async def test_sound_that_is_given_up_behind_an_interruption_is_no_speech() -> None:
    """A transport takes a frame from its queue, and tells that the agent speaks, a moment before it writes it."""
    async with paused() as scene:
        await scene.interrupt()
        sender = scene.output._media_senders[None]
        late = TTSAudioRawFrame(CHUNK, RATE, 1)
        await sender._handle_frame(late)
        assert await scene.output.write_audio_frame(late)
        assert scene.output.written == []
        await scene.line.put(TTSAudioRawFrame(CHUNK, RATE, 1), TTSStoppedFrame())
        await scene.line.down.wait(BotStoppedSpeakingFrame)
        assert len(scene.output.written) == 1
        assert len(scene.line.down.all(BotStartedSpeakingFrame)) == 1


async def test_a_word_that_is_due_at_an_interruption_is_not_told_behind_it() -> None:
    async with paused() as scene:
        scene.pause.release()
        word = TTSTextFrame("day.", text_type="word")
        word.pts = scene.output.get_clock().get_time() + 200_000_000
        await scene.line.put(word)
        sender = scene.output._media_senders[None]
        await until(lambda: sender._clock_frame is word)
        await scene.interrupt()
        await scene.line.put(sound())
        await scene.line.down.wait(OutputAudioRawFrame)  # behind all that the interruption left
        assert scene.line.down.all(TTSTextFrame) == []


async def test_an_interruption_does_not_shorten_the_quiet_behind_it() -> None:
    async with paused() as scene:
        scene.pause.be_quiet(0.1)
        began = time.monotonic()
        await scene.interrupt()
        scene.pause.release()
        frame = sound()
        assert scene.pause.holds
        await scene.line.put(frame)
        await until(lambda: bool(scene.output.written))
        assert time.monotonic() - began > 0.09
        assert [each.audio for each in scene.output.written] == [frame.audio]


async def test_the_end_of_a_call_lets_go_of_all() -> None:
    async with paused() as scene:
        scene.pause.be_quiet(60)
        frame = sound()
        writing = asyncio.create_task(scene.output.write_audio_frame(frame))
        await asyncio.sleep(0)
    assert await writing
    assert scene.output.written == [frame]


async def test_the_clock_of_the_words_stands_still_meanwhile() -> None:
    async with paused() as scene:
        stopped = scene.clock.get_time()
        await asyncio.sleep(0.05)
        assert scene.clock.get_time() == stopped
        scene.pause.release()
        await asyncio.sleep(0.05)
        assert scene.clock.get_time() > stopped


def test_a_clock_that_was_not_started_shows_nothing() -> None:
    clock = CallClock()
    clock.stop()
    clock.resume()
    assert clock.get_time() == 0
    clock.start()
    assert clock.get_time() < 1e9


async def test_it_knows_whether_something_is_heard() -> None:
    async with paused() as scene:
        heard = [scene.pause.sounding]
        scene.pause.release()
        heard.append(scene.pause.sounding)
        await scene.output.write_audio_frame(OutputAudioRawFrame(b"\0\0", 16000, 1))
        heard.append(scene.pause.sounding)
        await scene.output.write_audio_frame(sound())
        heard.append(scene.pause.sounding)
        assert heard == [True, False, False, True]
