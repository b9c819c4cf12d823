"""Serializers of an app's WebSocket: RTVI in JSON, and Pipecat's protobuf. What is heard has the pipeline's rate.

RTVI says what a client sends sound in (`raw-audio`, which Pipecat reads) and what an agent does (`bot-tts-audio`,
which Pipecat names and never sends): `pipecat.processors.frameworks.rtvi.models`. Pipecat's own serializers have no
JSON with the agent's sound in it, so this is the one.
"""

import base64
import json

import numpy as np
from pipecat.audio.utils import create_stream_resampler
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputTransportMessageFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.processors.frameworks.rtvi import models as rtvi
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.serializers.protobuf import ProtobufFrameSerializer


class _Rate:
    """The pipeline's rate, and one stream of sound on its way to it."""

    def __init__(self) -> None:
        self.hz = 0
        self._resampler = create_stream_resampler()

    async def reached(self, frame: InputAudioRawFrame) -> InputAudioRawFrame | None:
        """Return a frame at the pipeline's rate, with the first of its channels; None while none is complete."""
        audio = frame.audio
        if frame.num_channels > 1:
            audio = np.frombuffer(audio, dtype=np.int16)[:: frame.num_channels].tobytes()
        if frame.sample_rate != self.hz:
            audio = await self._resampler.resample(audio, frame.sample_rate, self.hz)
        return InputAudioRawFrame(audio=audio, sample_rate=self.hz, num_channels=1) if audio else None


class RtviSerializer(FrameSerializer):
    """One JSON object a message: RTVI's messages, and sound in base64 inside of them."""

    def __init__(self) -> None:
        super().__init__(FrameSerializer.InputParams(ignore_rtvi_messages=False))
        self._rate = _Rate()

    # Narrower than what it overrides, as Pipecat's own base of serializers is.
    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]
        """Learn the pipeline's rate."""
        self._rate.hz = setup.audio_in_sample_rate

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """Return what goes over the wire for a frame, or None if it stays here."""
        if isinstance(frame, OutputTransportMessageFrame | OutputTransportMessageUrgentFrame):
            return json.dumps(frame.message)
        if isinstance(frame, OutputAudioRawFrame):
            sound = rtvi.AudioMessageData(
                audio=base64.b64encode(frame.audio).decode("ascii"),
                sample_rate=frame.sample_rate,
                num_channels=frame.num_channels,
            )
            return rtvi.BotTTSAudioMessage(data=sound).model_dump_json()
        return None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """Return the frame of a message, or None for what is none of RTVI's."""
        try:
            message = json.loads(data)
        except ValueError:
            return None
        if not isinstance(message, dict) or message.get("label") != rtvi.MESSAGE_LABEL:
            return None
        if message.get("type") == "raw-audio" and (heard := _heard(message.get("data"))):
            return await self._rate.reached(heard)
        return InputTransportMessageFrame(message=message)


class AppProtobufSerializer(ProtobufFrameSerializer):
    """Pipecat's frames, as its client libraries send them."""

    def __init__(self) -> None:
        super().__init__()
        self._rate = _Rate()

    # Narrower than what it overrides, as Pipecat's own base of serializers is.
    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]
        """Learn the pipeline's rate."""
        await super().setup(setup)
        self._rate.hz = setup.audio_in_sample_rate

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """Return the frame of a message, or None for one that carries none."""
        frame = await super().deserialize(data)
        return await self._rate.reached(frame) if isinstance(frame, InputAudioRawFrame) else frame


def _heard(data: object) -> InputAudioRawFrame | None:
    """Return the sound of a message; None where it cannot be read, which Pipecat then says."""
    if not isinstance(data, dict):
        return None
    try:
        frame = InputAudioRawFrame(
            audio=base64.b64decode(data["base64Audio"]),
            sample_rate=int(data["sampleRate"]),
            num_channels=int(data.get("numChannels", 1)),
        )
    except (KeyError, TypeError, ValueError):
        return None
    whole = frame.sample_rate > 0 and frame.num_channels > 0 and len(frame.audio) % (2 * frame.num_channels) == 0
    return frame if whole and frame.audio else None
