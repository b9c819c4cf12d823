"""Snippet: one service as YAML text, to paste or to begin a file with. Composed, not dumped: comments are the point."""

from dataclasses import dataclass
from math import inf
from typing import Final

import yaml

from voicekit.config.document import DocumentError, Mapping, Scalar, read
from voicekit.config.scalars import read_any
from voicekit.problems import Place
from voicekit.providers.catalog import Provider

# Stands for what only the user knows. It validates, and everybody sees that it is not the real thing.
PLACEHOLDER: Final = "CHANGE-ME"

_RULES: Final = """\
  rules:                               # tried in order; the first whose phrase was heard answers
    - hear: (hello|good morning)
      say: Hello again.
    - hear: what time is it
      tool: current_time
      say: It is {{result.time}}.
    - hear: (goodbye|bye)
      say: Goodbye.
      tool: end_call
  otherwise: You can ask me for the time, or say goodbye.
"""
_TOOLS: Final = """\
tools:
  current_time: builtin
  end_call: builtin
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider, and the model that is asked of it.

    Attributes:
        provider: Its entry in the catalogue.
        model: The model's name, or None for the provider's own default.
    """

    provider: Provider
    model: str | None = None

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The options that the file must give and that only the user knows."""
        needed = (names[0] for names in self.provider.required)
        return tuple(name for name in needed if name != "model" or self.model is None)


def section(choice: Choice) -> str:
    """Return the section of a provider, `asr: deepgram/nova-3`, with a placeholder for each option it needs."""
    provider, model = choice.provider, choice.model
    if not choice.placeholders and provider.name != "rules":
        short = provider.name if model is None else f"{provider.name}/{model}"
        return f"{provider.kind}: {scalar(short)}\n"
    lines = [f"{provider.kind}:", f"  provider: {provider.name}"]
    if model is not None:
        lines.append(f"  model: {scalar(model)}" if model else "  model:")
    for name in choice.placeholders:
        value = f"http://{PLACEHOLDER}" if name == "endpoint" else PLACEHOLDER
        lines.append(f"{f'  {name}: {value}':<38} # {provider.options[name].summary}")
    return "\n".join(lines) + "\n" + (_RULES if provider.name == "rules" else "")


def whole(choice: Choice) -> str:
    """Return all that is to be pasted for a provider: its section, and the sections that this one names."""
    return "\n".join(part for part in (section(choice), tools(choice.provider)) if part)


def tools(provider: Provider) -> str:
    """Return the section of the tools that the rules of `section` name; empty for a model."""
    return _TOOLS if provider.name == "rules" else ""


def scalar(text: str) -> str:
    """Return a text as one value of YAML: as it is where it is read back so, else in double quotes."""
    if text.isprintable() and is_plain(text) and read_any(Scalar(text, True, Place(""))) == text:
        return text
    quoted: str = yaml.dump(text, default_style='"', allow_unicode=True, width=inf)
    return quoted.removesuffix("\n")


def is_plain(text: str) -> bool:
    """Say whether a text is read back as it is without quotes, even before a comment."""
    try:
        root, problems = read(f"key: {text}  # comment", "")
    except DocumentError:
        return False
    node = root.entries.get("key") if isinstance(root, Mapping) else None
    return not problems and isinstance(node, Scalar) and node.plain and node.text == text and not node.tag
