"""What an app's messages become: sound at the pipeline's rate, RTVI for Pipecat, and nothing of what is neither."""

import base64
import json
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputTransportMessageFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.frames.protobufs import frames_pb2
from pipecat.processors.frame_processor import FrameProcessorSetup

from voicekit.services.serializer_app import AppProtobufSerializer, RtviSerializer


async def ready(serializer: RtviSerializer | AppProtobufSerializer) -> RtviSerializer | AppProtobufSerializer:
    await serializer.setup(cast("FrameProcessorSetup", SimpleNamespace(audio_in_sample_rate=16000)))
    return serializer


def raw(sound: bytes, hz: object = 16000, **more: object) -> str:
    data = {"base64Audio": base64.b64encode(sound).decode(), "sampleRate": hz, "numChannels": 1} | more
    return json.dumps({"label": "rtvi-ai", "type": "raw-audio", "id": "", "data": data})


async def test_sound_goes_both_ways_in_json() -> None:
    serializer = await ready(RtviSerializer())
    heard = await serializer.deserialize(raw(b"\1\0" * 320))
    assert isinstance(heard, InputAudioRawFrame)
    assert (heard.audio, heard.sample_rate, heard.num_channels) == (b"\1\0" * 320, 16000, 1)
    sent = await serializer.serialize(OutputAudioRawFrame(b"\2\0" * 3, 24000, 1))
    assert json.loads(sent or "") == {
        "label": "rtvi-ai",
        "type": "bot-tts-audio",
        "data": {"audio": base64.b64encode(b"\2\0" * 3).decode(), "sample_rate": 24000, "num_channels": 1},
    }


async def test_messages_pass_as_they_are() -> None:
    serializer = await ready(RtviSerializer())
    message = {"label": "rtvi-ai", "type": "client-ready", "id": "1", "data": {}}
    heard = await serializer.deserialize(json.dumps(message))
    assert isinstance(heard, InputTransportMessageFrame)
    assert heard.message == message
    assert json.loads(await serializer.serialize(OutputTransportMessageUrgentFrame(message)) or "") == message
    assert await serializer.serialize(InterruptionFrame()) is None


@pytest.mark.parametrize("text", ["", "hello", "[]", '"rtvi-ai"', "{}", '{"label": "other"}', b"\x00\xff"])
async def test_what_is_no_message_is_nothing(text: str | bytes) -> None:
    assert await (await ready(RtviSerializer())).deserialize(text) is None


@pytest.mark.parametrize(
    "text",
    [
        raw(b"\1\0", hz="fast"),
        raw(b"\1\0", hz=0),
        raw(b"\1"),
        raw(b""),
        raw(b"\1\0", numChannels=2),
        raw(b"\1\0", base64Audio="é"),
        '{"label": "rtvi-ai", "type": "raw-audio", "id": "", "data": 5}',
    ],
)
async def test_sound_that_cannot_be_read_is_left_to_pipecat_to_refuse(text: str) -> None:
    heard = await (await ready(RtviSerializer())).deserialize(text)
    assert isinstance(heard, InputTransportMessageFrame)


def stereo() -> np.ndarray[Any, np.dtype[np.int16]]:
    """A second of 300 Hz at 48 kHz on the left, and noise on the right."""
    left = 8000 * np.sin(2 * np.pi * 300 * np.arange(48000) / 48000)
    return np.stack([left, np.resize([9000, -9000], 48000)], axis=1).astype(np.int16)


def in_protobuf(sound: bytes) -> bytes:
    frame = frames_pb2.Frame()  # type: ignore[attr-defined] # made when it is imported
    frame.audio.audio, frame.audio.sample_rate, frame.audio.num_channels = sound, 48000, 2
    packed: bytes = frame.SerializeToString()
    return packed


@pytest.mark.parametrize(
    ("serializer", "pack"),
    [(RtviSerializer(), lambda sound: raw(sound, 48000, numChannels=2)), (AppProtobufSerializer(), in_protobuf)],
    ids=["rtvi", "protobuf"],
)
async def test_sound_of_any_rate_and_two_channels_becomes_the_pipeline_s(serializer: Any, pack: Any) -> None:
    await ready(serializer)
    heard: list[Frame | None] = []
    for part in np.split(stereo(), 50):
        heard.append(await serializer.deserialize(pack(part.tobytes())))  # noqa: PERF401 - one after the other
    frames = [frame for frame in heard if isinstance(frame, InputAudioRawFrame)]
    assert {(frame.sample_rate, frame.num_channels) for frame in frames} == {(16000, 1)}
    samples = np.frombuffer(b"".join(frame.audio for frame in frames), dtype=np.int16)
    spectrum = np.abs(np.fft.rfft(samples[-8000:]))
    assert int(spectrum.argmax()) * 2 == 300
