"""Threads: a tool's blocking function, run where it can hold up nobody else."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any


class ToolExitedError(Exception):
    """A tool tried to end the process; only the tool ends."""

    def __init__(self, code: object) -> None:
        super().__init__(f"it tried to end the process, with {code!r}")


async def in_thread(function: Callable[[], Any]) -> Any:
    """Run a function in a thread of its own and return its result.

    asyncio's own pool has a handful of threads, which resolve names too, and is joined when the server ends: a
    function that never returns would take both with it. A thread of its own is left behind instead.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)

    def work() -> None:
        result: Any = None
        failed: Exception | None = None
        try:
            result = function()
        except SystemExit as error:
            failed = ToolExitedError(error.code)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            failed = error
        # The loop may have ended long before a function that hangs.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=work, name="voicekit-tool", daemon=True).start()
    return await done
