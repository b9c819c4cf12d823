"""Faults: what can be made to go wrong with one exchange, and how fast a healthy one goes."""

import asyncio
import math
import random
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

How: TypeAlias = Literal["error", "drop", "hang", "garbage"]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the request, or the handshake, with an HTTP error.

    Attributes:
        status: 401, 403, 404, 429, 500 or another that the vendor has.
        retry_after: Seconds, for the header of that name.
    """

    status: int
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """Break off an answer.

    Attributes:
        how: `error` is the vendor's own error message, `drop` a connection that is lost, `hang` one on which
            nothing more comes, `garbage` a message that cannot be parsed.
        after: How many messages are sent before that.
    """

    how: How
    after: int = 0


@dataclass(frozen=True, slots=True)
class Slow:
    """Send every message this many seconds later than the latency says."""

    secs: float


Fault: TypeAlias = Refuse | Break | Slow


class Broken(Exception):
    """An answer has to break off now; how it looks on the wire is the emulator's business."""

    def __init__(self, how: Literal["error", "drop", "garbage"]) -> None:
        self.how = how
        super().__init__(how)


@dataclass
class Latency:
    """How long an answer takes.

    Attributes:
        first_secs: To the first message, as a median.
        each_secs: Between two messages, as a median.
        spread: Sigma of a log-normal distribution around the medians; 0 makes them fixed.
        seed: The same seed gives the same delays.
    """

    first_secs: float = 0.0
    each_secs: float = 0.0
    spread: float = 0.0
    seed: int = 0
    _random: random.Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - delays are no secret

    def draw(self, median_secs: float) -> float:
        """Return a delay of this median, in seconds."""
        return median_secs * math.exp(self._random.gauss(0, self.spread)) if self.spread else median_secs


class Pace:
    """Times the messages of an answer, or of all of a connection, and breaks them off where the fault says so."""

    def __init__(self, latency: Latency, fault: Fault | None) -> None:
        self._latency = latency
        self._fault = fault
        self._sent = 0
        self._begins = True

    def begin(self) -> None:
        """Take the next message as the first of an answer."""
        self._begins = True

    async def step(self) -> None:
        """Wait until the next message is due.

        Raises:
            Broken: It is not to be sent any more.
        """
        late = self._fault.secs if isinstance(self._fault, Slow) else 0.0
        median = self._latency.first_secs if self._begins else self._latency.each_secs
        self._begins = False
        await asyncio.sleep(late + self._latency.draw(median))
        if isinstance(self._fault, Break) and self._sent >= self._fault.after:
            if self._fault.how == "hang":
                await asyncio.get_running_loop().create_future()
            else:
                raise Broken(self._fault.how)
        self._sent += 1
