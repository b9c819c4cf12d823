"""Homes: which keys the sections of the language have, read from the models' annotations."""

import inspect
import types
import typing
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from voicekit.config.fact import Either
from voicekit.config.suggestions import Homes

Path = tuple[str | int, ...]


@cache
def homes_of(model: type[BaseModel]) -> Homes:
    """Return where each key of the language stands: at the top level, or in which sections that stand there once."""
    homes: dict[str, tuple[str, ...]] = {}
    for section, field in model.model_fields.items():
        for key in keys(_section_of(field.annotation)):
            homes[key] = (*homes.get(key, ()), section)
    return homes | dict.fromkeys(keys(model), ("",))


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a key that takes one section or nothing; a mapping of sections is none."""
    kinds = (annotation, *typing.get_args(annotation)) if _is_union(annotation) else (annotation,)
    return next((kind for kind in kinds if inspect.isclass(kind) and issubclass(kind, BaseModel)), None)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Return the model of the section at a path, walking the annotations of the models."""
    annotation: Any = model
    for step in path:
        found = _model(annotation)
        if found is not None and isinstance(step, str) and step in found.model_fields:
            annotation = _written(found.model_fields[step])
    return _model(annotation)


def keys(model: type[BaseModel] | None) -> list[str]:
    """Return the keys of a section, as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _written(field: FieldInfo) -> Any:
    """Return the type of a key, or of the section that may stand in its place."""
    return next((each.section for each in field.metadata if isinstance(each, Either)), field.annotation)


def _model(annotation: Any) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in typing.get_args(annotation) if (model := _model(part))), None)
