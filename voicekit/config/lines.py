"""Lines: what voicekit itself says, as text, as variants that rotate, or with a manner of saying."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.placeholders import PlaceholderError, names
from voicekit.config.scalars import Text


def _variants(value: Any) -> Any:
    return [value] if isinstance(value, Scalar | str) else value


def not_empty(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list without items."""
    if not items:
        raise PydanticCustomError("empty-list", "is an empty list")
    return items


def _readable(text: str) -> str:
    try:
        names(text)
    except PlaceholderError as error:
        raise PydanticCustomError("bad-placeholder", "bad", {"reason": error.message}) from None
    return text


Template = Annotated[Text, AfterValidator(_readable)]
"""A text with placeholders."""

Line = Annotated[tuple[Template, ...], AfterValidator(not_empty), BeforeValidator(_variants)]
"""Variants of one line; a text is its own only variant."""
