"""Ranges: numbers that have bounds, and texts that have a form."""

import re
from typing import Final

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

NAME: Final = "lower-case letters, digits and hyphens, at most 63"
LANGUAGE: Final = "a language tag such as en, en-GB or zh-CN"
TOOL_NAME: Final = "letters, digits and '_', a letter first, at most 64"


def between(low: float, high: float) -> AfterValidator:
    """Return a validator for a number from `low` to `high`, both included."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise PydanticCustomError("out-of-range", "out of range", {"value": value, "low": low, "high": high})
        return value

    return AfterValidator(check)


def formed(pattern: str, form: str) -> AfterValidator:
    """Return a validator for a text that matches the whole pattern; `form` says it in words."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise PydanticCustomError("wrong-form", "wrong form", {"value": value, "form": form})
        return value

    return AfterValidator(check)
