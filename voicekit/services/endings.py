"""Endings: whether a service's class proposes the ends of turns and marks words as final, read from its source."""

import inspect
import re
from collections.abc import Iterator

from pipecat.services.stt_service import SegmentedSTTService

_TURNS = re.compile(r"\.user_turn_strategies = |\buser_turn_strategies=External")
_FINALS = re.compile(r"\bfinalized *=|\bconfirm_finalize\(")


def proposes_turns(cls: type) -> bool:
    """Say whether a class can end turns itself and tells of it, be it always or by an option."""
    return any(_TURNS.search(source) for source in _sources(cls))


def marks_finals(cls: type) -> bool:
    """Say whether a class marks the words that end an utterance; whoever hears whole utterances always does."""
    return issubclass(cls, SegmentedSTTService) or any(_FINALS.search(source) for source in _sources(cls))


def _sources(cls: type) -> Iterator[str]:
    """Yield the source of a class and of those it stands on, but not of Pipecat's base of all."""
    for each in cls.__mro__:
        if each.__module__ not in ("builtins", SegmentedSTTService.__module__) and "services" in each.__module__:
            yield inspect.getsource(each)
