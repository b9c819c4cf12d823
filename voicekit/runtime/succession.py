"""Succession: which service of a list is at work, who follows when it fails, and when an earlier one comes back."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pipecat.frames.frames import ErrorFrame
from pipecat.pipeline.service_switcher import ServiceSwitcherStrategyManual
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.utils.errors import ErrorCategory

from voicekit.config.failure import Fallback
from voicekit.config.services import Service
from voicekit.providers.catalog import Kind
from voicekit.records.events import Listener, TakenOver

Revive = Callable[[FrameProcessor], Awaitable[bool]]
"""Brings back a service that has failed; says whether it can be given work."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a list of services has in common.

    Attributes:
        kind: Which of asr, llm and tts they are.
        services: Their sections, in order.
        fallback: When the next one takes over.
        listener: Told of it.
        now: Tells the time, in seconds.
    """

    kind: Kind
    services: Sequence[Service]
    fallback: Fallback
    listener: Listener
    now: Callable[[], float] = time.monotonic

    @property
    def names(self) -> list[str]:
        """How each is called in what is told."""
        return [f"{each.provider.name}/{each.model}" if each.model else each.provider.name for each in self.services]


class Succession(ServiceSwitcherStrategyManual):
    """Makes the next service the active one on every error that is the service's own.

    Pipecat's strategy ignores a 500 or a refused connection. Work is a request to a model, a caller's turn, or what is
    to be spoken; each service is given a piece of work once, and again while there have been fewer errors in a row
    than `fallback.errors`. One alone is given it a second time: its SDK does not try again by itself. When everybody
    has failed at it, the work has failed.
    """

    def __init__(self, services: list[FrameProcessor]) -> None:
        super().__init__(services)
        self._terms: Terms | None = None
        self._tried: list[FrameProcessor] = []
        self._errors = 0
        self._cools_until: dict[FrameProcessor, float] = {}

    def agree(self, terms: Terms) -> None:
        """Take the terms; without them it only switches when told to."""
        self._terms = terms

    @property
    def terms(self) -> Terms:
        """The terms that were agreed on."""
        if self._terms is None:
            raise RuntimeError("a list of services without terms")
        return self._terms

    def label(self, service: FrameProcessor) -> str:
        """Return how a service is called."""
        return self.terms.names[self.services.index(service)]

    def begin(self) -> None:
        """Forget who was tried: new work comes."""
        self._tried.clear()

    def done(self) -> None:
        """The active service has done its work, or begun to."""
        self._errors = 0

    @property
    def successor(self) -> FrameProcessor | None:
        """Who would take over, or None when all have been tried; one that cools down is the last resort."""
        at = self.services.index(self.active_service)
        others = [each for each in (*self.services[at + 1 :], *self.services[:at]) if each not in self._tried]
        usable = [each for each in others if each.is_usable]
        return next((each for each in usable if self._has_cooled(each)), usable[0] if usable else None)

    async def failed(self, error: ErrorFrame) -> FrameProcessor | None:
        """Give the work to the next service, or to the same one again, unless the error is the application's.

        Returns:
            Who has it now; None when there is nobody.
        """
        if error.category is ErrorCategory.APPLICATION:
            return None
        usable = self.active_service.is_usable
        return await self.fail(error.error, again=usable)

    async def fail(self, reason: str, *, again: bool = False) -> FrameProcessor | None:
        """Take note that the active service has failed; return who has the work now, or None.

        Args:
            reason: What happened.
            again: Whether the same one may be asked again: not after a wait, nor where it would be refused again.
        """
        failed = self.active_service
        self._errors += 1
        if again and self._errors < max(self.terms.fallback.errors, 1 if len(self.services) > 1 else 2):
            self.terms.listener(TakenOver(self.terms.kind, self.label(failed), self.label(failed), reason))
            return failed
        self._tried.append(failed)
        self._cools_until[failed] = self.terms.now() + self.terms.fallback.cool_down_secs
        following = self.successor
        if following is None or await self._set_active_if_available(following) is None:
            # Whoever is first gets the next work, and not the last one that failed.
            self._errors = 0
            return None
        self._errors = 0
        self.terms.listener(TakenOver(self.terms.kind, self.label(failed), self.label(following), reason))
        return following

    async def acquit(self, services: Sequence[FrameProcessor], reason: str) -> None:
        """Take back that these have failed at the work, and make the first of them the active one.

        Args:
            services: Who was given the work, in that order; at least one.
            reason: What happened instead.
        """
        self._tried.clear()
        self._errors = 0
        for each in services:
            self._cools_until.pop(each, None)
        replaced, first = self.active_service, services[0]
        if first is not replaced and await self._set_active_if_available(first):
            self.terms.listener(TakenOver(self.terms.kind, self.label(replaced), self.label(first), reason))

    async def come_back(self, revive: Revive | None = None) -> FrameProcessor | None:
        """Make an earlier service the active one again, if it has cooled down; return it, or None.

        To be called where no work is under way.

        Args:
            revive: Brings it back.
        """
        at = self.services.index(self.active_service)
        if not self.terms.fallback.return_:
            return None
        earlier = next((each for each in self.services[:at] if self._has_cooled(each)), None)
        if earlier is None:
            return None
        await earlier.set_usable(True)
        if revive and not await revive(earlier):
            self._cools_until[earlier] = self.terms.now() + self.terms.fallback.cool_down_secs
            return None
        replaced = self.active_service
        if await self._set_active_if_available(earlier) is None:
            return None
        reason = f"tried again after {self.terms.fallback.cool_down_secs:g} s"
        self.terms.listener(TakenOver(self.terms.kind, self.label(replaced), self.label(earlier), reason))
        return earlier

    def _has_cooled(self, service: FrameProcessor) -> bool:
        return self._cools_until.get(service, 0.0) <= self.terms.now()
