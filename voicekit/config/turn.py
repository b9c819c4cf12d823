"""Turn: who decides that the caller has finished, and what the caller may interrupt the agent with."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from voicekit.config.lines import ONE_OR_MORE
from voicekit.config.ranges import between
from voicekit.config.scalars import Int, Num, Text, read_text
from voicekit.config.section import Section, absent
from voicekit.config.switch import FALSE_IS_NONE

End = Literal["fixed", "adaptive", "smart", "semantic", "combined", "provider"]
"""Who decides that the caller has finished."""

Muted = Annotated[Literal["until_greeted", "tools"], BeforeValidator(read_text)]
"""A time at which the caller is not heard."""

_PAUSES: Final = ("short_pause_secs", "long_pause_secs")
END_KEYS: Final[Mapping[End, tuple[str, ...]]] = {
    "fixed": ("wait_ms",),
    "adaptive": ("min_wait_ms", "max_wait_ms"),
    "smart": ("min_wait_ms", "max_wait_ms"),
    "semantic": _PAUSES,
    "combined": ("min_wait_ms", "max_wait_ms", *_PAUSES),
    "provider": (),
}
"""The keys that each reads. With another they would do nothing."""
_BOUNDS: Final[Mapping[End, tuple[int, int]]] = {"adaptive": (300, 1200)}
_USUAL_BOUNDS: Final = (0, 1500)


class Interruption(Section):
    """What interrupts the agent while it speaks."""

    min_words: Annotated[Int, between(0, 10)] = 1
    """Fewer words do not interrupt; in Chinese, Japanese and Thai two characters are a word. 0: sound alone does."""
    min_ms: Annotated[Int, between(0, 3000)] = 0
    """Milliseconds of sound; shorter ones do not interrupt."""
    never: Annotated[
        tuple[Text, ...],
        ONE_OR_MORE,
        Field(json_schema_extra=absent("the language's own"), examples=[["builtin", "quite so"]]),
    ]
    """What does not interrupt, as all that was said: "uh-huh". The item `builtin` stands for the language's own."""
    always: Annotated[
        tuple[Text, ...],
        ONE_OR_MORE,
        Field(json_schema_extra=absent("the language's own"), examples=[["builtin", "hang on"]]),
    ]
    """What interrupts at once, as all that was said: "stop". The item `builtin` stands for the language's own."""
    resume_ms: Annotated[Annotated[Int, between(200, 5000)] | None, FALSE_IS_NONE] = 1500
    """The agent pauses as soon as it hears somebody. If that proves to be nothing within so many milliseconds, it goes
    on where it was. `false`: it does not pause; sound stops it for good, or with `min_words` above 1 the words do."""
    backoff_ms: Annotated[Int, between(0, 3000)] = 0
    """Milliseconds of quiet after an interruption, at least."""

    @property
    def by_sound(self) -> bool:
        """Whether a voice alone stops the agent for good."""
        return self.min_words == 0 or (self.resume_ms is None and self.min_words == 1)


class Turn(Section):
    """When the caller has finished, and when he is heard."""

    end: Annotated[End, BeforeValidator(read_text)] | None = None
    """Who decides that the caller has finished. `fixed`: one timer. `adaptive`: a timer that follows this caller's
    pauses and pace. `smart`: a model of speech melody. `semantic`: the llm, by the words. `combined`: `smart`, then the
    llm has the last word. `provider`: the realtime's or asr's own detection. Absent: `provider` where there is one,
    else `smart`."""
    wait_ms: Annotated[Int, between(100, 5000)] = 600
    """With `fixed`: milliseconds of silence since the last speech; it includes `vad.stop_secs`."""
    min_wait_ms: Annotated[
        Annotated[Int, between(0, 5000)] | None,
        Field(json_schema_extra=absent("adaptive 300, smart and combined 0"), examples=[200]),
    ] = None
    """Milliseconds of silence since the last speech, at least; with `adaptive`, `smart` and `combined`."""
    max_wait_ms: Annotated[
        Annotated[Int, between(200, 10000)] | None,
        Field(json_schema_extra=absent("adaptive 1200, smart and combined 1500"), examples=[2500]),
    ] = None
    """Milliseconds of silence since the last speech, at most; with `adaptive`, `smart` and `combined`."""
    short_pause_secs: Annotated[Num, between(1, 60)] = 4.0
    """With `semantic` and `combined`: seconds until a caller is asked to go on whom the llm calls cut off."""
    long_pause_secs: Annotated[Num, between(1, 60)] = 8.0
    """With `semantic` and `combined`: seconds until a caller is asked to go on who the llm says needs time to think."""
    give_up_secs: Annotated[Num, between(1, 60)] = 5.0
    """Seconds of silence after which a turn ends that nobody else ends."""
    duplex: Annotated[Literal["full", "half"], BeforeValidator(read_text)] = "full"
    """`half`: the caller is not heard while the agent speaks; keys are."""
    mute: Annotated[tuple[Muted, ...], Field(examples=[["until_greeted"]])] = ()
    """More times at which the caller is not heard: `until_greeted`, before the greeting has been heard to the end;
    `tools`, while a tool runs."""
    interruption: Annotated[Interruption, Field(json_schema_extra=absent("it pauses at once, and stops for words"))]
    """What interrupts the agent while it speaks."""

    def bounds(self, end: End) -> tuple[int, int]:
        """Return how short and how long a silence ends a turn with `adaptive`, `smart` or `combined`, in ms."""
        low, high = _BOUNDS.get(end, _USUAL_BOUNDS)
        longest = high if self.max_wait_ms is None else self.max_wait_ms
        return min(low, longest) if self.min_wait_ms is None else self.min_wait_ms, longest
