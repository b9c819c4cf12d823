"""Docstrings: what is written below each key of a section, read from the source when somebody asks."""

import ast
import functools
import inspect
from collections.abc import Iterator, Mapping

from pydantic import BaseModel


def documented(model: type[BaseModel]) -> Mapping[str, str]:
    """Return what each field of a section means, by the field's name."""
    return _module(inspect.getsourcefile(model) or "").get(model.__name__, {})


@functools.cache
def _module(path: str) -> Mapping[str, Mapping[str, str]]:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path as inspect gives it
        tree = ast.parse(file.read())
    return {node.name: dict(_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(section: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(section.body, section.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            value = below.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield field.target.id, inspect.cleandoc(value.value)
