"""Secret: a value that a file names by the variable that holds it, and never holds itself."""

from typing import Any

from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.fact import Fact, Words
from voicekit.config.options import is_literal


def secret(variable: str) -> Fact:
    """Return the fact that a text is no secret written out.

    Args:
        variable: The variable that holds it where the file does not say.
    """

    def check(value: Any) -> Any:
        if isinstance(value, Scalar) and is_literal(value):
            raise PydanticCustomError("literal-secret", "secret", {"variable": variable})
        return value

    def says(words: Words) -> Words:
        told = f"a secret is never in the file: ${{{variable}}}"
        return words | {"pattern": r"\$\{", "patternErrorMessage": told, "examples": [f"${{{variable}}}"]}

    return Fact(check, says, before=True)
