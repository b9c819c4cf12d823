"""Scalars: the types a key can have, and how each reads what was written.

The key's type decides, not YAML's guess: `language: no` is text, `model: 3.10` keeps its zero. Each type is
a pydantic annotation whose validator takes a `Scalar`; a value already of the type passes.
"""

import math
import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError, PydanticUseDefault

from voicekit.config.document import Mapping, Scalar, Sequence

_INT: Final = re.compile(r"[-+]?[0-9]{1,18}")
_NUM: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})

TEXT: Final = "text"
INT: Final = "a whole number"
NUM: Final = "a number"
BOOL: Final = "true or false"


def wrong_type(wanted: str, found: object) -> PydanticCustomError:
    """Return the error for a value of another type; the translation of errors puts the key's name in."""
    return PydanticCustomError("wrong-type", "{wanted}, not {found}", {"wanted": wanted, "found": shown(found)})


def shown(value: object) -> str:
    """Return how a value is named in a message: in quotes, or by its kind.

    A value that came from the environment is named by its reference: it may be a secret.
    """
    if isinstance(value, Scalar):
        return f"'{printable(value.text if value.raw == value.text else value.raw)}'"
    if isinstance(value, list | tuple | Sequence):
        return "a list"
    if isinstance(value, dict | Mapping):
        return "a mapping"
    return f"'{value}'"


def printable(text: str, most: int = 60) -> str:
    """Return a text that fits into one line of a message."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= most else f"{line[:most]}…"


def _written(value: Any, wanted: str) -> str:
    if not isinstance(value, Scalar):
        raise wrong_type(wanted, value)
    if not value.known:
        raise PydanticUseDefault
    if value.plain and value.text == "":
        raise PydanticCustomError("no-value", "has no value")
    return value.text


def read_text(value: Any) -> Any:
    """Read text: anything that is one value, as it is written."""
    return value if isinstance(value, str) else _written(value, TEXT)


def read_template(value: Any) -> Any:
    """Read a text with placeholders. What comes from the environment is none."""
    text = read_text(value)
    return value.template or text if isinstance(value, Scalar) else text


def read_int(value: Any) -> Any:
    """Read a whole number in decimals, without `_`; a quoted number is text."""
    if isinstance(value, int):
        return value
    text = _written(value, INT)
    if not _INT.fullmatch(text) or quoted(value):
        raise wrong_type(INT, value)
    return int(text)


def read_num(value: Any) -> Any:
    """Read a number; a quoted number is text."""
    if isinstance(value, int | float):
        return value
    text = _written(value, NUM)
    if not _NUM.fullmatch(text) or quoted(value) or not math.isfinite(number := float(text)):
        raise wrong_type(NUM, value)
    return number


def read_bool(value: Any) -> Any:
    """Read `true` or `false` and nothing else."""
    if isinstance(value, bool):
        return value
    text = _written(value, BOOL)
    if text not in ("true", "false") or quoted(value):
        raise wrong_type(BOOL, value)
    return text == "true"


def read_any(value: Any) -> Any:
    """Read a value whose type nothing says, by the core rules of YAML 1.2."""
    if isinstance(value, list):
        return [read_any(item) for item in value]
    if isinstance(value, dict):
        return {key: read_any(item) for key, item in value.items()}
    return _core(value) if isinstance(value, Scalar) else value


def _core(value: Scalar) -> object:
    text = value.text
    if not value.plain:
        return text
    if text in _NULL:
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _NUM.fullmatch(text) else text


def quoted(value: Scalar) -> bool:
    """Say whether a value stands in quotes, and so is text; quotes around a variable say nothing."""
    return not value.plain and value.raw == value.text


Text = Annotated[str, BeforeValidator(read_text)]
Int = Annotated[int, BeforeValidator(read_int)]
Num = Annotated[float, BeforeValidator(read_num)]
Bool = Annotated[bool, BeforeValidator(read_bool)]
Anything = Annotated[Any, BeforeValidator(read_any)]
