"""Environment: `${NAME}` in values, read once when a file is loaded.

What comes from the environment is never read again: not as YAML, not as `${…}`, not as a placeholder.
"""

import re
from collections.abc import Mapping as Variables
from dataclasses import replace

from voicekit.config.document import Mapping, Node, Scalar, Sequence
from voicekit.problems import Place, Problem, Severity

# `$$`, or `${NAME}` with an optional `:-default` or `:?message`. No nesting, and no bare `$NAME`.
_EXPRESSION = re.compile(
    r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<kind>:[-?])(?P<rest>[^}]*))?\}|(?P<bad>\$\{[^}]*\}?)"
)


class Expansion:
    """One reading of a file's variables, and the problems it meets.

    Args:
        variables: The environment.
        running: Whether the file is about to run; then an unset variable is an error, else a warning.
    """

    def __init__(self, variables: Variables[str, str], *, running: bool) -> None:
        self.variables = variables
        self.severity = Severity.ERROR if running else Severity.WARNING
        self.problems: list[Problem] = []
        self._told: set[str] = set()

    def expand(self, node: Node) -> Node:
        """Return the tree with every variable put in; `Scalar.raw` keeps what was written."""
        if isinstance(node, Scalar):
            return self._scalar(node) if "$" in node.text and not node.verbatim else node
        if isinstance(node, Sequence):
            return replace(node, items=tuple(self.expand(item) for item in node.items))
        return self.expand_all(node)

    def expand_all(self, node: Mapping) -> Mapping:
        """Return a mapping with every variable in it put in."""
        return replace(node, entries={key: self.expand(value) for key, value in node.entries.items()})

    def implied(self, name: str, reason: str, place: Place) -> str:
        """Return a variable that a provider reads by itself, or record that it is unset."""
        value = self.variables.get(name, "")
        if not value:
            self._unset(name, place, f"{reason} needs {name}, which is not set")
        return value

    def _scalar(self, node: Scalar) -> Scalar:
        text = _EXPRESSION.sub(lambda match: self._value(match, node), node.text)
        known = not any(self._is_unset(match) for match in _EXPRESSION.finditer(node.text))
        return replace(node, text=text, known=known, template=self._template(node) if known else "")

    def _is_unset(self, match: re.Match[str]) -> bool:
        name = match["name"]
        return bool(match["bad"]) or bool(name and not self.variables.get(name) and match["kind"] != ":-")

    def _template(self, node: Scalar) -> str:
        """Return the text in which no sign of a variable begins a placeholder; empty where it is the text itself."""
        held = (self.variables.get(match["name"] or "", "") for match in _EXPRESSION.finditer(node.text))
        if not any("{{" in value for value in held):
            return ""
        return _EXPRESSION.sub(lambda match: self._value(match, node).replace("{{", r"\{{"), node.text)

    def _value(self, match: re.Match[str], node: Scalar) -> str:
        if match["bad"]:
            text = "'${' begins no variable here"
            self.problems.append(Problem("bad-variable", text, node.place, "write ${NAME}, ${NAME:-default} or $$"))
            return match[0]
        name = match["name"]
        if name is None:
            return "$"
        value = self.variables.get(name, "")
        if value or match["kind"] == ":-":
            return value or match["rest"]
        told = match["rest"] if match["kind"] == ":?" and match["rest"] else f"{name} is not set"
        self._unset(name, node.place, told)
        return match[0]

    def _unset(self, name: str, place: Place, text: str) -> None:
        if name not in self._told:
            self._told.add(name)
            hint = f"export {name}=… or write it into .env"
            self.problems.append(Problem("unset-variable", text, place, hint, self.severity))
