"""Options: one option's value, against what the catalogue says of it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic_core import PydanticCustomError, PydanticUseDefault

from voicekit.config.document import Node, Scalar
from voicekit.config.messages import plain, wrong_value
from voicekit.config.misnamed import elsewhere
from voicekit.config.scalars import (
    BOOL,
    INT,
    NUM,
    TEXT,
    read_any,
    read_bool,
    read_int,
    read_num,
    read_text,
    wrong_type,
)
from voicekit.problems import Place, Problem, Severity
from voicekit.providers.catalog import Option, Provider

# Tried in this order: what reads as a number is one where text is allowed too.
_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "bool": read_bool,
    "int": read_int,
    "num": read_num,
    "text": read_text,
    "any": read_any,
}
_LABELS: Final = {"bool": BOOL, "int": INT, "num": NUM, "text": TEXT, "list": "a list", "map": "a mapping"}
# A variable as a shell has it. Only in capitals: anything else may be the start of a key.
_DOLLAR: Final = re.compile(r"\$([A-Z_][A-Z0-9_]*)")


def read(option: Option, node: Node) -> tuple[object, Problem | None]:
    """Return an option's value, and what is wrong with it.

    The value is None where something is wrong, and where a variable in it is not set: that is told elsewhere.
    """
    try:
        return _value(option, plain(node)), None
    except PydanticUseDefault:
        return None, None
    except PydanticCustomError as error:
        problem = wrong_value(error.type, error.context or {}, option.name, node)
        if problem.code == "wrong-type" and not problem.help and None not in (option.low, option.high):
            problem = replace(problem, help=f"it takes {option.low} to {option.high}")
        return None, problem


def remarks(provider: Provider, option: Option, node: Node, place: Place) -> Iterator[Problem]:
    """Yield what is to be said of an option besides its type and range.

    Args:
        provider: Whose option it is.
        option: What the catalogue says of it.
        node: Its value.
        place: Where its key stands.
    """
    if option.deprecated:
        text = f"Pipecat {option.deprecated} deprecates '{option.name}', and is going to drop it"
        yield Problem("deprecated-option", text, place, option.instead or "remove it", Severity.WARNING)
    if not isinstance(node, Scalar):
        return
    dollar = _DOLLAR.fullmatch(node.raw) if option.secret or option.name == "endpoint" else None
    if dollar:
        text = f"'{node.raw}' is taken as written"
        yield Problem("dollar-name", text, node.place, f'{option.name}: "${{{dollar[1]}}}"', Severity.WARNING)
    elif option.secret and is_literal(node):
        yield _secret(provider, option, node)
    if option.name == "model" and (moved := elsewhere(provider, node)):
        yield moved


def is_literal(node: Scalar) -> bool:
    """Say whether a value holds more than references to the environment."""
    return "${" not in node.raw or bool(re.search(r":-[^}]", node.raw))


def _secret(provider: Provider, option: Option, node: Scalar) -> Problem:
    variable = provider.environment.get(option.name, "")
    hint = f'{option.name}: "${{{variable or option.name.upper()}}}"'
    hint += ", or leave it out: that is the default" if variable else ""
    return Problem("secret-in-file", "a secret is written in the file", node.place, hint)


def _value(option: Option, value: Any) -> object:
    if isinstance(value, list) and "list" in option.types:
        read = _READERS.get(option.items, read_any)
        return [read(item) for item in value]
    if isinstance(value, dict) and "map" in option.types:
        return read_any(value)
    if isinstance(value, Scalar) and not value.known:
        raise PydanticUseDefault
    for name in (name for name in _READERS if name in option.types):
        try:
            return _allowed(option, _READERS[name](value))
        except PydanticCustomError as error:
            if error.type not in ("wrong-type",):
                raise
    raise wrong_type(" or ".join(label for name, label in _LABELS.items() if name in option.types), value)


def _allowed(option: Option, value: object) -> object:
    """Return a value that is among the choices and within the range of its option."""
    if option.choices and isinstance(value, str) and value not in option.choices:
        raise PydanticCustomError("unknown-choice", "unknown choice", {"choices": list(option.choices)})
    low, high = option.low, option.high
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    if (low is not None and value < low) or (high is not None and value > high):
        raise PydanticCustomError("out-of-range", "out of range", {"value": value, "low": low, "high": high})
    return value
