"""Own voice: words as sound from an engine of this machine, outside of a pipeline."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import soxr

from voicekit.services.espeak_worker import RATE as ESPEAK_RATE
from voicekit.services.flite_worker import RATE as FLITE_RATE
from voicekit.services.frames import DONE, SPEAK
from voicekit.services.pool import Pool
from voicekit.services.tts_embedded import FLITE_VOICES, USUAL_PACE, available, espeak_voice


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine and a voice of it.

    Attributes:
        worker: The module that a child runs.
        rate: Of its sound, in Hz.
        request: What it is told besides the words.
    """

    worker: str
    rate: int
    request: Mapping[str, object]


def flite(voice: str = FLITE_VOICES[0]) -> Engine:
    """Return flite with a voice, which is English."""
    return Engine("flite_worker", FLITE_RATE, {"voice": voice})


def engine_for(language: str) -> Engine | None:
    """Return the engine for a language: flite for English where it is installed, else espeak-ng; None without both."""
    if language.partition("-")[0].lower() == "en" and not available("flite"):
        return flite()
    if available("espeak"):
        return None
    return Engine("espeak_worker", ESPEAK_RATE, {"voice": espeak_voice(language), "rate": USUAL_PACE})


async def sound_of(text: str, engine: Engine, pool: Pool, rate: int) -> bytes:
    """Return a text as sound: 16 bit, mono, at a rate in Hz.

    Args:
        text: The words.
        engine: Who says them.
        pool: Children that run its worker.
        rate: Of the sound.

    Raises:
        ChildLost: The engine has ended.
        ChildRefused: It cannot say this.
    """
    child = await pool.acquire()
    try:
        await child.send(SPEAK, json.dumps({**engine.request, "text": text}).encode())
        sound = b""
        while (frame := await child.receive())[0] != DONE:
            sound += frame[1]
    finally:
        pool.release(child)
    if engine.rate == rate:
        return sound
    samples = np.frombuffer(sound, dtype=np.int16).astype(np.float32)
    return bytes(soxr.resample(samples, engine.rate, rate).clip(-32768, 32767).astype(np.int16).tobytes())
