"""Cost: what the services of one call have been asked to do, and what that costs at list price."""

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import Final

from voicekit.providers.prices import Price

_MILLION: Final = 1_000_000
# What is counted by the million; sound is counted by the minute.
_UNITS: Final = tuple(each.name for each in fields(Price) if each.name != "minute")


@dataclass(frozen=True, slots=True)
class Usage:
    """Work that one service has done, each part in the unit of its price.

    Attributes:
        input: Tokens of text that were read, without those below.
        cached: Tokens of text that the provider remembered from before.
        cache_write: Tokens that it is to remember.
        output: Tokens of text that were written.
        audio_input: Tokens of sound that were heard, without those remembered.
        audio_cached: Tokens of sound that the provider remembered from before.
        audio_output: Tokens of sound that were spoken.
        secs: Sound that was heard or spoken, in seconds.
        characters: Characters that were spoken.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    audio_input: int = 0
    audio_cached: int = 0
    audio_output: int = 0
    secs: float = 0.0
    characters: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of all kinds, in and out."""
        heard = self.audio_input + self.audio_cached + self.audio_output
        return self.input + self.cached + self.cache_write + self.output + heard


def cost(usage: Usage, price: Price) -> float:
    """Return what work costs, in US dollars."""
    per_million: float = sum(getattr(usage, unit) * getattr(price, unit) for unit in _UNITS)
    return per_million / _MILLION + usage.secs / 60 * price.minute


class Bill:
    """What one call has used up."""

    def __init__(self) -> None:
        self._usd: defaultdict[str, float] = defaultdict(float)
        self._tokens = 0
        self._unknown = False

    def add(self, name: str, usage: Usage, price: Price | None) -> None:
        """Add work.

        Args:
            name: Whose, as `openai/gpt-4o-mini`.
            usage: What was done.
            price: What that costs; None where it is not known.
        """
        self._tokens += usage.tokens
        if price is None:
            self._unknown = True
        else:
            self._usd[name] += cost(usage, price)

    @property
    def tokens(self) -> int:
        """Tokens of the models, in and out."""
        return self._tokens

    @property
    def usd(self) -> float:
        """US dollars for all work that has a list price."""
        return sum(self._usd.values())

    @property
    def total(self) -> float | None:
        """US dollars for all work; None where some of it has no list price."""
        return None if self._unknown else self.usd
