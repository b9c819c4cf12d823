"""Tool lines: what is said about one tool in one call, from its start to its answer."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from pipecat.frames.frames import DataFrame
from pipecat.services.llm_service import FunctionCallParams

from voicekit.config.tool import Tool


@dataclass
class ToolLine(DataFrame):
    """A line about a tool, to be said.

    It comes from the model as its words do, and so behind those that it has said before the call of the tool.

    Attributes:
        line: The words, as the file has them.
        opening: Whether it announces the tool, which the model may have done.
        begun: Set once it is on its way, or is not going to be said.
    """

    line: str
    opening: bool
    begun: asyncio.Event = field(default_factory=asyncio.Event)


# Within which a line has begun: a realtime provider makes it first, as it does an answer.
BEGIN_SECS: Final = 2.0


class ToolLines:
    """The lines of a tool, which take turns during a call."""

    def __init__(self, tool: Tool) -> None:
        self._lines = {when: itertools.cycle(line) for when, line in tool.say if line}
        self._late_secs = tool.late_ms / 1000

    @asynccontextmanager
    async def running(self, params: FunctionCallParams) -> AsyncIterator[None]:
        """Say that the tool starts, and while the body runs, that it is late."""
        await self._say("start", params)
        saying = asyncio.Event()
        late = asyncio.create_task(self._say_late(params, saying)) if "late" in self._lines else None
        try:
            yield
        finally:
            if late is not None:
                if not saying.is_set():
                    late.cancel()
                with suppress(asyncio.CancelledError):
                    await late

    async def ended(self, params: FunctionCallParams, *, failed: bool) -> None:
        """Say that the tool has answered, or that it has failed."""
        await self._say("failed" if failed else "done", params)

    async def _say_late(self, params: FunctionCallParams, saying: asyncio.Event) -> None:
        await asyncio.sleep(self._late_secs)
        saying.set()
        await self._say("late", params)

    async def _say(self, when: str, params: FunctionCallParams) -> None:
        """Say a line, and wait until it has begun: the answer comes behind it."""
        if when in self._lines:
            line = ToolLine(next(self._lines[when]), when == "start")
            await params.llm.push_frame(line)
            with suppress(TimeoutError):
                await asyncio.wait_for(line.begun.wait(), BEGIN_SECS)
