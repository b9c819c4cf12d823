"""Templates: every text of a file that is filled during a call, and the names of its own that it may use. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from voicekit.config.agent import Agent
from voicekit.config.call_values import is_call_value, variable
from voicekit.config.own_lines import OWN_LINES
from voicekit.config.placeholders import Placeholder, names
from voicekit.config.request import texts
from voicekit.config.tool import Tool

if TYPE_CHECKING:
    from voicekit.config.rules import Rule, Rules

Path = tuple[str | int, ...]

_LITERAL: Final = r"write {{var.NAME}} for what comes with the call, or \{{ for the signs themselves"
_PARAMETER: Final = "add it to the parameters: NAME: string"


@dataclass(frozen=True, slots=True)
class Templated:
    """A text with placeholders.

    Attributes:
        path: Where it stands.
        text: The text.
        own: What it may name besides the values of the call, and instead of those: its slots, or its arguments.
        help: What to do about a name that is unknown here; `NAME` stands for that.
    """

    path: Path
    text: str
    own: tuple[str, ...] = ()
    help: str = _LITERAL

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Its placeholders, in order."""
        return names(self.text)

    def knows(self, placeholder: Placeholder) -> bool:
        """Say whether there can be a value for a placeholder of it."""
        return placeholder.root in self.own or is_call_value(placeholder.name)


def templates(agent: Agent) -> Iterator[Templated]:
    """Yield every text of a file that is filled during a call."""
    yield Templated(("prompt",), agent.prompt)
    yield from _line(("greeting", "say"), agent.greeting.say if agent.greeting else ())
    for own in OWN_LINES:
        if own.said:
            yield from _line(own.path, own.of(agent))
    rules = agent.rules
    if rules is not None:
        yield from _rules(rules)
    for name, tool in agent.tools.items():
        yield from _tool(("tools", name), tool)


def variables_wanted(agent: Agent) -> tuple[str, ...]:
    """Return the NAMEs of each `{{var.NAME}}` that has no default: a call must bring them."""
    wanted: dict[str, None] = {}
    for template in templates(agent):
        # A mock may leave out what a call does not bring.
        for placeholder in template.placeholders if template.path[2:3] != ("mock",) else ():
            name = variable(placeholder.name)
            if name and not placeholder.has_default and placeholder.root not in template.own:
                wanted[name] = None
    return tuple(wanted)


def request_texts(tool: Tool) -> Iterator[tuple[Path, str]]:
    """Yield the texts of what a tool sends, each with its path within the tool."""
    if tool.http:
        yield ("http",), tool.http.path
        yield ("http",), tool.http.query
    for key in ("headers", "query", "body", "form"):
        yield from texts(getattr(tool, key), (key,))


def _line(path: Path, line: tuple[str, ...]) -> Iterator[Templated]:
    yield from (Templated((*path, index), text) for index, text in enumerate(line))


def _rules(rules: "Rules") -> Iterator[Templated]:
    yield from _line(("llm", "otherwise"), rules.otherwise)
    for path, rule in rules.each():
        own = tuple(sorted({*rule.names, *(["result"] if rule.tool else [])}))
        for key, text in _texts_of(rule):
            yield Templated(("llm", *path, *key), text, own, "" if own else _LITERAL)


def _texts_of(rule: "Rule") -> Iterator[tuple[Path, str]]:
    for name, line in (("say", rule.say), ("failed", rule.failed or ())):
        yield from (((name, index), text) for index, text in enumerate(line))
    for slot, question in rule.ask.items():
        yield from ((("ask", slot, index), text) for index, text in enumerate(question))
    yield from ((("with", name), text) for name, text in rule.with_.items())


def _tool(path: Path, tool: Tool) -> Iterator[Templated]:
    arguments = tuple(name for name in tool.parameters or () if name not in tool.with_)
    for key, text in request_texts(tool):
        yield Templated((*path, *key), text, arguments, _PARAMETER)
    for when, line in tool.say:
        yield from _line((*path, "say", when), line or ())
    for name, text in tool.with_.items():
        yield Templated((*path, "with", name), text)
    # What a function takes, where the file does not say it, is known when it has been imported.
    for key, text in texts(tool.mock, ("mock",)) if not tool.python or tool.parameters is not None else ():
        yield Templated((*path, *key), text, arguments, _LITERAL if tool.builtin else _PARAMETER)
