"""Origins: a checked file in full, each value with where it came from.

What the file does not say stands in the tree like what it says; the `file` of its place names its origin instead:
a `Place` without a line.
"""

import re
from collections.abc import Callable, Container, Iterator
from collections.abc import Mapping as Table
from dataclasses import replace
from typing import Any, Final

from voicekit.config.account import VARIABLES
from voicekit.config.agent import CASCADE, Agent
from voicekit.config.document import Mapping, Node, Scalar, Sequence
from voicekit.config.keyterms import KEY as KEYTERMS
from voicekit.config.memory_checks import KEPT_BY
from voicekit.config.outside import VARIABLES as OUTSIDE
from voicekit.config.own_lines import BUILTIN, OWN_LINES
from voicekit.config.phrasebook import phrasebook
from voicekit.config.section import Section
from voicekit.config.services import TIMEOUT, Service
from voicekit.config.tool import HTTP_KEYS, PYTHON_KEYS, Tool
from voicekit.config.transport import TELEPHONE_KEYS, TELEPHONY, TRANSPORT_KEYS, WEB_KEYS
from voicekit.config.turn import END_KEYS, Turn
from voicekit.problems import Place
from voicekit.providers.catalog import KINDS

Path = tuple[str, ...]

DEFAULT: Final = "default"
# Text that needs no quotes.
_PLAIN: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_./-]*)( [A-Za-z0-9_./-]+)*")
# Options of a provider whose default of Pipecat's is worth a line; `voicekit providers` has the others.
_SHOWN: Final = ("model", "voice")
# Lines that the language brings.
_SPOKEN: Final[Container[Path]] = frozenset(line.path for line in OWN_LINES)
# What a caller says comes in dozens.
_HEARD: Final[Container[Path]] = frozenset(line.path for line in OWN_LINES if not line.said)


def _of_type(kind: str) -> Callable[[Agent], bool]:
    return lambda agent: agent.transport.type == kind


def _of_several(kind: str) -> Callable[[Agent], bool]:
    return lambda agent: len(getattr(agent, kind)) > 1


def _of_end(key: str) -> Callable[[Agent], bool]:
    return lambda agent: key in END_KEYS[agent.turn_end]


def _of_memory(keep: str) -> Callable[[Agent], bool]:
    return lambda agent: agent.memory.keep == keep


# What is no part of a file that does not use it.
_USED: Final[Table[Path, Callable[[Agent], bool]]] = {
    ("vad",): lambda agent: agent.detects_speech,
    ("turn", "end"): lambda agent: agent.turn_end == "provider" or not agent.has_own_turns,
    **{("turn", key): _of_end(key) for keys in END_KEYS.values() for key in keys},
    ("turn", "interruption"): lambda agent: agent.realtime is None and agent.turn.duplex == "full",
    ("memory",): lambda agent: bool(agent.memory.between_calls or agent.llm) and not agent.rules,
    ("memory", "keep"): lambda agent: bool(agent.llm),
    **{("memory", key): _of_memory(keep) for key, keep in KEPT_BY.items()},
    ("fallback",): lambda agent: any(len(services) > 1 for services in agent.lists),
    **{("fallback", f"{kind}_ms"): _of_several(kind) for kind in CASCADE},
    ("limits", "warn_secs"): lambda agent: agent.limits.call_secs is not None or agent.limits.warn_secs is None,
    ("limits", "warn_say"): lambda agent: agent.limits.warns,
    ("server", "public_url"): lambda agent: agent.transport.type in TELEPHONY or agent.server.is_open,
    **dict.fromkeys(WEB_KEYS, lambda agent: agent.transport.type not in TELEPHONY),
    **dict.fromkeys(TELEPHONE_KEYS, lambda agent: agent.transport.type in TELEPHONY),
    **{("transport", key): _of_type(kind) for kind, keys in TRANSPORT_KEYS.items() for key in keys},
}
# What comes from the environment without the file's word: the value is shown by its variable.
_IMPLIED: Final = {
    **{("transport", key): variable for key, variable in VARIABLES.items()},
    **{("server", key): variable for key, variable in OUTSIDE.items()},
}


def complete(agent: Agent, tree: Mapping) -> Mapping:
    """Return the tree of a checked file with everything that holds without being written.

    Args:
        agent: The file, checked.
        tree: The file, as written.
    """
    entries: dict[str, Node] = {}
    for name in type(agent).model_fields:
        if node := _section(agent, name, tree.entries.get(name)):
            entries[name] = node
    keys = {key: tree.keys.get(key, node.place) for key, node in entries.items()}
    return replace(tree, entries=entries, keys=keys)


def origin(place: Place) -> str:
    """Return where a value came from, in words or as `file:line`."""
    return str(place).rpartition(":")[0] if place.line else place.file


def _section(agent: Agent, name: str, node: Node | None) -> Node | None:
    if name in KINDS:
        services = [service for service in agent.services if service.kind == name]
        if not services:
            return None
        nodes = node.items if isinstance(node, Sequence) else (node,)
        found = tuple(_service(agent, *each) for each in zip(services, nodes, strict=True))
        return replace(node, items=found) if isinstance(node, Sequence) else found[0]
    return _completed(agent, (name,), in_full(agent) if name == "turn" else getattr(agent, name), node)


