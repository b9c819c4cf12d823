"""Schema: the JSON Schema of a file (draft-07), for editors and other tools. Made of the reference, never written.

It is as strict as JSON Schema allows without marking a right file: what a section must have is asked of a file that
extends no other, and of the items of lists, which are never laid over others. Editors know some words of their
own, which validators pass over: `patternErrorMessage` and `deprecationMessage`.
"""

from collections.abc import Iterator
from typing import Any, Final

from voicekit.config.agent import CASCADE
from voicekit.config.fact import Words
from voicekit.config.reference import CLASS, HERE, alternatives, definitions, option_words, own_words, provider_words
from voicekit.config.scalars import TEXT
from voicekit.config.words import ANYTHING, MAPPING, kinds, worded, written
from voicekit.providers.catalog import Kind, Option, Provider, catalog

DESCRIPTION: Final = (
    "One voicekit file, one agent. What one section says of another is checked by `voicekit validate` only. "
    "A parser of YAML must be told of the tags: '!include scalar' and '!unset scalar'."
)
# What may stand in place of any value: an expression, or nothing but the tag `!unset`.
READ_FIRST: Final = r"\$\{|^$"
# What may stand in place of a mapping or a list: a file that `!include` names.
INCLUDED: Final = r"\.(?:ya?ml|json)$"
_EXPRESSION: Final = {"type": "string", "pattern": READ_FIRST, "patternErrorMessage": "${NAME}"}
# Keys of the reference that are ours alone.
RULES: Final = "rules"
_OURS: Final = ("x-absent", "x-secret")
# What a section must have, in the words of the reference.
_MUST: Final = ("required", "if", "then")


def schema() -> Words:
    """Return the JSON Schema of a file."""
    whole, items = definitions()["Agent"], set(_items(definitions()))
    sections = {name: _loose(words, whole=name in items) for name, words in definitions().items()}
    agent = sections.pop("Agent")
    services = [name for name, words in whole["properties"].items() if "x-service" in words]
    sections["Rules"]["properties"]["provider"] = {}
    for name in services:
        words = agent["properties"][name]
        sections |= _services(words["x-service"])
        agent["properties"][name] = _section(words)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "voicekit",
        **agent,
        "description": DESCRIPTION,
        "patternProperties": {"^x-": {"description": "Ignored: a place for anchors."}},
        # These are never inherited.
        "required": whole["required"],
        "if": {"required": ["extends"]},
        "else": {
            "properties": _must(whole)["properties"] | {name: _ref(_complete(name)) for name in services},
            "if": {"required": ["realtime"]},
            "then": {"properties": {key: {"not": {}} for key in CASCADE}},
            "else": {"required": [*CASCADE]},
        },
        "definitions": {"expression": _EXPRESSION, **sections},
    }


def _ref(name: str) -> Words:
    return {"$ref": f"{HERE}{name}"}


def _complete(kind: str) -> str:
    return f"{kind}-complete"


def _items(words: Any) -> Iterator[str]:
    """Yield the sections that are items of lists."""
    if isinstance(words, dict) and "$ref" in words.get("items", {}):
        yield words["items"]["$ref"].removeprefix(HERE)
    for each in words.values() if isinstance(words, dict) else ():
        yield from _items(each)


def _must(words: Words) -> Words:
    """Return what a section and those in it must have: no more than that, and nothing where they need nothing."""
    must: Words = {}
    for each in alternatives(words):
        must |= {key: each[key] for key in _MUST if each.get(key)}
        inside = {name: found for name, inner in each.get("properties", {}).items() if (found := _must(inner))}
        must |= {"properties": inside} if inside else {}
        names = each.get("additionalProperties")
        found = _must(names) if isinstance(names, dict) else {}
        must |= {"additionalProperties": found} if found else {}
    return must


def _loose(words: Any, *, whole: bool = False) -> Any:
    """Return words that also allow what is read when the file is loaded, and scalars that YAML takes for others.

    Args:
        words: Words of the reference.
        whole: Whether to keep what a section must have.
    """
    if isinstance(words, list):
        return [each for each in map(_loose, words) if each != {}]
    if not isinstance(words, dict):
        return words
    left_out = _OURS if whole else (*_OURS, *_MUST)
    loose = {key: _inside(key, value) for key, value in words.items() if key not in left_out}
    if "$ref" in loose and len(loose) > 1:
        # Beside a reference draft-07 sees nothing.
        loose["allOf"] = [{"$ref": loose.pop("$ref")}]
    if "description" in loose and "x-service" not in words:
        loose["description"] = _described(words)
    if "enum" in loose:
        return _choice(loose)
    return _typed(loose, worded(words)) if "type" in loose else loose


