"""What the tests of emulators send for speech: tones at 16 kHz, 16 bits, one channel."""

import math
from array import array


def tone(secs: float, level: int = 4000) -> bytes:
    count = int(secs * 16000)
    return array("h", [int(level * math.sin(index * 0.17)) for index in range(count)]).tobytes()


def quiet(secs: float) -> bytes:
    return bytes(2 * int(secs * 16000))
