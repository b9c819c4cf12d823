"""Checks: OpenAI's way with what a client sends: one that is passed a value and its path, for each shape."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

# Raises Wrong where the value that stands at a path is none.
Check: TypeAlias = Callable[[object, str], None]


class Wrong(Exception):
    """What is answered with an error event; the session goes on.

    Attributes:
        code: OpenAI's.
        param: The path of the parameter that is meant.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def missing(path: str) -> Wrong:
    """Return what refuses the absence of a parameter."""
    return Wrong("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def unsupported(value: object, known: Sequence[str], path: str) -> Wrong:
    """Return what refuses a value that is none of those known."""
    names = ", ".join(f"'{name}'" for name in known)
    return Wrong("invalid_value", f"Invalid value: '{value}'. Supported values are: {names}.", path)


def _type(path: str, wanted: str, value: object) -> Wrong:
    got = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal", dict: "an object"}
    name = got.get(type(value), "null" if value is None else "an array")
    text = f"Invalid type for '{path}': expected {wanted}, but got {name} instead."
    return Wrong("invalid_type", text, path)


def fields(known: Mapping[str, Check], *required: str) -> Check:
    """Return the check of an object: no field that is not known, each of those required."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _type(path, "an object", value)
        for name, given in value.items():
            inner = f"{path}.{name}" if path else name
            if name not in known:
                raise Wrong("unknown_parameter", f"Unknown parameter: '{inner}'.", inner)
            known[name](given, inner)
        for name in required:
            if name not in value:
                raise missing(f"{path}.{name}" if path else name)

    return check


def variants(key: str, known: Mapping[str, Check]) -> Check:
    """Return the check of an object of several shapes, told apart by one of its fields."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _type(path, "an object", value)
        where = f"{path}.{key}" if path else key
        if key not in value:
            raise missing(where)
        inner = known.get(value[key]) if isinstance(value[key], str) else None
        if inner is None:
            raise unsupported(value[key], list(known), where)
        inner(value, path)

    return check


def items(each: Check, most: int | None = None) -> Check:
    """Return the check of an array."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise _type(path, "an array", value)
        if most is not None and len(value) != most:
            text = f"Invalid '{path}': expected an array of length {most}, but got an array of length {len(value)}."
            raise Wrong("invalid_value", text, path)
        for number, item in enumerate(value):
            each(item, f"{path}[{number}]")

    return check


def one_of(*known: str) -> Check:
    """Return the check of a text that is one of these."""

    def check(value: object, path: str) -> None:
        if value not in known:
            raise unsupported(value, known, path)

    return check


def text(most: int | None = None) -> Check:
    """Return the check of a text of at most so many characters."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise _type(path, "a string", value)
        if most is not None and len(value) > most:
            wanted = f"Expected a string with maximum length {most}, but got a string with length {len(value)} instead."
            raise Wrong("string_above_max_length", f"Invalid '{path}': string too long. {wanted}", path)

    return check


def number(least: float, most: float, *, whole: bool = False) -> Check:
    """Return the check of a number from `least` to `most`."""
    kind = "integer" if whole else "decimal"

    def check(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise _type(path, f"a{'n' if whole else ''} {kind}", value)
        if value < least:
            wanted = f"Expected a value >= {least}, but got {value} instead."
            raise Wrong(f"{kind}_below_min_value", f"Invalid '{path}': {kind} below minimum value. {wanted}", path)
        if value > most:
            wanted = f"Expected a value <= {most}, but got {value} instead."
            raise Wrong(f"{kind}_above_max_value", f"Invalid '{path}': {kind} above maximum value. {wanted}", path)

    return check


def flag(value: object, path: str) -> None:
    """Check true or false."""
    if not isinstance(value, bool):
        raise _type(path, "a boolean", value)


def mapping(value: object, path: str) -> None:
    """Check an object whose fields are the client's own."""
    if not isinstance(value, dict):
        raise _type(path, "an object", value)


def optional(inner: Check) -> Check:
    """Return a check that lets null pass too."""
    return lambda value, path: None if value is None else inner(value, path)


def either(kind: type, then: Check, otherwise: Check) -> Check:
    """Return the check for values of a type, or for all others."""
    return lambda value, path: then(value, path) if isinstance(value, kind) else otherwise(value, path)
