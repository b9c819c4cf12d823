"""Section: what every mapping of a voicekit file has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of the file. Unknown keys are refused, values never change.

    What a key means stands below it as a docstring; pydantic is not asked to read those, because it would parse
    the source of every section at every start.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True)


def absent(meaning: str) -> dict[str, Any]:
    """Return what the absence of a key means where its default is no value, for `Field(json_schema_extra=…)`.

    A file may leave such a key out even where the checked value always has it: the loader gives it.
    """
    return {"x-absent": meaning}
