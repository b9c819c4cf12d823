"""Voice: how an emulator speaks. Every word is a tone whose pitch and length follow from its letters."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

MS_PER_CHARACTER: Final = 60


def words(text: str) -> list[str]:
    """Return the words of a text with the spaces before them; joined, they are the text."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text)


def tone(word: str, rate: int, ms_per_character: float = MS_PER_CHARACTER) -> Any:
    """Return samples of a word, at a rate in Hz: a tone that swells and fades, so that two words are two."""
    count = int(rate * ms_per_character * len(word) / 1000)
    times = np.arange(count)
    pitch = 180 + sum(map(ord, word)) % 240
    return 8000 * np.sin(2 * np.pi * pitch * times / rate) * np.sin(np.pi * times / max(1, count))


def _linear16(samples: Any) -> bytes:
    return bytes(samples.astype("<i2").tobytes())


def _mulaw(samples: Any) -> bytes:
    magnitudes = np.minimum(np.abs(samples).astype(np.int32), 32635) + 0x84
    segments = np.maximum(np.floor(np.log2(magnitudes)).astype(np.int32) - 7, 0)
    codes = (np.where(samples < 0, 0x80, 0) | segments << 4 | magnitudes >> (segments + 3) & 0x0F) ^ 0xFF
    return bytes(codes.astype(np.uint8).tobytes())


def _alaw(samples: Any) -> bytes:
    magnitudes = np.minimum(np.abs(samples).astype(np.int32), 32635)
    segments = np.maximum(np.floor(np.log2(np.maximum(magnitudes, 1))).astype(np.int32) - 7, 0)
    steps = magnitudes >> np.maximum(segments + 3, 4) & 0x0F
    codes = (np.where(samples < 0, 0, 0x80) | segments << 4 | steps) ^ 0x55
    return bytes(codes.astype(np.uint8).tobytes())


ENCODERS: Final[Mapping[str, Callable[[Any], bytes]]] = {"linear16": _linear16, "mulaw": _mulaw, "alaw": _alaw}
