"""Tickets: what lets a stream of Twilio's in. One is given out with the answer to a webhook that Twilio has signed.

It is good for one stream, of the call it was given for and with what was given beside it, and for some seconds. It is
signed and not kept, so that another process with the same account can read it; which calls have had their stream, each
process knows by itself.
"""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt

from voicekit.problems import Refused, refuse

TICKET: Final = "token"
"""The name of the stream's `<Parameter>` that has its ticket."""
TICKET_SECS: Final = 30.0
"""How long a ticket is good. Twilio opens the stream as soon as it has read the answer."""
# Of so many calls it is known that they have had their stream.
_MOST: Final = 10_000
_ALGORITHM: Final = "HS256"


class Tickets:
    """The tickets of one account.

    Args:
        token: The account's auth token, which is never in a ticket.
        now: Tells the time, in seconds since 1970.
    """

    def __init__(self, token: str, now: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(f"voicekit media stream {token}".encode()).digest()
        self._now = now
        self._streamed: OrderedDict[str, None] = OrderedDict()

    def issue(self, call: str, given: Mapping[str, str]) -> str:
        """Return a ticket for the stream of a call.

        Args:
            call: Its SID.
            given: The stream's other `<Parameter>`s.
        """
        said = {"sub": call, "till": self._now() + TICKET_SECS, "given": _digest(given)}
        return jwt.encode(said, self._key, _ALGORITHM)

    def redeem(self, ticket: str, call: str, given: Mapping[str, str]) -> None:
        """Let the stream of a call in.

        Raises:
            Refused: The ticket is none, another call's or of another stream, too old, or used.
        """
        try:
            said: dict[str, Any] = jwt.decode(ticket, self._key, [_ALGORITHM])
        except jwt.InvalidTokenError:
            raise _refusal("its 'token' is none of ours") from None
        if said["sub"] != call:
            raise _refusal("its 'token' is another call's")
        if said["given"] != _digest(given):
            raise _refusal("its 'token' was given with other parameters")
        if said["till"] < self._now():
            raise _refusal("its 'token' is too old")
        if self.streamed(call):
            raise _refusal("the call has had its stream")
        self._streamed[call] = None
        while len(self._streamed) > _MOST:
            self._streamed.popitem(last=False)

    def streamed(self, call: str) -> bool:
        """Say whether a call has had its stream."""
        return call in self._streamed


def _digest(given: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(given.items())).encode()).hexdigest()


def _refusal(why: str) -> Refused:
    return refuse("bad-ticket", f"the stream is not let in: {why}")
