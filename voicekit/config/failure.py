"""Failure: what happens when a provider fails: who takes over, and what the caller hears when nobody can."""

from typing import Annotated

from pydantic import Field

from voicekit.config.lines import Announcement, Line
from voicekit.config.ranges import between
from voicekit.config.scalars import Bool, Int, Num
from voicekit.config.section import Section, absent

_OWN = absent("the language's own")


class Fallback(Section):
    """When the next service of a list takes over."""

    errors: Annotated[Int, between(1, 10)] = 1
    """Errors in a row before the next one takes over; until then the same one is asked again. After a refused key the
    next one takes over at once."""
    asr_ms: Annotated[Int, between(200, 30000)] = 2500
    """Milliseconds without a transcript after the caller's voice stopped."""
    llm_ms: Annotated[Int, between(200, 30000)] = 2000
    """Milliseconds without a first word from the model."""
    tts_ms: Annotated[Int, between(200, 30000)] = 1500
    """Milliseconds without sound for words that wait to be spoken."""
    cool_down_secs: Annotated[Num, between(1, 3600)] = 60.0
    """Seconds for which a service that has failed is left alone."""
    return_: Annotated[Bool, Field(alias="return")] = True
    """Whether an earlier one of the list is taken again when it has cooled down. `false`: only when the others fail."""


class Failure(Section):
    """What the caller hears when a turn cannot be answered."""

    say: Annotated[
        Announcement,
        Field(json_schema_extra=_OWN, examples=["I am sorry, something went wrong. Please say that again."]),
    ]
    """The words. They are made into sound before the first call, and need no provider that lives."""
    within_ms: Annotated[Int, between(1000, 15000)] = 4000
    """Milliseconds: a caller who waits hears something at least this often, whatever breaks."""
    tries: Annotated[Int, between(1, 10)] = 2
    """Turns in a row that may fail; then the agent says goodbye and hangs up."""
    goodbye: Annotated[Line, Field(json_schema_extra=_OWN, examples=["I am sorry, this is not working today."])]
    """The last words after that."""
