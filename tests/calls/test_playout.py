"""What arrives is played at real time: an ear hears what is played, marks come back, and a clear empties it all."""

import asyncio
import time

import numpy as np
import pytest

from voicekit.calls.ear import Ear
from voicekit.calls.microphone import Samples
from voicekit.calls.playout import Playout

HZ = 8000


def tone(secs: float) -> Samples:
    return np.full(int(secs * HZ), 5000, dtype=np.int16)


async def play(playout: Playout, secs: float) -> list[str]:
    """Play for a while; return the marks that were reached."""
    reached: list[str] = []

    async def take(name: str) -> None:
        reached.append(name)

    task = asyncio.create_task(playout.run(take))
    await asyncio.sleep(secs)
    task.cancel()
    await asyncio.wait([task])
    return reached


async def test_sound_lasts_as_long_as_it_is_and_marks_come_between() -> None:
    ear = Ear()
    playout = Playout(HZ, ear)
    playout.add(tone(0.11))
    playout.mark("middle")
    playout.add(tone(0.1))
    playout.mark("end")
    playout.add(np.zeros(int(0.3 * HZ), dtype=np.int16))
    playout.mark("never")
    reached = await play(playout, 0.35)
    assert reached == ["middle", "end"]
    (stretch,) = ear.stretches
    assert stretch.end - stretch.start == pytest.approx(0.21, abs=0.001)
    assert stretch.peak == 5000


async def test_what_is_cleared_is_never_heard() -> None:
    heard: list[Samples] = []
    playout = Playout(HZ, Ear(lambda samples, _at: heard.append(samples)))
    playout.add(tone(5))
    playout.mark("one")
    playout.mark("two")
    await play(playout, 0.1)
    assert playout.clear() == ["one", "two"]
    heard.clear()
    assert await play(playout, 0.1) == []
    assert heard
    assert not np.concatenate(heard).any()


async def test_gaps_are_told_from_pauses() -> None:
    ear = Ear()
    began = time.monotonic()
    for at, secs in ((0.0, 0.2), (0.3, 0.2), (0.7, 0.2), (2.0, 0.1)):
        ear.hear(tone(secs), HZ, began + at)
    assert ear.gaps(began) == pytest.approx([0.2], abs=0.001)
    assert ear.last_before(began + 0.6) == pytest.approx(began + 0.5, abs=0.001)
    assert await ear.sound(began + 1, 1) == began + 2
    with pytest.raises(TimeoutError):
        await ear.sound(began + 3, 0.01)