def _inside(key: str, value: Any) -> Any:
    if key == "examples":
        # Editors offer them as one word each.
        return [each for each in value if not isinstance(each, dict | list)]
    if key in ("properties", "definitions"):
        return {name: _loose(words) for name, words in value.items()}
    return _loose(value) if key in ("items", "additionalProperties", "anyOf", "allOf") else value


def _choice(words: Words) -> Words:
    """Return a choice that an expression may make."""
    choices = {"enum": words.pop("enum")}
    words.pop("type", None)
    return {**words, "anyOf": [choices, {"$ref": "#/definitions/expression"}]}


def _typed(words: Words, said: str) -> Words:
    types = kinds(words)
    if "string" in types:
        read = {"pattern": f"{words['pattern']}|{READ_FIRST}"} if "pattern" in words else {}
        return {**words, "type": list(dict.fromkeys([*types, "number", "boolean"])), **read}
    if {"object", "array"} & {*types}:
        read = {"pattern": f"{READ_FIRST}|{INCLUDED}", "patternErrorMessage": said}
    else:
        read = {"pattern": READ_FIRST, "patternErrorMessage": f"{said}, or ${{NAME}}"}
    return {**words, "type": [*types, "string"], **read}


def _described(words: Words) -> str:
    """Return what a key means and takes: the whole of what an editor shows of it."""
    said = worded(words)
    if said in (MAPPING, ANYTHING, TEXT) and "default" not in words:
        return str(words["description"])
    default = f"; {written(words['default'])} by default" if "default" in words else ""
    return f"{words['description']}\n\nTakes {said}{default}."


def _section(words: Words) -> Words:
    """Return one of asr, llm, tts and realtime: a provider's name, a mapping, or a list of them."""
    kind = words["x-service"]
    one = {"allOf": [_ref(kind)]}
    many = {} if words["x-several"] else {"maxItems": 1}
    return {
        **{key: words[key] for key in ("description", "examples")},
        "type": ["string", "object", "array"],
        **one,
        "items": {"type": ["string", "object"], "allOf": [_ref(kind), _ref(_complete(kind))]},
        "minItems": 1,
        **many,
        # Always true: the names stand here to be offered.
        "anyOf": [{"enum": list(catalog().names(kind))}, {}],
    }


def _services(kind: Kind) -> dict[str, Words]:
    """Return what stands in a section, and each provider's options, by the names of the definitions."""
    names = catalog().names(kind)
    providers = {name: found for name in names if (found := catalog().find(kind, name))}
    named = f"the name of {'an' if kind[0] in 'aeiou' else 'a'} {kind} provider, or provider/model"
    section = {
        "pattern": f"^(?:{'|'.join(names)})(?:/|$)|{READ_FIRST}|{INCLUDED}",
        "patternErrorMessage": named,
        "properties": {"provider": _choice(provider_words(kind)), "class": _loose(CLASS)},
        "allOf": [{"if": _is(name), "then": _ref(_definition(found))} for name, found in providers.items()],
    }
    needs = {name: must for name, found in providers.items() if (must := _needs(found))}
    complete = {
        "anyOf": [{"required": ["provider"]}, {"required": ["class"]}],
        "allOf": [{"if": _is(name), "then": must} for name, must in needs.items()],
    }
    own = {_definition(found): _options(found) for found in providers.values() if found.name != RULES}
    return {kind: section, _complete(kind): complete, **own}


def _is(name: str) -> Words:
    return {"type": "object", "properties": {"provider": {"const": name}}, "required": ["provider"]}


def _definition(provider: Provider) -> str:
    return "Rules" if provider.name == RULES else f"{provider.kind}-{provider.name}"


def _needs(provider: Provider) -> Words:
    """Return what must stand beside a provider's name."""
    if provider.name == RULES:
        return _must(definitions()["Rules"])
    options = provider.options
    secrets = [name for name in provider.environment if name in options and options[name].secret]
    words: Words = {}
    if needed := [names[0] for names in provider.required if len(names) == 1]:
        words["required"] = needed
    if either := [names for names in provider.required if len(names) > 1]:
        words["allOf"] = [{"anyOf": [{"required": [name]} for name in names]} for names in either]
    # The usual key is not sent to another host.
    return words | ({"dependencies": {"endpoint": secrets}} if secrets and "endpoint" in options else {})


def _options(provider: Provider) -> Words:
    options = {name: _option(provider, option) for name, option in provider.options.items()}
    options |= {name: _loose(words) for name, words in own_words(provider).items()}
    return {"properties": {"provider": {}, **options}, "additionalProperties": False}


def _option(provider: Provider, option: Option) -> Words:
    words: Words = _loose(option_words(provider, option))
    if option.secret:
        variable = provider.environment.get(option.name) or option.name.upper()
        words |= {"pattern": READ_FIRST, "patternErrorMessage": f"a secret is never in the file: ${{{variable}}}"}
    if option.deprecated:
        words["deprecationMessage"] = "Pipecat is going to drop this option."
    return words
