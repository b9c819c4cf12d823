"""A recording: the caller left, the agent right, each where it was said."""

import wave
from pathlib import Path

import numpy as np
from pipecat.audio.utils import create_stream_resampler, pcm_to_ulaw, ulaw_to_pcm

from voicekit.calls import mulaw
from voicekit.calls.recording import Recording


def frames(secs: float, hz: int, level: int) -> list[tuple[float, np.ndarray[tuple[int], np.dtype[np.int16]]]]:
    samples = np.full(int(secs * hz), level, dtype=np.int16)
    return [(start / hz, samples[start : start + hz // 50]) for start in range(0, len(samples), hz // 50)]


def test_both_sides_have_one_clock(tmp_path: Path) -> None:
    recording = Recording(8000, 24000)
    for at, samples in frames(1.0, 8000, 1000):
        recording.caller.take(samples, 100 + at)
    # A frame that comes a little late belongs to the one before; one that comes much later does not.
    for number, (at, samples) in enumerate(frames(0.5, 24000, 2000)):
        recording.agent.take(samples, 101.5 + at + 0.02 * (number % 3))
    recording.write(tmp_path / "call.wav")
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 24000)
        both = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16).reshape(-1, 2)
    assert len(both) == 2 * 24000
    caller, agent = both[:, 0], both[:, 1]
    assert (np.abs(caller[100:23900] - 1000) < 20).all()
    assert not caller[24000:].any()
    assert not agent[: int(1.5 * 24000)].any()
    assert (agent[int(1.5 * 24000) :] == 2000).all()


def test_a_call_without_a_sound_is_an_empty_file(tmp_path: Path) -> None:
    Recording(8000, 8000).write(tmp_path / "call.wav")
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnframes() == 0


async def test_mulaw_is_what_pipecat_makes_of_it() -> None:
    samples = np.concatenate([np.arange(-32768, 32768, 7), np.arange(-300, 300)]).astype(np.int16)
    resampler = create_stream_resampler()
    theirs = await pcm_to_ulaw(samples.tobytes(), 8000, 8000, resampler)
    codes = bytes(range(256))
    assert mulaw.decoded(codes).tobytes() == await ulaw_to_pcm(codes, 8000, 8000, resampler)
    # Where a sample lies between two codes, either is right.
    ours = mulaw.decoded(mulaw.encoded(samples)).astype(np.int32)
    other = mulaw.decoded(theirs).astype(np.int32)
    assert (np.abs(ours - samples) <= np.abs(other - samples) + 8).all()
