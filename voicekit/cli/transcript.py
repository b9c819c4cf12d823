"""Transcript: the calls of a server as lines of a terminal, each turn as it happens."""

import itertools
from dataclasses import dataclass, field

import click

from voicekit.records.events import (
    AgentSaid,
    AnswerBegan,
    CallEnded,
    CallerSaid,
    CallStarted,
    Event,
    Listener,
    Stages,
    ToolFinished,
    Trouble,
)

_ENDED = {
    "caller": "the caller hung up",
    "agent": "the agent hung up",
    "server": "the server ended it",
    "error": "it broke off",
}


class Transcript:
    """Numbers the calls and prints what happens in them: turns to stdout, trouble to stderr."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def listen(self) -> Listener:
        """Return the listener of the next call."""
        return _Call(next(self._numbers)).on_event


@dataclass
class _Call:
    number: int
    answers: list[Stages] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        match event:
            case CallStarted():
                self._print("the line is open")
            case CallerSaid(text):
                self._print(f"caller  {text}")
            case AnswerBegan(stages):
                self.answers.append(stages)
            case AgentSaid(text, interrupted):
                self._print(f"agent   {text}{'…cut off' if interrupted else ''}{self._took()}")
            case ToolFinished(name, failed, ms):
                self._print(f"tool    {name} {'failed' if failed else 'answered'} in {ms} ms")
            case Trouble(source, text):
                click.echo(f"call {self.number}  trouble: {source}: {text}", err=True)
            case CallEnded(reason, secs):
                self._print(f"{_ENDED[reason]} after {secs:.0f} s")

    def _print(self, text: str) -> None:
        click.echo(f"call {self.number}  {text}")

    def _took(self) -> str:
        """Return how long the answer took, once for each answer."""
        if not self.answers:
            return ""
        stages = self.answers.pop()
        self.answers.clear()
        parts = ", ".join(
            f"{name} {ms / 1000:.2f}"
            for name in ("turn", "asr", "llm", "tts", "realtime")
            if (ms := getattr(stages, name)) is not None
        )
        return f"  [{(stages.answer or 0) / 1000:.2f} s: {parts}]"
