"""Host: one checked file that takes calls."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

from pipecat.processors.frame_processor import FrameProcessor

from voicekit.config.agent import Agent
from voicekit.config.templates import variables_wanted
from voicekit.problems import refuse
from voicekit.records.events import Listener
from voicekit.runtime.call import Call
from voicekit.runtime.construct import construct
from voicekit.runtime.embedded import settle
from voicekit.runtime.line import Line
from voicekit.runtime.own import with_own_classes
from voicekit.runtime.renderings import Renderings
from voicekit.runtime.resources import Resources
from voicekit.runtime.tools import Toolbox
from voicekit.runtime.vad import vad_analyzer
from voicekit.runtime.values import refuse_without, values_of
from voicekit.services.child import ChildLost

# Enough for one process on two cores; beyond it every call would suffer.
MOST_CALLS = 10


class Host:
    """What is built once for a file, and the calls that are on it.

    Args:
        agent: The file.
        folder: Its folder.
        mocked: Whether tools answer with their `mock`, where they have one.
        tap: Returns what hears both sides of a new call, behind its way out.
        told: Returns a line with what it does not tell of itself: who calls, in a test.

    Raises:
        Refused: A tool or a class cannot be imported, or the machine has no engine for it.
    """

    def __init__(
        self,
        agent: Agent,
        folder: Path,
        *,
        mocked: bool = False,
        tap: Callable[[], FrameProcessor] | None = None,
        told: Callable[[Line], Line] | None = None,
    ) -> None:
        self.agent = settle(with_own_classes(agent, folder))
        self.resources = Resources()
        self._toolbox = Toolbox(agent, folder, self.resources.network, mocked=mocked)
        self._greetings = itertools.cycle(agent.greeting.say if agent.greeting else ("",))
        self._wanted = variables_wanted(agent)
        self._tap, self._told = tap, told
        self._calls: set[Call] = set()
        self._renderings, self._own_voice = Renderings(self.agent, self.resources), not mocked

    @property
    def live(self) -> int:
        """How many calls there are."""
        return len(self._calls)

    async def warm_up(self) -> str:
        """Do before the first call what would make it wait: import, load, start; and make the lines that survive.

        Returns:
            Who says these, in words.

        Raises:
            Refused: A service cannot be built, or an engine cannot be started.
        """
        for service in self.agent.services:
            construct(self.agent, service, self.resources)
        if self.agent.detects_speech:
            vad_analyzer(self.agent.vad)
        try:
            await self.resources.warm_up()
        except ChildLost as lost:
            raise refuse("engine-lost", f"an embedded engine cannot be started: {lost}") from lost
        return await self._renderings.warm_up(own_voice=self._own_voice)

    def admit(self) -> None:
        """Refuse a call that would be one too many, before anything is built for it.

        Raises:
            Refused: All lines are busy.
        """
        if len(self._calls) >= MOST_CALLS:
            raise refuse("busy", f"all {MOST_CALLS} lines are busy", "try again in a moment")

    def call(self, line: Line, listener: Listener) -> Call:
        """Return a new call; it is one of those the host can take until `hold` has run it.

        Raises:
            Refused: All lines are busy, the line lacks a value that the file wants, or a service cannot be built.
        """
        self.admit()
        line = self._told(line) if self._told else line
        refuse_without(self._wanted, line.given)
        call = Call(
            self.agent,
            toolbox=self._toolbox,
            resources=self.resources,
            renderings=self._renderings,
            line=line,
            greeting=next(self._greetings),
            values=values_of(self.agent, line),
            listener=listener,
            tap=self._tap() if self._tap else None,
        )
        self._calls.add(call)
        return call

    async def hold(self, call: Call) -> None:
        """Run a call to its end; another can be taken afterwards."""
        try:
            await call.run()
        finally:
            self._calls.discard(call)

    async def end_calls(self) -> None:
        """End the live calls."""
        await asyncio.gather(*(call.cancel() for call in self._calls))

    async def close(self) -> None:
        """Close what the calls share."""
        await self.resources.close()
