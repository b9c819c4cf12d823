"""Switch: `false` in the place of a section or a limit, which switches it off."""

from typing import Any, Final

from voicekit.config.document import Scalar
from voicekit.config.fact import Fact


def _none_if_false(value: Any) -> Any:
    return None if isinstance(value, Scalar) and value.plain and value.text == "false" else value


FALSE_IS_NONE: Final = Fact(_none_if_false, lambda words: {"anyOf": [words, {"enum": [False]}]}, before=True)
"""`false` switches it off."""
