"""What the tests of emulators send for speech: tones of 16 bits, one channel, at 16 kHz unless told otherwise."""

import math
from array import array


def tone(secs: float, level: int = 4000, rate: int = 16000) -> bytes:
    count = int(secs * rate)
    return array("h", [int(level * math.sin(index * 0.17)) for index in range(count)]).tobytes()


def quiet(secs: float, rate: int = 16000) -> bytes:
    return bytes(2 * int(secs * rate))
