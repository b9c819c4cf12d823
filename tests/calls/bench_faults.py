"""Bench of faults: `python -m tests.calls.bench_faults` measures what a list costs when its first provider fails.

The first part is the wait for an answer, from the caller's last word on: of a list of which nobody fails, and how much
longer it is where the first does. The second is what is left of faulty calls in one process.
The emulators answer at once, all time limits are those of a file that says nothing of them, and a timer of 700 ms ends
the turns.
"""

import asyncio
import itertools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from tests.calls.faults import ANSWER, KINDS, QUESTION, STEP_SECS, Row, agent_of
from tests.calls.test_leaks import kept
from tests.runtime.memory_line import calling
from tests.services.embedded import SILENCE, speech
from voicekit.calls.measures import memory, share
from voicekit.calls.scene import Scene
from voicekit.calls.stage import staged
from voicekit.emulators.script import Reply, Script
from voicekit.emulators.side_channel import fault_of
from voicekit.records.events import AgentSaid, TakenOver

FIRST: Final = ("deepgram", "openai", "elevenlabs")
FAULTS: Final[tuple[object, ...]] = ({"refuse": 500}, {"drop": 3}, {"hang": 0})
AT_ONCE: Final = 6
PAUSE_SECS: Final = 0.1


async def wait_secs(emulator: str, fault: object, folder: Path, said: bytes) -> float:
    """Hold a call of one turn to a list whose first provider has a fault, or none; return the wait for its answer."""
    faults = {emulator: [fault_of(fault)] * 40} if fault else {}
    scene = Scene(Script(otherwise=Reply(ANSWER)), faults=faults)
    # A filler is heard before the answer, and would be taken for it.
    agent = agent_of(Row(emulator, fault, listed=True), folder).model_copy(update={"fillers": None})
    async with (
        staged(agent, scene) as stage,
        calling(stage.agent, folder) as caller,
    ):
        # What is not live when somebody calls has failed by now.
        await asyncio.sleep(STEP_SECS)
        stage.announce(QUESTION, len(said) / 32000)
        caller.speak(said)
        await caller.wait(AgentSaid)
        assert bool(caller.of(TakenOver)) == bool(fault), caller.events
        sounds = [sound for sound in caller.transport.out.sounds if sound[0] > caller.spoken_at]
        # A line that is said meanwhile is no answer, and there is a pause behind it.
        ends = [caller.spoken_at, *(end for _, end in sounds)]
        begins = [begin for (begin, _), end in zip(sounds, ends, strict=False) if begin - end > PAUSE_SECS]
        return begins[-1] - caller.spoken_at


async def held(emulator: str, fault: object, count: int, folder: Path, said: bytes) -> list[float]:
    """Hold calls, some at once; return the waits, sorted."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one() -> float:
        async with free:
            return await wait_secs(emulator, fault, folder, said)

    return sorted(await asyncio.gather(*(one() for _ in range(count))))


def told(emulator: str, fault: object, waits: Sequence[float], usual: float) -> None:
    """Print how long the answers were waited for, beyond what is usual."""
    middle, late = (f"{(share(waits, part) - usual) * 1000:5.0f} ms" for part in (0.5, 0.95))
    name = " ".join(f"{key} {value}" for key, value in fault.items()) if isinstance(fault, dict) else "healthy"
    click.echo(f"{KINDS[emulator]:5}{name:14}{len(waits):3} calls   p50 {middle}   p95 {late}")


async def measure(calls: int, faulty: int) -> None:
    """Hold the calls and print what was measured."""
    said = (await speech(QUESTION))[len(SILENCE) : -len(SILENCE)]
    with tempfile.TemporaryDirectory() as name:
        for emulator in FIRST:
            healthy = await held(emulator, None, calls, Path(name), said)
            told(emulator, None, healthy, usual=0)
            for fault in FAULTS:
                waits = await held(emulator, fault, calls, Path(name), said)
                told(emulator, fault, waits, usual=share(healthy, 0.5))
        kinds = list(itertools.product(FIRST, FAULTS))
        before, megabytes = kept(), memory(os.getpid())
        for emulator, fault in kinds:
            await held(emulator, fault, -(-faulty // len(kinds)), Path(name), said)
        after = kept()
    click.echo(f"after {-(-faulty // len(kinds)) * len(kinds)} more faulty calls:")
    click.echo(f"  memory {megabytes} MB -> {memory(os.getpid())} MB")
    for what, count in before.items():
        click.echo(f"  {what} {count} -> {after[what]}")


@click.command()
@click.option("--calls", default=12, show_default=True, help="Of each fault in the first part.")
@click.option("--faulty", default=200, show_default=True, help="In the second part.")
def main(calls: int, faulty: int) -> None:
    """Measure lists whose first provider fails."""
    asyncio.run(measure(calls, faulty))


if __name__ == "__main__":
    main()
