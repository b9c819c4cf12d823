"""Lines: what voicekit itself says, as text, as variants that rotate, or with a manner of saying."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.placeholders import PlaceholderError, names
from voicekit.config.scalars import Text


def _variants(value: Any) -> Any:
    return [value] if isinstance(value, Scalar | str) else value


def _not_empty(variants: tuple[str, ...]) -> tuple[str, ...]:
    if not variants:
        raise PydanticCustomError("empty-list", "is an empty list")
    return variants


def _readable(variants: tuple[str, ...]) -> tuple[str, ...]:
    for variant in variants:
        try:
            names(variant)
        except PlaceholderError as error:
            raise PydanticCustomError("bad-placeholder", "bad", {"reason": error.message}) from None
    return variants


Line = Annotated[tuple[Text, ...], AfterValidator(_not_empty), AfterValidator(_readable), BeforeValidator(_variants)]
"""Variants of one line; a text is its own only variant."""
