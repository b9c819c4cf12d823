"""Phrasebook: the lines a language brings with it, from `phrases/LANG.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import yaml

_FOLDER: Final = Path(__file__).parent / "phrases"


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """Lines of one language.

    Attributes:
        source: Where they come from, as `phrases/en`.
        failure: Said when a turn cannot be answered.
        failure_goodbye: The last words when too many turns in a row have failed.
        otherwise: Said by `llm: rules` when nothing matches.
        fillers: Said when the answer is late.
        nudges: Said when the caller is silent, in this order.
        silence_goodbye: The last words to a caller who stays silent.
        limits_warning: Said before a call reaches the time it may last.
        limits_goodbye: The last words of a call that has reached a limit.
        limits_full: Said to who telephones while all lines are busy.
        backchannels: What a caller says to show that he listens, and not to interrupt.
        stop_words: What a caller says to interrupt at once.
    """

    source: str
    failure: tuple[str, ...]
    failure_goodbye: tuple[str, ...]
    otherwise: tuple[str, ...]
    fillers: tuple[str, ...]
    nudges: tuple[str, ...]
    silence_goodbye: tuple[str, ...]
    limits_warning: tuple[str, ...]
    limits_goodbye: tuple[str, ...]
    limits_full: tuple[str, ...]
    backchannels: tuple[str, ...]
    stop_words: tuple[str, ...]


@cache
def phrasebook(language: str) -> Phrasebook | None:
    """Return the lines of a BCP-47 language, looked up as `zh-CN`, then `zh`; None where there are none."""
    for tag in (language.lower(), language.lower().partition("-")[0]):
        if tag in languages():
            path = _FOLDER / f"{tag}.yaml"
            lines: Mapping[str, list[str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
            return Phrasebook(f"phrases/{tag}", **{name: tuple(variants) for name, variants in lines.items()})
    return None


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that have lines."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
