"""Host: one checked file that takes calls."""

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipecat.processors.frame_processor import FrameProcessor

from voicekit.config.agent import Agent
from voicekit.config.templates import variables_wanted
from voicekit.problems import refuse
from voicekit.records.events import Listener, Trouble
from voicekit.records.facts import facts_path
from voicekit.runtime.admission import Admission
from voicekit.runtime.call import Call
from voicekit.runtime.construct import construct
from voicekit.runtime.embedded import settle
from voicekit.runtime.line import Line
from voicekit.runtime.own import with_own_classes
from voicekit.runtime.remember import facts_of, known, number
from voicekit.runtime.renderings import Renderings
from voicekit.runtime.resources import Resources
from voicekit.runtime.smart_turn import turn_analyzer
from voicekit.runtime.tools import Toolbox
from voicekit.runtime.vad import vad_analyzer
from voicekit.runtime.values import refuse_without, values_of
from voicekit.services.child import ChildLost

_ELSEWHERE: Final = "mend or move it, or write between_calls: false"


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
        self._facts = facts_of(agent, kept=not mocked)
        self._toolbox = Toolbox(agent, folder, self.resources.network, mocked=mocked, facts=self._facts)
        self._greetings = itertools.cycle(agent.greeting.say if agent.greeting else ("",))
        self._wanted = variables_wanted(agent)
        self._tap, self._told = tap, told
        self._calls: set[Call] = set()
        self._changed = asyncio.Event()
        self.admission = Admission(agent.limits, lambda: len(self._calls))
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
            Refused: A service cannot be built, an engine cannot be started, or what is to be kept of callers cannot.
        """
        for service in self.agent.services:
            construct(self.agent, service, self.resources)
        await self._open_facts()
        if self.agent.detects_speech:
            vad_analyzer(self.agent.vad)
        if self.agent.turn_end in ("smart", "combined"):
            turn_analyzer(0.0)
        try:
            await self.resources.warm_up()
        except ChildLost as lost:
            raise refuse("engine-lost", f"an embedded engine cannot be started: {lost}") from lost
        return await self._renderings.warm_up(own_voice=self._own_voice)

    async def _open_facts(self) -> None:
        try:
            if self._facts:
                await asyncio.to_thread(self._facts.expire)
        except (OSError, sqlite3.Error) as error:
            raise refuse("memory-unusable", f"{facts_path()} cannot be used: {error}", _ELSEWHERE) from error

    async def sound(self, words: str, rate: int) -> bytes | None:
        """Return words of the file's own as sound, 16 bit, mono, at a rate in Hz; None where nobody can say them."""
        return await self._renderings.sound(words, rate)

    def call(self, line: Line, listener: Listener) -> Call:
        """Return a new call; it is one of those the host can take until `hold` has run it.

        Raises:
            Refused: All lines are busy, the line lacks a value that the file wants, or a service cannot be built.
        """
        self.admission.begin(line.id)
        line = self._told(line) if self._told else line
        refuse_without(self._wanted, line.given)
        values = values_of(self.agent, line)
        call = Call(
            self.agent,
            toolbox=self._toolbox,
            resources=self.resources,
            renderings=self._renderings,
            line=line,
            greeting=next(self._greetings),
            values=values,
            listener=listener,
            known=self._known(number(values()), listener),
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
            self._changed.set()
            await self._expire()

    def _known(self, caller: str, listener: Listener) -> str:
        """Return what the model is told of a caller: nothing where it cannot be read, and the call goes on."""
        try:
            return known(self._facts, caller) if self._facts else ""
        except (OSError, sqlite3.Error) as error:
            listener(Trouble("memory", f"what is known of callers cannot be read: {error}"))
            return ""

    async def _expire(self) -> None:
        """Delete what has been kept of callers for long enough, as far as it can be."""
        if self._facts:
            with contextlib.suppress(OSError, sqlite3.Error):
                await asyncio.to_thread(self._facts.expire)

    async def drain(self, secs: float) -> None:
        """Take no other calls, and wait until the live ones have ended, for so long at most."""
        self.admission.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(secs):
                while self._calls or self.admission.kept_secs:
                    await self._change()

    async def _change(self) -> None:
        """Wait until a call has ended, or no line is kept any more."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if self._calls else self.admission.kept_secs):
                await self._changed.wait()

    async def end_calls(self) -> None:
        """End the live calls."""
        await asyncio.gather(*(call.cancel() for call in self._calls))

    async def close(self) -> None:
        """Close what the calls share."""
        await self.resources.close()
