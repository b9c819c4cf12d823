"""Reference: what each key of a file means, in the words of JSON Schema. Derived, never written.

The models say types, ranges, defaults and examples, the docstrings below their fields the meanings, the table of
short forms what else may stand there, the catalogue the options of providers. `voicekit schema` shows it to a
person, `voicekit.config.schema` makes of it what an editor reads.
"""

import functools
from collections.abc import Iterator
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from voicekit.config.agent import Agent
from voicekit.config.docstrings import documented
from voicekit.config.fact import Words
from voicekit.config.keyterms import KEY as KEYTERMS
from voicekit.config.rules import Rules
from voicekit.config.services import TIMEOUT, USUAL_TIMEOUT, Service
from voicekit.config.shorthand import BUILTIN, MEANS, TOOL_MEANS
from voicekit.providers.catalog import KINDS, Kind, Option, Provider, catalog

# A key that is read before the sections are: no section has it.
_EXTENDS: Final = {
    "type": "string",
    "description": "A file that this one builds on; what is written here replaces what is written there.",
    "examples": ["base.yaml"],
}
_TYPES: Final = {
    "text": "string",
    "int": "integer",
    "num": "number",
    "bool": "boolean",
    "list": "array",
    "map": "object",
}
HERE: Final = "#/definitions/"
# What is said of a key, and not of its value.
_OF_THE_KEY: Final = ("description", "default", "examples", "x-absent")


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, for what a file writes instead of what a model takes."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def sort(self, value: Words, parent_key: str | None = None) -> Words:
        """Keep the order of the source: a reader's, and an example's."""
        return value

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Words:
        """None is the absence of a key; a file cannot write it."""
        return self.generate_inner(schema["schema"])

    def literal_schema(self, schema: core_schema.LiteralSchema) -> Words:
        return {"type": "string", "enum": list(schema["expected"])}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Words:
        words = super().default_schema(schema)
        default = words.get("default")
        if isinstance(default, float) and default.is_integer():
            words["default"] = int(default)
        return {key: value for key, value in words.items() if key != "default" or value not in (None, "", [], {})}

    def json_or_python_schema(self, schema: core_schema.JsonOrPythonSchema) -> Words:
        return self.generate_inner(schema["python_schema"])

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> Words:
        return {"x-service": ""} if schema["cls"] is Service else super().is_instance_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> Words:
        words = super().model_schema(schema)
        del words["title"]
        meanings = documented(schema["cls"])
        properties = words["properties"]
        for name, field in schema["cls"].model_fields.items():
            properties[field.alias or name]["description"] = meanings[name]
        required = [name for name in words.get("required", ()) if "x-absent" not in properties[name]]
        return {**words, "required": required}


@functools.cache
def definitions() -> dict[str, Words]:
    """Return every section of a file by the name of its model; `Agent` is the whole file."""
    _, found = models_json_schema(
        [(Agent, "validation"), (Rules, "validation")],
        schema_generator=_Generator,
        ref_template=f"{HERE}{{model}}",
    )
    # Pydantic describes the classes of checked values too; a file writes what its sections lead to.
    names = dict.fromkeys(each for model in ("Agent", "Rules") for each in (model, *_leads_to(model, found["$defs"])))
    sections: dict[str, Words] = {name: found["$defs"][name] for name in names}
    keys = sections["Agent"]["properties"]
    for kind in KINDS:
        if kind in keys:
            keys[kind] = _service(kind, keys[kind])
    for name, means in MEANS.items():
        keys[name] = _or_short(keys[name], means, sections)
    tool = sections["Tool"]["properties"]
    tool |= {name: _or_short(tool[name], means, sections) for name, means in TOOL_MEANS.items()}
    keys["tools"] = _tools(keys["tools"], sections)
    sections["Agent"]["properties"] = {"extends": _EXTENDS, **keys}
    return sections


def _leads_to(name: str, found: dict[str, Words]) -> Iterator[str]:
    for inner in _references(found[name]):
        yield from (inner, *_leads_to(inner, found))


def _references(words: Any) -> Iterator[str]:
    if isinstance(words, dict) and isinstance(words.get("$ref"), str):
        yield words["$ref"].removeprefix(HERE)
    for each in words.values() if isinstance(words, dict) else words if isinstance(words, list) else ():
        yield from _references(each)


