"""Silence: what the agent does when the caller says nothing."""

from typing import Annotated

from pydantic import Field

from voicekit.config.lines import Line, Lines
from voicekit.config.ranges import between
from voicekit.config.scalars import Bool, Num
from voicekit.config.section import Section, absent


class Silence(Section):
    """What happens when the caller says nothing."""

    after_secs: Annotated[Num, between(2, 600)] = 10.0
    """Seconds of silence, counted from when the agent has been heard to the end."""
    nudges: Annotated[Lines, Field(json_schema_extra=absent("the language's own two"), examples=[["Are you there?"]])]
    """What is said, one each time, in order; the item `builtin` stands for the language's own. Empty: nothing, and the
    goodbye comes at once."""
    goodbye: Annotated[
        Line, Field(json_schema_extra=absent("the language's own"), examples=["I cannot hear you. Goodbye."])
    ]
    """The last words, when nobody has answered the last nudge."""
    hang_up: Bool = True
    """Whether the call ends then. `false`: the agent stays on the line without a word more until the caller speaks."""
