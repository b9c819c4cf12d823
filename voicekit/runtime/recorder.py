"""Recorder: the sound of one call, both sides, as a stereo WAV: the caller left, the agent right."""

import wave
from pathlib import Path

from pipecat.processors.audio.audio_buffer_processor import AudioBufferProcessor
from pipecat.processors.frame_processor import FrameProcessor


def recorder(path: Path) -> FrameProcessor:
    """Return what stands behind the way out of a call, and writes a file when the call ends.

    Args:
        path: The file; 16 bit, at the rate of the agent's sound.
    """
    buffer = AudioBufferProcessor(num_channels=2, auto_start_recording=True)

    async def write(_buffer: object, audio: bytes, rate: int, channels: int) -> None:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(audio)

    buffer.add_event_handler("on_audio_data", write)
    return buffer
