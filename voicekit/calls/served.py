"""Served: `voicekit run` as a process of its own, for programs that call it."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from voicekit.calls.caller import CallFailed

START_SECS = 60.0


@asynccontextmanager
async def server(
    path: str, *options: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Run a file on a free port until the end of the block; give its address and its process id.

    Args:
        path: The file.
        options: Further ones of `voicekit run`.
        environment: All of it; this process's own where it is left out.

    Raises:
        CallFailed: It did not start; it has said why on stderr.
    """
    command = ("-m", "voicekit", "run", path, "--port", "0", *options)
    async with started(command, "talk at ", environment) as (line, pid):
        yield line.split()[2], pid


@asynccontextmanager
async def started(
    command: Sequence[str], sign: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Run a Python program until the end of the block; give the line that says it is ready, and its process id.

    Args:
        command: What stands behind `python`.
        sign: How that line begins.
        environment: All of it; this process's own where it is left out.

    Raises:
        CallFailed: It did not start; it has said why on stderr.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env=environment
    )
    drain: asyncio.Task[bytes] | None = None
    try:
        line = await _line(process, sign)
        if process.stdout is not None:
            drain = asyncio.get_running_loop().create_task(process.stdout.read())
        yield line, process.pid
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.wait()
        if drain is not None:
            await drain


async def _line(process: asyncio.subprocess.Process, sign: str) -> str:
    async with asyncio.timeout(START_SECS):
        while process.stdout and (line := (await process.stdout.readline()).decode()):
            if line.startswith(sign):
                return line
    raise CallFailed("the agent did not start")
