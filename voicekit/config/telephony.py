"""Telephony: the section of that name, what a telephone has that a browser has not."""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from voicekit.config.ranges import between
from voicekit.config.scalars import Num, read_text
from voicekit.config.section import Section, absent
from voicekit.config.switch import ON_OR_OFF

Key = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]
_ON_A_TELEPHONE: Final = absent("true on a telephone")


class Dtmf(Section):
    """How the keys that the caller presses are read."""

    end: Annotated[Key, BeforeValidator(read_text)] = "#"
    """The key that ends an entry."""
    wait_secs: Annotated[Num, between(0.5, 10)] = 2.0
    """Seconds without a key after which an entry has ended, too."""


class Telephony(Section):
    """What a telephone has that a browser has not."""

    dtmf: Annotated[Dtmf | None, ON_OR_OFF, Field(json_schema_extra=_ON_A_TELEPHONE, examples=[{"end": "*"}])] = Field(
        default_factory=Dtmf
    )
    """Whether the keys that the caller presses are heard, and how. An entry is a turn of his, `DTMF: 4711#` to the
    model; the first key stops the agent."""
