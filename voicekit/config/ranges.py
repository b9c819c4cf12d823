"""Ranges: numbers that have bounds, and texts that have a form."""

import re
from typing import Final

from pydantic_core import PydanticCustomError

from voicekit.config.fact import Fact

NAME: Final = "lower-case letters, digits and hyphens, at most 63"
LANGUAGE: Final = "a language tag such as en, en-GB or zh-CN"
TOOL_NAME: Final = "letters, digits and '_', a letter first, at most 64"


def between(low: float, high: float) -> Fact:
    """Return the fact that a number is from `low` to `high`, both included."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise PydanticCustomError("out-of-range", "out of range", {"value": value, "low": low, "high": high})
        return value

    return Fact(check, lambda words: words | {"minimum": low, "maximum": high})


def formed(pattern: str, form: str) -> Fact:
    """Return the fact that a text matches the whole pattern; `form` says it in words."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise PydanticCustomError("wrong-form", "wrong form", {"value": value, "form": form})
        return value

    # The second word is the one by which editors say a pattern to a person.
    return Fact(check, lambda words: words | {"pattern": f"^(?:{pattern})$", "patternErrorMessage": form})