def resolved(words: Words) -> Words:
    """Return words with what they refer to put in; what stands beside a reference wins."""
    merged: Words = {}
    if "$ref" in words:
        merged |= resolved(definitions()[words["$ref"].removeprefix(HERE)])
    for part in words.get("allOf", ()):
        merged |= resolved(part)
    return merged | {key: value for key, value in words.items() if key not in ("$ref", "allOf")}


def alternatives(words: Words) -> Iterator[Words]:
    """Yield what may stand there, each resolved."""
    words = resolved(words)
    if "anyOf" not in words:
        yield words
    for each in words.get("anyOf", ()):
        yield from alternatives(each)


def provider_words(kind: Kind) -> Words:
    """Return what the name of a provider means."""
    names = catalog().names(kind)
    easy = [name for name in names if (found := catalog().find(kind, name)) and not found.required]
    return {"type": "string", "enum": list(names), "description": "Whose service it is.", "examples": easy[:1]}


def option_words(provider: Provider, option: Option) -> Words:
    """Return what a provider's option means."""
    words: Words = {"description": option.doc} if option.doc else {}
    if "any" not in option.types:
        words["type"] = [_TYPES[name] for name in option.types]
    if option.choices:
        words["enum"] = list(option.choices)
    words |= {name: bound for name, bound in (("minimum", option.low), ("maximum", option.high)) if bound is not None}
    if "list" in option.types and option.items in _TYPES:
        words["items"] = {"type": _TYPES[option.items]}
    default = provider.defaults.get(option.name, option.default)
    if default not in (None, "") and not option.secret:
        words["default"] = default
    if option.secret:
        words["x-secret"] = True
    if option.deprecated:
        words["deprecated"] = True
    return words


CLASS: Final[Words] = {
    "description": "A service of yours in place of a provider, `package.module:Class`; imported when the file runs.",
    "type": "string",
    "examples": ["speech.acme:AcmeService"],
}


def own_words(provider: Provider) -> dict[str, Words]:
    """Return what the keys mean that are ours and stand among a provider's options."""
    words: dict[str, Words] = {}
    if not provider.one_of:
        limit = "Seconds that one attempt may take: to connect, and to its first result."
        bounds = {"minimum": 0.5, "maximum": 120, "default": USUAL_TIMEOUT[provider.kind]}
        words[TIMEOUT] = {"description": limit, "type": "number", **bounds}
    if provider.kind == "asr" and not provider.one_of:
        terms = "Names and words to expect, in the form that the provider wants them in."
        words[KEYTERMS] = {"description": terms, "type": "array", "items": {"type": "string"}, "examples": [["Acme"]]}
    if provider.passes_extra:
        words["extra"] = {"description": "Passed on to the provider's API as it is, unchecked.", "type": "object"}
    return words


def _service(kind: str, words: Words) -> Words:
    said: Words = {key: words[key] for key in ("description", "examples", "x-absent") if key in words}
    return {**said, "x-service": kind, "x-several": words.get("type") == "array"}


def _or_short(words: Words, means: str, sections: dict[str, Words]) -> Words:
    """Return words that also allow the value of one key of the section in place of the section."""
    said = {key: value for key, value in words.items() if key in ("description", "x-absent")}
    whole = [{key: value for key, value in words.items() if key not in said}]
    whole = whole[0].get("anyOf", whole)
    section = next(each["$ref"] for each in whole if "$ref" in each).removeprefix(HERE)
    key = sections[section]["properties"][means]
    short = {name: value for name, value in key.items() if name not in _OF_THE_KEY}
    default = {"default": key["default"]} if "default" in key else {}
    return {**said, **default, "anyOf": [short, *whole]}


def _tools(words: Words, sections: dict[str, Words]) -> Words:
    """Return the tools as names to tools, where a tool of ours may be one word."""
    (pattern, tool), *_ = words.pop("patternProperties").items()
    builtin = sections["Tool"]["properties"]["builtin"]
    short = {
        "description": builtin["description"],
        "anyOf": [{"type": "string", "enum": [BUILTIN]}, tool],
    }
    return {
        **words,
        "properties": dict.fromkeys(builtin["enum"], short),
        "additionalProperties": tool,
        "propertyNames": {"pattern": pattern, **words["propertyNames"]},
    }
