"""Lines: what voicekit itself says, as text, as variants that rotate, or with a manner of saying."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from voicekit.config.fact import Either, Fact
from voicekit.config.placeholders import PlaceholderError, fill, names
from voicekit.config.scalars import Bool, read_template
from voicekit.config.section import Section
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


class Statement(Section):
    """A line, and how it is said."""

    say: Annotated[Line, Field(examples=["We have half a minute left."])]
    """The words."""
    interruptible: Bool = True
    """Whether the caller may cut it short; else he is not heard meanwhile."""


class Unbroken(str):
    """A variant of a line that the caller cannot cut short."""

    __slots__ = ()


def _unbroken(statement: Statement) -> tuple[str, ...]:
    return statement.say if statement.interruptible else tuple(Unbroken(variant) for variant in statement.say)


Announcement = Annotated[tuple[str, ...], Either(Line, Statement, _unbroken)]
"""A line that is played past model and voice; it may be one that the caller cannot cut short."""


def said(variant: str, values: Mapping[str, object]) -> str:
    """Return a variant of a line as it is said: values are filled in, one that is missing as nothing."""
    words = fill(variant, values, missing="")
    return Unbroken(words) if isinstance(variant, Unbroken) else words


def spoken(line: tuple[str, ...], values: Mapping[str, object] = _NO_VALUES) -> tuple[str, ...]:
    """Return all variants of a line as they are said."""
    return tuple(said(variant, values) for variant in line)
