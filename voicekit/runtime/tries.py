"""Tries: how often, and after what waits, a session is begun anew before it is given up for the moment."""

import time
from collections.abc import Callable
from typing import Final

# One that hangs takes all of the time, and is still no reason to give up.
_FEWEST: Final = 2


class Tries:
    """Counts in rounds: at once, after 1 s, 2 s, 4 s … for as long as the limit; whoever gives up begins another.

    Args:
        limit_secs: How long a round may take.
        now: Tells the time, in seconds.
    """

    def __init__(self, limit_secs: float, now: Callable[[], float] = time.monotonic) -> None:
        self._limit_secs = limit_secs
        self._now = now
        self._tries = 0
        self._since = self._reached_at = now()
        self._useful = False
        self._useless_in_a_row = 0
        self.refused = False
        """Whether the next try would be refused as well."""

    @property
    def several(self) -> bool:
        """Whether there has been more than one in this round."""
        return self._tries > 1

    def begin(self) -> None:
        """Begin a round."""
        self._tries, self._since = 0, self._now()

    def wait_secs(self) -> float | None:
        """Return how long to wait before the next try; None when there have been enough."""
        if self.refused:
            return None
        wait = 2.0 ** (self._tries - 1) if self._tries else 0.0
        in_time = self._now() + wait - self._since <= self._limit_secs
        return wait if in_time or self._tries < _FEWEST else None

    def tried(self) -> None:
        """There has been one more."""
        self._tries += 1

    def succeeded(self) -> None:
        """There is a session."""
        self._reached_at, self._useful = self._now(), False

    def proved_useful(self) -> None:
        """The session has given an answer."""
        self._useful = True

    def lost(self) -> None:
        """The session has ended. The second that does so at once, and without an answer, counts as a try in vain."""
        useful = self._useful or self._now() - self._reached_at > self._limit_secs
        self._useless_in_a_row = 0 if useful else self._useless_in_a_row + 1
        self._tries = max(0, self._useless_in_a_row - 1)
        if not self._tries:
            self.begin()
