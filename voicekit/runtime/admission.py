"""Admission: which calls a file takes: so many at once, so many a minute, and so many from one caller in an hour."""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from voicekit.config.limits import Limits
from voicekit.problems import Refused, refuse

RESERVED_SECS: Final = 30.0
"""How long a line is kept for a caller whose sound has still to come."""
_MINUTE_SECS: Final = 60.0
_HOUR_SECS: Final = 3600.0
_LATER: Final = "try again in a moment"


class Admission:
    """Counts the calls of a file.

    Args:
        limits: Of the file.
        live: Returns how many calls there are.
        now: Tells the time, in seconds.
    """

    def __init__(self, limits: Limits, live: Callable[[], int], now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._live = live
        self._now = now
        self._reserved: dict[str, float] = {}
        self._begun: deque[float] = deque()
        self._callers: deque[tuple[float, str]] = deque()
        self._calls_of: Counter[str] = Counter()
        self._closed = False

    def close(self) -> None:
        """Take nobody any more but those for whom a line is kept."""
        self._closed = True

    @property
    def status(self) -> str:
        """`ready` for another call, `full`, or `draining` when no other will be taken."""
        try:
            self.check()
        except Refused as refused:
            return "draining" if refused.problems[0].code == "draining" else "full"
        return "ready"

    @property
    def kept_secs(self) -> float:
        """For how long a line is kept yet for somebody whose sound has still to come."""
        self._forget()
        return max((until - self._now() for until in self._reserved.values()), default=0.0)

    def check(self) -> None:
        """Refuse a call that would be one too many.

        Raises:
            Refused: All lines are busy, too many calls have begun within a minute, or the server is about to end.
        """
        if self._closed:
            raise refuse("draining", "the server is about to end", _LATER)
        self._forget()
        most, per_min = self._limits.concurrent_calls, self._limits.calls_per_min
        if most is not None and self._live() + len(self._reserved) >= most:
            raise refuse("busy", f"all {most} lines are busy", _LATER)
        if per_min is not None and len(self._begun) >= per_min:
            raise refuse("too-many-calls", f"{per_min} calls have begun within a minute", _LATER)

    def begin(self, call: str) -> None:
        """Take a call: one for which a line is kept, or another if there is room for it.

        Args:
            call: Its id.

        Raises:
            Refused: There is none.
        """
        if self._reserved.pop(call, None) is None:
            self.check()
            self._begun.append(self._now())

    def reserve(self, call: str, caller: str) -> None:
        """Keep a line for a caller who telephones. A call that asks again has what it has.

        Args:
            call: Its id.
            caller: His number, empty where he withholds it.

        Raises:
            Refused: There is no line, or he has called too often.
        """
        self._forget()
        now, most = self._now(), self._limits.calls_per_caller_hour
        if call not in self._reserved:
            self.check()
            if most is not None and self._calls_of[caller] >= most:
                whose = "this number has" if caller else "callers who withhold their number have"
                raise refuse("too-many-calls", f"{whose} called {most} times within an hour", "try again later")
            self._begun.append(now)
            self._callers.append((now, caller))
            self._calls_of[caller] += 1
        self._reserved[call] = now + RESERVED_SECS

    def _forget(self) -> None:
        now = self._now()
        self._reserved = {call: until for call, until in self._reserved.items() if until > now}
        while self._begun and self._begun[0] <= now - _MINUTE_SECS:
            self._begun.popleft()
        while self._callers and self._callers[0][0] <= now - _HOUR_SECS:
            _, caller = self._callers.popleft()
            self._calls_of[caller] -= 1
            if not self._calls_of[caller]:
                del self._calls_of[caller]
