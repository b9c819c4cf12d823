"""Memory: what of a call the model sees."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from voicekit.config.ranges import between
from voicekit.config.scalars import Int, read_text
from voicekit.config.section import Section, absent
from voicekit.config.switch import FALSE_IS_NONE

MOST_DAYS: Final = 730
"""For so long a note can be kept."""
_MAX_TOKENS: Final = 8000
# A token of these is a character or two, and is reckoned as four.
_DENSE: Final[Mapping[str, int]] = dict.fromkeys(("zh", "ja", "ko"), 3000)


class BetweenCalls(Section):
    """What is kept of a caller between calls: what the model notes with the tool `remember`."""

    days: Annotated[Int, between(1, MOST_DAYS), Field(examples=[90])]
    """For how many days a note is kept."""


class Memory(Section):
    """What of a call the model sees."""

    keep: Annotated[Literal["everything", "window", "summary"], BeforeValidator(read_text)] = "everything"
    """`window`: the last turns. `summary`: the last turns, and a summary of those before, which the model makes."""
    turns: Annotated[Int, between(1, 200)] = 20
    """With `window`: how many turns of the caller's, each with its answers and tools."""
    max_tokens: Annotated[
        Annotated[Int, between(200, 1_000_000)] | None,
        Field(
            json_schema_extra=absent(f"{_MAX_TOKENS}; {_DENSE['zh']} in Chinese, Japanese and Korean"), examples=[4000]
        ),
    ] = None
    """With `summary`: how long the conversation becomes before it is summarised, in tokens, reckoned as four characters
    each."""
    recent_turns: Annotated[Int, between(1, 50)] = 4
    """With `summary`: how many turns of the caller's stay word for word."""
    between_calls: Annotated[BetweenCalls | None, FALSE_IS_NONE, Field(json_schema_extra=absent("false"))] = None
    """What the model notes of a caller with the tool `remember` it is told in his later calls. `false`: nothing is
    kept."""

    def limit(self, language: str) -> int:
        """Return how long a conversation in a language becomes before it is summarised, in tokens."""
        return self.max_tokens or _DENSE.get(language.partition("-")[0].lower(), _MAX_TOKENS)
