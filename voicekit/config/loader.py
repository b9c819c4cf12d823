"""Loader: a path becomes a checked agent, or the list of everything that is wrong."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Variables
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from voicekit.config.account import with_account
from voicekit.config.agent import Agent
from voicekit.config.checks import check
from voicekit.config.document import DocumentError, Mapping, Node, Scalar
from voicekit.config.environment import Expansion
from voicekit.config.homes import homes_of
from voicekit.config.layers import layered, settle
from voicekit.config.messages import Places, plain, translate
from voicekit.config.outside import with_outside
from voicekit.config.overrides import overridden
from voicekit.config.own_lines import Missing, fill_in
from voicekit.config.phrasebook import languages, phrasebook
from voicekit.config.redaction import masked
from voicekit.config.scalars import printable, shown
from voicekit.config.services import ServiceReader
from voicekit.config.shorthand import write_out
from voicekit.config.sources import Sources
from voicekit.problems import Problem, Severity, each_once, has_errors
from voicekit.providers.catalog import KINDS


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one file.

    Attributes:
        path: The file.
        agent: The checked agent, or None when an error keeps the file from running.
        problems: Everything that is wrong, in no order.
        sources: The text of each file that was read, without secrets, for printing problems.
        tree: The file with all that it extends and includes, as it is written, or None when it cannot be read.
    """

    path: Path
    agent: Agent | None
    problems: tuple[Problem, ...]
    sources: Variables[str, str]
    tree: Mapping | None = None


def load(
    path: Path,
    variables: Variables[str, str],
    *,
    running: bool = False,
    overrides: Sequence[str] = (),
    data: bytes | None = None,
) -> Loaded:
    """Read and check one file.

    Args:
        path: The file; places name it as it is written here.
        variables: The environment for `${NAME}` and the providers' usual keys.
        running: Whether it is about to run: an unset variable is then an error, else a warning.
        overrides: `path=value` each, laid over the file in order.
        data: What is in the file, where that has been read already or comes from elsewhere.
    """
    sources = Sources(path, data)
    agent: Agent | None = None
    tree: Mapping | None = None
    found: list[Problem] = []
    try:
        tree = _whole(path, overrides, sources)
    except DocumentError as error:
        found.append(error.problem)
    else:
        agent, found = _agent(tree, Expansion(variables, running=running), whole=not has_errors(sources.problems))
    problems = tuple(each_once(_told(problem) for problem in (*sources.problems, *found)))
    return Loaded(path, None if has_errors(problems) else agent, problems, sources, tree)


def _told(problem: Problem) -> Problem:
    """Return a problem as it may be told: on one line, with nothing in it that has the shape of a secret."""
    text, hint = (masked(printable(words, most=400)) for words in (problem.text, problem.help))
    return replace(problem, text=text, help=hint)


def _whole(path: Path, overrides: Sequence[str], sources: Sources) -> Mapping:
    """Return the tree of a file with everything that it and the command line put into it, written out."""
    root = sources.document(path)
    if not isinstance(root, Mapping):
        problem = Problem("not-a-mapping", "the file is not a mapping of keys", root.place, "begin with 'version: 1'")
        raise DocumentError(problem)
    root = overridden(layered(str(path), root, sources), overrides, sources)
    kept = {key: node for key, node in root.entries.items() if not key.startswith("x-")}
    settled = settle(write_out(replace(root, entries=kept)), sources.problems)
    return cast("Mapping", settled)


def _agent(root: Mapping, expansion: Expansion, *, whole: bool) -> tuple[Agent | None, list[Problem]]:
    """Return the agent that a tree describes, and what is wrong with it.

    Args:
        root: The tree.
        expansion: Its environment.
        whole: Whether nothing is missing from the tree; else sections are checked, but not what lies between them.
    """
    expanded = with_account(with_outside(expansion.expand_all(root), expansion.variables), expansion)
    reader = ServiceReader(expansion, homes_of(Agent))
    services = _services(expanded, reader)
    values = {key: plain(node) for key, node in expanded.entries.items() if key not in KINDS}
    silent = list(_speak(expanded, values, services))
    problems = [*expansion.problems, *reader.problems]
    agent = None
    try:
        agent = Agent.model_validate(values | services)
    except ValidationError as error:
        problems += translate(error, expanded, Agent, given=reader.moved)
    else:
        problems += silent
    if agent is not None and whole and not has_errors(problems):
        problems += check(agent, Places(expanded))
    return agent, problems


def _services(root: Mapping, reader: ServiceReader) -> dict[str, Any]:
    """Return the sections that the catalogue reads. One that is wrong is left out; it has been reported."""
    services: dict[str, Any] = {}
    for kind in KINDS:
        if kind in root.entries:
            found = reader.read(kind, root.entries[kind])
            services |= {kind: found[0] if kind == "realtime" else found} if found else {}
    return services


def _speak(root: Mapping, values: dict[str, Any], services: dict[str, Any]) -> Iterator[Problem]:
    """Give the lines that the file leaves out in its own language, or say that there are none."""
    language = root.entries.get("language")
    tag = language.text if isinstance(language, Scalar) and language.known else "en"
    phrases = phrasebook(tag)
    rules = [service for service in services.get("llm", ()) if service.rules and not service.rules.otherwise]
    missing = fill_in(values, phrases, fillers="realtime" not in root.entries)
    if phrases is None and rules:
        missing = replace(missing, needed=(*missing.needed, "llm.otherwise"))
    if phrases is None and language:
        yield from _no_phrases(language, missing)
    for service in rules:
        lines = service.rules.model_copy(update={"otherwise": phrases.otherwise if phrases else ("",)})
        services["llm"] = tuple(replace(each, rules=lines) if each is service else each for each in services["llm"])


def _no_phrases(language: Node, missing: Missing) -> Iterator[Problem]:
    """Yield what is wrong with a file that relies on lines which its language does not have."""
    built_in = f"(built in: {', '.join(languages())})"
    if missing.needed:
        text = f"there are no built-in phrases for {shown(language)}; the agent would be silent"
        yield Problem("no-phrases", text, language.place, f"write {_listed(missing.needed)} {built_in}")
    elif missing.off:
        unsaid = _listed(tuple(".".join(line.path) for line in missing.off))
        text = f"there are no built-in phrases for {shown(language)}: nothing is said for {unsaid}"
        hint = f"write your own {built_in}, or switch off: {', '.join(line.off for line in missing.off)}"
        yield Problem("no-phrases", text, language.place, hint, Severity.WARNING)


def _listed(names: tuple[str, ...]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
