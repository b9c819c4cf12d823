"""Fact: what a value must be, said once. Pydantic checks by it; JSON Schema, and so every editor, says it.

`Either` is of a value that a section may stand for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

Words = dict[str, Any]
"""A JSON Schema."""


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """An annotation of a key's type.

    Attributes:
        check: Takes the value and returns it or another, or raises `PydanticCustomError`.
        says: Takes the JSON Schema of the type and returns that of the values that pass.
        before: Whether it takes what was written, before the type reads it.
    """

    check: Callable[[Any], Any]
    says: Callable[[Words], Words]
    before: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler(source)
        if self.before:
            return core_schema.no_info_before_validator_function(self.check, inner)
        return core_schema.no_info_after_validator_function(self.check, inner)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Words:
        return self.says(handler(schema))


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """An annotation of a key that takes a value, or a section in its place.

    Attributes:
        value: The type of the value.
        section: The model of the section.
        read: Makes the value of a section.
    """

    value: Any
    section: type[BaseModel]
    read: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        value, section = handler.generate_schema(self.value), handler.generate_schema(self.section)

        def checked(written: Any, of_value: core_schema.ValidatorFunctionWrapHandler) -> Any:
            if isinstance(written, dict):
                return self.read(self.section.model_validate(written))
            return of_value(written)

        written = core_schema.union_schema([value, section])
        return core_schema.no_info_wrap_validator_function(checked, value, json_schema_input_schema=written)
