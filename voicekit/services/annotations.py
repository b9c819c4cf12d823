"""Type annotations in the catalogue's words: text, int, num, bool, list, map, any."""

import datetime
import enum
import os
import pathlib
import types
import typing
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass

from pydantic import BaseModel

from voicekit.services.stubs import is_stand_in

PLAIN: dict[object, str] = {
    str: "text",
    bool: "bool",
    int: "int",
    float: "num",
    datetime.timedelta: "num",  # pydantic reads a number as seconds
    uuid.UUID: "text",
    pathlib.Path: "text",
    os.PathLike: "text",
}

ABSENT = {"NoneType", "NotGiven", "_NotGiven", "Omit"}
"""Names of the types by which Pipecat and the SDKs say that nothing was given."""

OPEN_ENUMS = {"Language"}
"""Enums of texts beside which other texts are accepted too."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What values an annotation allows.

    Attributes:
        types: Words for the types, in order of appearance; empty where no YAML value fits.
        items: The word for a list's items, "any" without a list or where they differ.
        choices: The allowed texts, or empty when any text is.
    """

    types: tuple[str, ...] = ()
    items: str = "any"
    choices: tuple[str, ...] = ()


ANY = Shape(("any",))
TEXT = Shape(("text",))
NONE = Shape()


def shape(annotation: object, homes: Iterable[str]) -> Shape:
    """Return what values an annotation allows.

    Classes from elsewhere than `homes` (names of top-level packages) are not looked into: whether their SDK
    is installed must not change the answer. Alone they have no types; beside others they do not count.
    """
    shapes = [_member(member, homes) for member in members(annotation)]
    if any("any" in each.types for each in shapes):
        return ANY
    words = tuple(dict.fromkeys(word for each in shapes for word in each.types))
    if "num" in words:
        words = tuple(word for word in words if word != "int")
    items = {each.items for each in shapes if "list" in each.types}
    texts = [each.choices for each in shapes if "text" in each.types]
    choices = tuple(choice for each in texts for choice in each) if all(texts) else ()
    return Shape(words, items.pop() if len(items) == 1 else "any", tuple(dict.fromkeys(choices)))


def members(annotation: object) -> list[object]:
    """Return the members of a union (of anything else: itself) without those that mean absence."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [each for arg in typing.get_args(annotation) for each in members(arg)]
    if typing.get_origin(annotation) is typing.Annotated:
        return members(typing.get_args(annotation)[0])
    return [] if getattr(annotation, "__name__", "") in ABSENT else [annotation]


def _member(annotation: object, homes: Iterable[str]) -> Shape:
    origin = typing.get_origin(annotation) or annotation
    if origin is typing.Literal:
        return _literal(typing.get_args(annotation))
    if origin in PLAIN:
        return Shape((PLAIN[origin],))
    if origin in (typing.Any, object) or not isinstance(origin, type):
        return ANY
    if issubclass(origin, Mapping):
        return Shape(("map",))
    if origin in (list, tuple, set) or (origin.__module__ == "collections.abc" and issubclass(origin, Iterable)):
        return Shape(("list",), _items(typing.get_args(annotation), homes))
    return _class(origin, homes)


def _literal(values: tuple[object, ...]) -> Shape:
    words = tuple(dict.fromkeys(PLAIN[type(value)] for value in values))
    return Shape(words, choices=tuple(value for value in values if isinstance(value, str)))


def _items(arguments: tuple[object, ...], homes: Iterable[str]) -> str:
    words = shape(arguments[0], homes).types if arguments else ()
    return words[0] if len(words) == 1 else "any"


def _class(cls: type, homes: Iterable[str]) -> Shape:
    if cls.__module__.partition(".")[0] not in homes:
        return NONE
    if issubclass(cls, enum.Enum):
        found = _literal(tuple(member.value for member in cls))
        is_open = cls.__name__ in OPEN_ENUMS or any(map(is_stand_in, found.choices))
        return Shape(found.types) if is_open else found
    if is_dataclass(cls) or issubclass(cls, BaseModel) or typing.is_typeddict(cls):
        return Shape(("map",))
    return NONE
