"""Switch: `false` in the place of a section or a limit, which switches it off."""

from typing import Any, Final

from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.fact import Fact

# What somebody writes for off or on who knows another notation.
_OFF: Final = frozenset({"false", "no", "off", "none", "never", "unlimited"})
_ON: Final = frozenset({"true", "yes", "on"})


def _none_if_false(value: Any) -> Any:
    if not isinstance(value, Scalar):
        return value
    word = value.text.lower()
    if value.plain and value.text == "false":
        return None
    if word in _OFF | _ON:
        raise PydanticCustomError("no-switch", "neither off nor a value", {"off": word in _OFF})
    return value


FALSE_IS_NONE: Final = Fact(_none_if_false, lambda words: {"anyOf": [words, {"enum": [False]}]}, before=True)
"""`false` switches it off."""
