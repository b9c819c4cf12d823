"""Filling: what the templates of a tool become in one call of it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from voicekit.config.placeholders import MissingValueError, fill, look_up, names

DROPPED: Final = object()
"""Stands for a value that is left out, because what it needs is missing."""


def scope(values: Mapping[str, object], parameters: Iterable[str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a tool's templates may name: the values of the call, and its arguments over them.

    Args:
        values: Of the call; what the line does not tell is an empty text, and missing here.
        parameters: Names of arguments. One that is missing still hides the call's value of that name.
        arguments: The arguments.
    """
    hidden = {root: _told(value) for root, value in values.items()} | dict.fromkeys(parameters)
    return hidden | dict(arguments)


def _told(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return {name: each for name, each in value.items() if each != ""}


def filled_texts(templates: Mapping[str, str], known: Mapping[str, Any], encode: Any = str) -> dict[str, str]:
    """Return templates filled in, without those of which a value is missing."""
    filled = {}
    for name, template in templates.items():
        try:
            filled[name] = fill(template, known, encode=encode)
        except MissingValueError:
            continue
    return filled


def filled_value(value: Any, known: Mapping[str, Any]) -> Any:
    """Return a value with its texts filled in; what needs a value that is missing is left out.

    A text that is exactly one placeholder becomes the value itself, a number for one. What is left of the whole may
    be `DROPPED`.
    """
    if isinstance(value, dict):
        filled = {key: filled_value(each, known) for key, each in value.items()}
        return {key: each for key, each in filled.items() if each is not DROPPED}
    if isinstance(value, list):
        return [each for each in (filled_value(item, known) for item in value) if each is not DROPPED]
    return _filled_text(value, known) if isinstance(value, str) else value


def _filled_text(template: str, known: Mapping[str, Any]) -> Any:
    found = names(template)
    if len(found) == 1 and (found[0].start, found[0].end) == (0, len(template)):
        value = look_up(found[0].name, known)
        if value is not None and not (value == "" and found[0].has_default):
            return value
    try:
        return fill(template, known)
    except MissingValueError:
        return DROPPED
