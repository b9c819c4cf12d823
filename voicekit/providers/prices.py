"""List prices: what the work of a provider's models costs, in US dollars, without a contract."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs, in US dollars.

    Attributes:
        input: A million tokens of text that are read.
        cached: A million of those that the provider remembers from before.
        cache_write: A million of those that it is to remember.
        output: A million tokens of text that are written.
        audio_input: A million tokens of sound that are heard.
        audio_cached: A million of those that the provider remembers from before.
        audio_output: A million tokens of sound that are spoken.
        minute: A minute of sound: heard by an asr or a realtime, spoken by a tts.
        characters: A million characters that are spoken.
    """

    input: float = 0.0
    cached: float = 0.0
    cache_write: float = 0.0
    output: float = 0.0
    audio_input: float = 0.0
    audio_cached: float = 0.0
    audio_output: float = 0.0
    minute: float = 0.0
    characters: float = 0.0


FREE: Final = Price()
"""What runs on this machine costs nobody's bill."""

# What costs as much as the kind of token that it is, where it has no price of its own.
_KIND: Final = (
    ("cached", "input"),
    ("cache_write", "input"),
    ("audio_input", "input"),
    ("audio_cached", "audio_input"),
    ("audio_output", "output"),
)


@dataclass(frozen=True, slots=True)
class Prices:
    """A provider's list.

    Attributes:
        as_of: The day on which it was read, `2026-11-25`; empty for what is free.
        source: Where.
        models: What each model costs, by a pattern of names; the longest that fits counts.
    """

    as_of: str
    source: str
    models: Mapping[str, Price]

    def of(self, model: str) -> Price | None:
        """Return what a model costs, or None where the list does not say."""
        fitting = [pattern for pattern in self.models if fnmatch.fnmatchcase(model, pattern)]
        return self.models[max(fitting, key=len)] if fitting else None


def read_prices(entry: Mapping[str, Any]) -> Prices | None:
    """Return a provider's list from its entry in the catalogue, or None where it has none.

    Raises:
        TypeError: A price is of something that has none.
    """
    if entry.get("free"):
        return Prices("", "", {"*": FREE})
    written = entry.get("prices")
    if not written:
        return None
    return Prices(written["as_of"], written["source"], {name: _price(each) for name, each in written["models"].items()})


def _price(written: Mapping[str, float]) -> Price:
    full = dict(written)
    for special, usual in _KIND:
        if usual in full:
            full.setdefault(special, full[usual])
    return Price(**full)
