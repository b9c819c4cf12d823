"""Values: what the placeholders of one call stand for, made of its line, its file and the clock.

What a line tells comes from outside: control characters in it become spaces, and it is cut at `MOST_CHARACTERS`. It
is data ever after: no value is read as a placeholder again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.placeholders import fill
from voicekit.problems import refuse
from voicekit.runtime.line import Line
from voicekit.services.llm_rules import Values

MOST_CHARACTERS: Final = 256

# They join letters and emoji, and are no more than that; other invisible characters can hide words from a person.
_JOINERS: Final = "\u200c\u200d"


def local_time() -> datetime:
    """Return the time here, with its zone."""
    return datetime.now().astimezone()


def values_of(agent: Agent, line: Line, clock: Callable[[], datetime] = local_time) -> Values:
    """Return what gives the values of a call at a moment.

    Args:
        agent: The file.
        line: Who calls. What it does not tell is an empty text, and a variable it was not given is missing.
        clock: Tells the time, with its zone.
    """
    told: dict[str, object] = {
        "caller": {"number": plain(line.caller), "name": plain(line.caller_name)},
        "called": {"number": plain(line.called)},
        "call": {"id": plain(line.id), "language": agent.language},
        "var": {name: plain(text) for name, text in line.given.items()},
    }
    return lambda: told | values_of_file(agent, clock())


def values_of_file(agent: Agent, now: datetime) -> dict[str, object]:
    """Return the values that are known without a call."""
    return {
        "agent": {"name": agent.name},
        "now": now.isoformat(timespec="seconds"),
        "today": now.date().isoformat(),
        "time": f"{now:%H:%M}",
    }


def plain(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return a text from outside as one line of at most so many characters, without invisible ones."""
    line = "".join(char if char.isprintable() or char in _JOINERS else " " for char in text[: 2 * most])
    return line.strip()[:most]


def refuse_without(wanted: tuple[str, ...], given: Mapping[str, str]) -> None:
    """Refuse a call that does not bring a variable which its file cannot do without.

    Raises:
        Refused: The first that is missing.
    """
    for name in wanted:
        if name not in given:
            text = f"the call brings no value for '{name}', which the file names as {{{{var.{name}}}}}"
            raise refuse("missing-value", text, f"give it with the call, or write {{{{var.{name}:-…}}}} in the file")


def with_values(agent: Agent, values: Mapping[str, object], known: str = "") -> Agent:
    """Return a file with its prompt as one call has it. Lines are filled when they are said, requests when sent.

    Args:
        agent: The file.
        values: The values of the call.
        known: What else the model is to know, as it is.
    """
    prompt = fill(agent.prompt, values, missing="")
    return agent.model_copy(update={"prompt": "\n\n".join(filter(None, [prompt, known]))})
