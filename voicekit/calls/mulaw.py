"""Mulaw: the sound of North American and Japanese telephones, 8 bits a sample (ITU-T G.711)."""

from typing import Final

import numpy as np
import numpy.typing as npt

from voicekit.calls.microphone import Samples

HZ: Final = 8000
_BIAS: Final = 132
_CLIP: Final = 32635


def _table() -> npt.NDArray[np.int16]:
    codes = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (codes >> 4) & 7, (codes & 15).astype(np.int32)
    size = (((mantissa << 3) + _BIAS) << exponent) - _BIAS
    return np.where(codes & 128, -size, size).astype(np.int16)


_DECODED: Final = _table()


def decoded(sound: bytes) -> Samples:
    """Return samples, 16 bit."""
    return _DECODED[np.frombuffer(sound, dtype=np.uint8)]


def encoded(samples: Samples) -> bytes:
    """Return a byte for each sample."""
    size = np.minimum(np.abs(samples.astype(np.int32)), _CLIP) + _BIAS
    exponent = np.floor(np.log2(size)).astype(np.int32) - 7
    mantissa = (size >> (exponent + 3)) & 15
    sign = np.where(samples < 0, 128, 0)
    return bytes((~(sign | (exponent << 4) | mantissa)).astype(np.uint8))
