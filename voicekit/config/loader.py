"""Loader: a path becomes a checked agent, or the list of everything that is wrong."""

import re
from collections.abc import Iterator
from collections.abc import Mapping as Variables
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from voicekit.config.agent import Agent
from voicekit.config.checks import check
from voicekit.config.document import DocumentError, Mapping, Node, Scalar, Sequence, read
from voicekit.config.environment import Expansion
from voicekit.config.messages import Places, plain, translate
from voicekit.config.phrasebook import languages, phrasebook
from voicekit.config.scalars import shown
from voicekit.config.services import ServiceReader
from voicekit.config.shorthand import write_out
from voicekit.problems import Place, Problem, has_errors
from voicekit.providers.catalog import Kind

_KINDS: Final[tuple[Kind, ...]] = ("asr", "llm", "tts")
# What is never printed, whether or not the catalogue knows it: what stands before it, and the secret.
_SECRETS: Final = (
    re.compile(
        r"""(?im)([\w-]*(?:key|secret|token|password|credentials?|authorization)["']?[ \t]*:[ \t]*)(\S[^,}\n]*)"""
    ),
    re.compile(r"(?i)(\bbearer[ \t]+)([^\s,}\"']+)"),
    re.compile(r"(://[^/\s:@]+:)([^@\s/]+)(?=@)"),
)
_REFERENCE: Final = re.compile(r"""["']?(bearer )?\$\{\w+(:\?[^}]*)?\}["']?\s*""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one file.

    Attributes:
        path: The file.
        agent: The checked agent, or None when an error keeps the file from running.
        problems: Everything that is wrong, in no order.
        sources: The text of each file that was read, for printing problems.
    """

    path: Path
    agent: Agent | None
    problems: tuple[Problem, ...]
    sources: Variables[str, str]


def load(path: Path, variables: Variables[str, str], *, running: bool = False) -> Loaded:
    """Read and check one file.

    Args:
        path: The file; places name it as it is written here.
        variables: The environment for `${NAME}` and the providers' usual keys.
        running: Whether it is about to run: an unset variable is then an error, else a warning.
    """
    name = str(path)
    try:
        text = _text(path)
    except DocumentError as error:
        return Loaded(path, None, (error.problem,), {})
    sources = {name: _without_secrets(text)}
    try:
        node, problems = read(text, name)
    except DocumentError as error:
        return Loaded(path, None, (error.problem,), sources)
    if not isinstance(node, Mapping):
        problem = Problem("not-a-mapping", "the file is not a mapping of keys", node.place, "begin with 'version: 1'")
        return Loaded(path, None, (problem,), sources)
    agent, more = _agent(node, Expansion(variables, running=running))
    found = (*problems, *more)
    return Loaded(path, None if has_errors(found) else agent, found, sources)


def _text(path: Path) -> str:
    name = str(path)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DocumentError(Problem("no-file", f"there is no file '{name}'")) from None
    except IsADirectoryError:
        raise DocumentError(Problem("no-file", f"'{name}' is a folder, not a file")) from None
    except UnicodeDecodeError as error:
        text = f"the file is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}"
        raise DocumentError(Problem("not-utf8", text, Place(name))) from None
    except OSError as error:
        raise DocumentError(Problem("no-file", f"'{name}' cannot be read: {error.strerror}")) from None


def _agent(root: Mapping, expansion: Expansion) -> tuple[Agent | None, list[Problem]]:
    kept = {key: _one_item(key, node) for key, node in root.entries.items() if not key.startswith("x-")}
    expanded = expansion.expand_all(write_out(replace(root, entries=kept)))
    reader = ServiceReader(expansion)
    services = _services(expanded, reader)
    values = {key: plain(node) for key, node in expanded.entries.items() if key not in _KINDS}
    silent = list(_speak(expanded, values, services))
    problems = [*expansion.problems, *reader.problems]
    agent = None
    try:
        agent = Agent.model_validate(values | services)
    except ValidationError as error:
        problems += translate(error, expanded, Agent)
    else:
        problems += silent
    if agent is not None and not has_errors(problems):
        problems += check(agent, Places(expanded))
    return agent, problems


def _one_item(key: str, node: Node) -> Node:
    """Return a service's list of one item as the item: it is no list of services."""
    return node.items[0] if key in _KINDS and isinstance(node, Sequence) and len(node.items) == 1 else node


def _services(root: Mapping, reader: ServiceReader) -> dict[str, Any]:
    """Return the sections that the catalogue reads. One that is wrong is left out; it has been reported."""
    services: dict[str, Any] = {}
    for kind in _KINDS:
        if kind in root.entries:
            found = reader.read(kind, root.entries[kind])
            services |= {kind: found if kind == "llm" else found[0]} if found else {}
    return services


def _speak(root: Mapping, values: dict[str, Any], services: dict[str, Any]) -> Iterator[Problem]:
    """Give the lines that the file leaves out in its own language, or say that there are none."""
    language = root.entries.get("language")
    tag = language.text if isinstance(language, Scalar) and language.known else "en"
    phrases = phrasebook(tag)
    rules = [service for service in services.get("llm", ()) if service.rules and not service.rules.otherwise]
    wanted = [*(["failure.say"] if "failure" not in values else []), *(["llm.otherwise"] if rules else [])]
    if phrases is None and wanted and language:
        text = f"there are no built-in phrases for {shown(language)}; the agent would be silent"
        hint = f"write {' and '.join(wanted)} (built in: {', '.join(languages())})"
        yield Problem("no-phrases", text, language.place, hint)
    values.setdefault("failure", {"say": list(phrases.failure) if phrases else [""]})
    for service in rules:
        lines = service.rules.model_copy(update={"otherwise": phrases.otherwise if phrases else ("",)})
        services["llm"] = tuple(replace(each, rules=lines) if each is service else each for each in services["llm"])


def _without_secrets(text: str) -> str:
    """Return the text with whatever looks like a secret blacked out: a problem prints the line it stands on."""
    for secret in _SECRETS:
        text = secret.sub(_blacked_out, text)
    return text


def _blacked_out(match: re.Match[str]) -> str:
    before, secret = match[1], match[2]
    return match[0] if _REFERENCE.fullmatch(secret) else before + re.sub(r"\S", "*", secret)
