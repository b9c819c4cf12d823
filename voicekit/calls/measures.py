"""Measures: what benchmarks take of numbers and of processes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def share(values: Sequence[float], part: float) -> float:
    """Return the value below which a part of sorted values lies: 0.5 gives their median, 0.95 the 95th percentile."""
    return values[min(len(values) - 1, int(part * len(values)))] if values else float("nan")


def _family(pid: int) -> Iterator[int]:
    yield pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    for child in children:
        yield from _family(int(child))


def memory(pid: int) -> int:
    """Return the resident memory of a process and its children, in MB."""
    pages = [int(Path(f"/proc/{each}/statm").read_text(encoding="ascii").split()[1]) for each in _family(pid)]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def processor(pid: int) -> float:
    """Return the processor time of a process and its children, living and dead, in seconds."""
    ticks = 0
    for each in _family(pid):
        fields = Path(f"/proc/{each}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")
