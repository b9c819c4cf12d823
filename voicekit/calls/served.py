"""Served: `voicekit run` as a process of its own, for programs that call it."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voicekit.calls.caller import CallFailed

START_SECS = 60.0


@asynccontextmanager
async def server(path: str) -> AsyncIterator[tuple[str, int]]:
    """Run a file on a free port until the end of the block; give its address and its process id.

    Raises:
        CallFailed: It did not start; it has said why on stderr.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "voicekit", "run", path, "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    drain: asyncio.Task[bytes] | None = None
    try:
        url = await _address(process)
        if process.stdout is not None:
            drain = asyncio.get_running_loop().create_task(process.stdout.read())
        yield url, process.pid
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.wait()
        if drain is not None:
            await drain


async def _address(process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(START_SECS):
        while process.stdout and (line := (await process.stdout.readline()).decode()):
            if line.startswith("talk at "):
                return line.split()[2]
    raise CallFailed("the agent did not start")
