"""Switch: `false` in the place of a section or a limit, which switches it off."""

from typing import Any, Final

from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.fact import Fact
from voicekit.config.scalars import quoted

# What somebody writes for off or on who knows another notation.
_OFF: Final = frozenset({"false", "no", "off", "none", "never", "unlimited"})
_ON: Final = frozenset({"true", "yes", "on"})


def is_false(value: object) -> bool:
    """Say whether a value of the file is `false`."""
    return isinstance(value, Scalar) and value.text == "false" and not quoted(value)


def _none_if_false(value: Any) -> Any:
    if is_false(value):
        return None
    word = value.text.lower() if isinstance(value, Scalar) else ""
    if word in _OFF | _ON:
        raise PydanticCustomError("no-switch", "neither off nor a value", {"off": word in _OFF})
    return value


def _on_or_off(value: Any) -> Any:
    on = isinstance(value, Scalar) and value.text == "true" and not quoted(value)
    return {} if on else _none_if_false(value)


ON_OR_OFF: Final = Fact(_on_or_off, lambda words: {"anyOf": [words, {"enum": [True, False]}]}, before=True)
"""`false` switches it off, `true` on with all its defaults."""

FALSE_IS_NONE: Final = Fact(_none_if_false, lambda words: {"anyOf": [words, {"enum": [False]}]}, before=True)
"""`false` switches it off."""
