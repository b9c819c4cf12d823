"""Pulse: by what is noticed that a session is dead, or is about to be."""

import time
from array import array
from collections.abc import Callable
from typing import Final

PROBE_SECS: Final = 3.0
"""After so much silence of a session it is asked for a sign of life."""
ENGAGED_PROBE_SECS: Final = 1.0
"""The same, while somebody speaks to it or waits for it."""
SIGN_SECS: Final = 1.5
"""So long it may take to give one."""
RENEW_SECS: Final = 300.0
"""So long before a session expires another is begun."""
# OpenAI ends a session after an hour: https://platform.openai.com/docs/guides/realtime-conversations.
_LONGEST_SECS: Final = 3600.0
# A session has something to say of so much sound, if it is speech; and so loud speech is, of 32767.
_SPEECH_SECS: Final = 0.3
_LOUD: Final = 1000


class Pulse:
    """Follows the times of one session after another.

    Args:
        limit_secs: How long one may take to begin, and then to an answer.
        now: Tells the time, in seconds.
        epoch: Tells the time, in seconds of Unix: that of the vendor, who says when a session expires.
    """

    def __init__(
        self, limit_secs: float, now: Callable[[], float] = time.monotonic, epoch: Callable[[], float] = time.time
    ) -> None:
        self._limit_secs = limit_secs
        self._now = now
        self._epoch = epoch
        self._connected_at = self._heard_at = self._moved_at = self._renewed_at = 0.0
        self._asked_at: float | None = None
        self._loud_secs = 0.0

    def connected(self) -> None:
        """A session is to begin."""
        self._connected_at = self._heard_at = self._now()
        self._asked_at = None

    def expires(self, epoch: float | None) -> None:
        """The vendor says when it ends, in seconds of Unix, or does not."""
        lasts = epoch - self._epoch() if epoch else _LONGEST_SECS
        # Of one that is short, half is left.
        self._renewed_at = self._now() + max(lasts - RENEW_SECS, lasts / 2)

    def heard(self) -> None:
        """Something has come of it."""
        self._heard_at, self._asked_at = self._now(), None

    def noticed(self) -> None:
        """It has noticed what was said to it, or that this was nothing."""
        self._loud_secs = 0.0

    def spoke(self, sound: bytes, secs: float) -> None:
        """So much sound of the caller's has been sent: 16 bit, mono."""
        if max(map(abs, array("h", sound)), default=0) > _LOUD:
            self._loud_secs += secs

    def moved(self) -> None:
        """What is awaited has come nearer, or has just been asked for."""
        self._moved_at = self._now()

    @property
    def late_to_begin(self) -> bool:
        """Whether one that has not begun is to be left."""
        return self._now() - self._connected_at > self._limit_secs

    @property
    def late_to_answer(self) -> bool:
        """Whether one of which an answer is awaited is to be left."""
        return self._now() - self._moved_at > self._limit_secs

    @property
    def unnoticed(self) -> bool:
        """Whether the caller has spoken, as it seems, and it has not noticed."""
        return self._loud_secs >= _SPEECH_SECS

    @property
    def asked(self) -> bool:
        """Whether a sign of life is awaited."""
        return self._asked_at is not None

    @property
    def dead(self) -> bool:
        """Whether it has given no sign of life."""
        return self._asked_at is not None and self._now() - self._asked_at > SIGN_SECS

    @property
    def ends_soon(self) -> bool:
        """Whether it is to be left when nobody speaks or waits."""
        return self._now() >= self._renewed_at

    def wants_sign(self, *, engaged: bool) -> bool:
        """Say, once in a silence, whether it is to be asked for a sign of life.

        Args:
            engaged: Whether somebody speaks to it or waits for it.
        """
        silent = self._now() - self._heard_at > (ENGAGED_PROBE_SECS if engaged else PROBE_SECS)
        if self.asked or not silent:
            return False
        self._asked_at = self._now()
        return True
