"""Tickets: what lets one call in, once and soon. They are signed and not kept.

So another process with the same secret can read one; which have been used, each process knows by itself.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from voicekit.problems import Refused, refuse

TICKET: Final = "token"
"""The name under which a ticket is shown: of a stream's `<Parameter>`, and in the query of an address."""
TICKET_SECS: Final = 30.0
"""How long a ticket is good."""
# Of so many calls it is known that they have begun.
_MOST: Final = 10_000
_ALGORITHM: Final = "HS256"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says.

    Attributes:
        call: The call that it is for.
        said: What else was written on it.
    """

    call: str
    said: Mapping[str, str]


class Tickets:
    """The tickets of one secret.

    Args:
        secret: Makes them, and is never in one.
        now: Tells the time, in seconds since 1970.
    """

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(f"voicekit ticket {secret}".encode()).digest()
        self._now = now
        self._used: OrderedDict[str, None] = OrderedDict()

    def issue(self, call: str, said: Mapping[str, str]) -> str:
        """Return a ticket for a call, with what is to be written on it."""
        claims = {"sub": call, "till": self._now() + TICKET_SECS, "said": dict(said)}
        return jwt.encode(claims, self._key, _ALGORITHM)

    def read(self, ticket: str) -> Ticket:
        """Return what a ticket says.

        Raises:
            Refused: It is none of ours, or too old.
        """
        try:
            claims: dict[str, Any] = jwt.decode(ticket, self._key, [_ALGORITHM])
        except jwt.InvalidTokenError:
            raise refusal("its 'token' is none of ours") from None
        if claims["till"] < self._now():
            raise refusal("its 'token' is too old")
        return Ticket(claims["sub"], claims["said"])

    def use(self, ticket: Ticket) -> None:
        """Let a call in.

        Raises:
            Refused: It has been let in before.
        """
        if self.used(ticket.call):
            raise refusal("its 'token' has been used")
        self._used[ticket.call] = None
        while len(self._used) > _MOST:
            self._used.popitem(last=False)

    def used(self, call: str) -> bool:
        """Say whether a call has been let in."""
        return call in self._used


def refusal(why: str) -> Refused:
    """Return the refusal of a ticket."""
    return refuse("bad-ticket", f"the call is not let in: {why}")
