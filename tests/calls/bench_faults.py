"""Bench of faults: `python -m tests.calls.bench_faults` measures what a list costs when its first provider fails.

The first part is the wait for an answer, from the caller's last word on: of a list of which nobody fails, and how much
longer it is where the first does. The second is what is left of faulty calls in one process.
The emulators answer at once, all time limits are those of a file that says nothing of them, and a timer of 700 ms ends
the turns.
"""

import asyncio
import itertools
import logging
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from tests.calls.faults import AT_ONCE, KINDS, NONE, Row, agent_of, answer_secs, asked, heard_by, settled
from tests.calls.test_leaks import kept
from voicekit.calls.measures import memory, share

FIRST: Final = ("deepgram", "openai", "elevenlabs")
FAULTS: Final[tuple[object, ...]] = ({"refuse": 500}, {"drop": 3}, {"hang": 0})
PARTS: Final = 4


async def wait_secs(emulator: str, fault: object, folder: Path) -> float:
    """Hold a call of one turn to a list whose first provider has a fault; return the wait, endless if it was lost."""
    row = Row(emulator, fault, listed=True)
    # A filler is heard before the answer, and would be taken for it.
    agent = agent_of(row, folder).model_copy(update={"fillers": None})
    async with asked(row, agent, folder) as caller:
        await settled(caller)
        return answer_secs(caller) if "answer" in heard_by(caller) else math.inf


async def held(emulator: str, fault: object, count: int, folder: Path) -> list[float]:
    """Hold calls, some at once; return the waits, sorted."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one() -> float:
        async with free:
            return await wait_secs(emulator, fault, folder)

    return sorted(await asyncio.gather(*(one() for _ in range(count))))


def told(emulator: str, fault: object, waits: Sequence[float], usual: float) -> None:
    """Print how long the answers were waited for, beyond what is usual."""
    middle, late = (f"{(share(waits, part) - usual) * 1000:5.0f} ms" for part in (0.5, 0.95))
    name = " ".join(f"{key} {value}" for key, value in fault.items()) if isinstance(fault, dict) else "healthy"
    lost = sum(map(math.isinf, waits))
    click.echo(f"{KINDS[emulator]:5}{name:14}{len(waits):3} calls   p50 {middle}   p95 {late}   lost {lost}")


async def measure(calls: int, faulty: int) -> None:
    """Hold the calls and print what was measured."""
    with tempfile.TemporaryDirectory() as name:
        for emulator in FIRST:
            healthy = await held(emulator, NONE, calls, Path(name))
            told(emulator, NONE, healthy, usual=0)
            for fault in FAULTS:
                waits = await held(emulator, fault, calls, Path(name))
                told(emulator, fault, waits, usual=share(healthy, 0.5))
        kinds = list(itertools.product(FIRST, FAULTS))
        each = -(-faulty // len(kinds) // PARTS)
        before, megabytes = kept(), [memory(os.getpid())]
        for _ in range(PARTS):
            for emulator, fault in kinds:
                await held(emulator, fault, each, Path(name))
            megabytes.append(memory(os.getpid()))
        after = kept()
    click.echo(f"{each * len(kinds) * PARTS} more faulty calls, in {PARTS} parts:")
    click.echo(f"  memory {' -> '.join(map(str, megabytes))} MB")
    for what, count in before.items():
        click.echo(f"  {what} {count} -> {after[what]}")


@click.command()
@click.option("--calls", default=12, show_default=True, help="Of each fault in the first part.")
@click.option("--faulty", default=200, show_default=True, help="In the second part.")
def main(calls: int, faulty: int) -> None:
    """Measure lists whose first provider fails."""
    # A server tells of each stream that a fault has ended.
    logging.disable(logging.ERROR)
    asyncio.run(measure(calls, faulty))


if __name__ == "__main__":
    main()
