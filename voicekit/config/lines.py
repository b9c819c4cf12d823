"""Lines: what voicekit itself says, as text, as variants that rotate, or with a manner of saying."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from voicekit.config.fact import Fact
from voicekit.config.placeholders import PlaceholderError, fill, names
from voicekit.config.scalars import read_template
from voicekit.config.switch import is_false

_NO_VALUES: Final[Mapping[str, object]] = {}


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple | dict) else [value]


def _not_empty(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        raise PydanticCustomError("empty-list", "is an empty list")
    return items


NOT_EMPTY: Final = Fact(_not_empty, lambda words: words | {"minItems": 1})
"""A list has items."""

ONE_OR_MORE: Final = Fact(_listed, lambda words: words["items"] | words | {"type": ["string", "array"]}, before=True)
"""A text stands for a list with this one item."""


def _readable(text: str) -> str:
    try:
        names(text)
    except PlaceholderError as error:
        raise PydanticCustomError("bad-placeholder", "bad", {"reason": error.message}) from None
    return text


Template = Annotated[str, BeforeValidator(read_template), AfterValidator(_readable)]
"""A text with placeholders."""


def _no_switch(value: Any) -> Any:
    """Refuse what is meant to switch a line off: it would be said."""
    if is_false(value):
        raise PydanticCustomError("said-aloud", "would be said")
    return value


Lines = Annotated[tuple[Template, ...], ONE_OR_MORE, BeforeValidator(_no_switch)]
"""Lines one after another; a text is the only one."""

Line = Annotated[Lines, NOT_EMPTY]
"""Variants of one line; a text is its own only variant."""


def said(variant: str, values: Mapping[str, object]) -> str:
    """Return a variant of a line as it is said: values are filled in, one that is missing as nothing."""
    return fill(variant, values, missing="")


def spoken(line: tuple[str, ...], values: Mapping[str, object] = _NO_VALUES) -> tuple[str, ...]:
    """Return all variants of a line as they are said."""
    return tuple(said(variant, values) for variant in line)