def in_full(agent: Agent) -> Turn:
    """Return the section `turn` with what follows from the services of the file."""
    low, high = agent.turn.bounds(agent.turn_end)
    return agent.turn.model_copy(update={"end": agent.turn_end, "min_wait_ms": low, "max_wait_ms": high})


def _completed(agent: Agent, path: Path, value: Any, node: Node | None) -> Node | None:
    """Return the node of a value, with the defaults of the sections in it."""
    used = _USED.get(path)
    if used and not used(agent):
        return None
    if node is None and value and path in _IMPLIED:
        return Scalar(f"${{{_IMPLIED[path]}}}", True, _from("environment"))
    if isinstance(value, dict) and isinstance(node, Mapping):
        named = {key: _completed(agent, (*path, key), value[key], each) for key, each in node.entries.items()}
        return replace(node, entries={key: each for key, each in named.items() if each})
    if not isinstance(value, Section) or (node is not None and not isinstance(node, Mapping)):
        if node is None and path in _HEARD:
            value = (BUILTIN,) if value else ()
        return node or _value(value, _phrases(agent) if path in _SPOKEN else _from(DEFAULT))
    written = node.entries if node else {}
    entries = {
        key: inner
        for name, key in ((name, field.alias or name) for name, field in type(value).model_fields.items())
        if not (isinstance(value, Tool) and key in _unused(value))
        and (inner := _completed(agent, (*path, key), getattr(value, name), written.get(key)))
    }
    keys = node.keys if node else {}
    return _mapping(entries, keys, node.place if node else _from(DEFAULT)) if entries else None


def _unused(tool: Tool) -> set[str]:
    """Return the keys that a tool of its kind does not have."""
    # Which function is a coroutine, and has no thread, is known when it has been imported.
    unused = {"thread"} - tool.written
    unused |= set() if tool.say.late else {"late_ms"}
    return unused | {*(() if tool.http else HTTP_KEYS), *(() if tool.python else PYTHON_KEYS)}


def _service(agent: Agent, service: Service, written: Node | None) -> Mapping:
    node = written if isinstance(written, Mapping) else _named(service)
    entries = node.entries | {
        key: each for key, each in _implied(agent, service, node.entries) if key not in node.entries
    }
    if service.rules and "otherwise" not in entries:
        lines = _value(service.rules.otherwise, _phrases(agent))
        entries |= {"otherwise": lines} if lines else {}
    return _mapping(entries, node.keys, node.place)


def _named(service: Service) -> Mapping:
    """Return what a service's text with a variable in it has become."""
    named = {"provider": service.provider.name, "model": service.model}
    entries: dict[str, Node] = {key: Scalar(text, True, service.place) for key, text in named.items() if text}
    return _mapping(entries, {}, service.place)


def _implied(agent: Agent, service: Service, written: Container[str]) -> Iterator[tuple[str, Node]]:
    """Yield the options that a service has without the file, each with its origin; `written` are those of the file."""
    provider = service.provider
    terms = provider.keyterms[0] if provider.keyterms and KEYTERMS in written else ""
    for key, value in service.options.items():
        if key == terms:
            continue
        if (variable := provider.environment.get(key)) and key not in provider.defaults:
            yield key, Scalar(f"${{{variable}}}", True, _from("environment"))
        elif node := _value(value, _from("voicekit")):
            yield key, node
    if "language" in provider.options and "language" not in service.options:
        yield "language", Scalar(provider.spoken(agent.language), True, _from("language"))
    for key in _SHOWN:
        option = provider.options.get(key)
        if option and key not in service.options and (node := _value(option.default, _from("Pipecat"))):
            yield key, node
    if not (provider.one_of or service.rules or service.written) and (
        secs := _value(service.timeout_secs, _from(DEFAULT))
    ):
        yield TIMEOUT, secs


def _mapping(entries: dict[str, Node], keys: Table[str, Place], place: Place) -> Mapping:
    return Mapping(entries, {key: keys.get(key, node.place) for key, node in entries.items()}, place)


def _phrases(agent: Agent) -> Place:
    book = phrasebook(agent.language)
    return _from(book.source if book else DEFAULT)


def _from(words: str) -> Place:
    return Place(words, 0)


def _value(value: Any, place: Place) -> Node | None:
    """Return a plain value as a node; None for what is empty or absent."""
    if value is None or value in ("", (), {}, []):
        return None
    if isinstance(value, bool):
        return Scalar(str(value).lower(), True, place)
    if isinstance(value, int | float):
        return Scalar(f"{value:g}", True, place)
    if isinstance(value, str):
        return Scalar(value.replace("$", "$$"), bool(_PLAIN.fullmatch(value)), place)
    if isinstance(value, dict):
        inner = {str(key): node for key, each in value.items() if (node := _value(each, place))}
        return _mapping(inner, {}, place)
    items = tuple(node for item in value if (node := _value(item, place)))
    return Sequence(items, place) if items else None
