"""Skeleton: the text of a new file, with comments that say what to put where and what to do next."""

from collections.abc import Iterator, Mapping
from typing import Final

from voicekit.config.phrasebook import phrasebook
from voicekit.config.scalars import printable
from voicekit.config.snippet import Choice, scalar, section, tools
from voicekit.providers.catalog import Kind
from voicekit.providers.packages import pip_line, to_install

_DOES: Final[Mapping[Kind, str]] = {
    "asr": "hears",
    "llm": "thinks",
    "tts": "speaks",
    "realtime": "hears, thinks and speaks",
}
_GREETING: Final = """\
# What the agent says first; without it the caller does.
greeting: Hello. How can I help?
"""
_PROMPT: Final = """\
# What the model is told.
prompt: |
  You are a helpful voice assistant. Speak in short, complete sentences, without lists or symbols.
  Put the answer first.
"""
_MORE: Final = """\
# What the agent can do:
# tools:
#   current_time: builtin
#   end_call: builtin
"""
_LINES: Final = """\
# Said when nobody has spoken for a while.
silence:
  goodbye: I cannot hear you. Goodbye.

# Said when a turn cannot be answered, and when too many could not.
failure:
  say: Sorry, something went wrong. Could you say that again?
  goodbye: I am sorry, this is not working today. Please call again later.

# Said when the call has reached a limit.
limits:
  goodbye: Our time is up. Goodbye.
"""


def skeleton(name: str, choices: Mapping[Kind, Choice], transport: str, language: str) -> str:
    """Return the text of a new file.

    Nothing is checked here: words that the language does not allow become a file that does not allow them either.

    Args:
        name: The agent's name; the file is `NAME.yaml`.
        choices: Who hears, thinks and speaks; or one who does it all.
        transport: How the caller's sound comes and goes.
        language: What is spoken.
    """
    by_rules = any(choice.provider.name == "rules" for choice in choices.values())
    named = [text for choice in choices.values() if (text := tools(choice.provider))]
    parts = [
        "".join(f"{line}\n" for line in _header(printable(name), choices, printable(language)))
        + f"version: 1\nname: {scalar(name)}\nlanguage: {scalar(language)}\n",
        "" if by_rules else _PROMPT,
        _GREETING,
        f"transport: {scalar(transport)}\n",
        *(_service(choice) for choice in choices.values()),
        *(named or [_MORE]),
        # voicekit has these lines in some languages only.
        "" if phrasebook(language) else _LINES,
    ]
    return "\n".join(part for part in parts if part)


def _header(name: str, choices: Mapping[Kind, Choice], language: str) -> Iterator[str]:
    providers = [choice.provider for choice in choices.values()]
    yield f"# {name}: {', '.join(f'{each.kind} {each.label}' for each in providers)}."
    if language.partition("-")[0].lower() != "en":
        yield f"# The texts below are English: put them into '{language}'."
    yield "#"
    if variables := dict.fromkeys(variable for provider in providers for variable in provider.must_set):
        yield "# Keys, in the environment or in .env beside this file:"
        yield from (f"#   {variable}" for variable in variables)
    else:
        yield "# Needs no key."
    if line := pip_line(to_install(providers)):
        yield f"# Install: {line}"
    yield f"# Check:   voicekit validate {name}.yaml"
    yield f"# Run:     voicekit run {name}.yaml"


def _service(choice: Choice) -> str:
    provider = choice.provider
    return (
        f"# Who {_DOES[provider.kind]}. Options: voicekit providers {provider.kind} {provider.name}\n{section(choice)}"
    )
