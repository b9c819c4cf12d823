"""Line: one caller's connection, its sample rates, and what it says of who calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from pipecat.transports.base_transport import BaseTransport


@dataclass(frozen=True, slots=True)
class Line:
    """What a call is held on.

    Attributes:
        transport: Carries the sound.
        in_hz: Sample rate of the caller's sound in the pipeline; a transport that has another converts it.
        out_hz: Sample rate of the agent's.
        id: Of the call: the carrier's, or one of our own.
        caller: The caller's number, where the carrier tells it.
        caller_name: The caller's name, likewise.
        called: The number that was called, likewise.
        given: Values that came with the call, by name: the `<Parameter>`s of a telephone call, for one.
    """

    transport: BaseTransport
    in_hz: int = 16000
    out_hz: int = 24000
    id: str = field(default_factory=lambda: uuid4().hex)
    caller: str = ""
    caller_name: str = ""
    called: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
