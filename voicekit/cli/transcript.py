"""Transcript: the calls of a server as lines of a terminal, each turn as it happens."""

import itertools
from dataclasses import dataclass, field

import click

from voicekit.records.events import (
    AgentFilled,
    AgentSaid,
    AnswerBegan,
    CallEnded,
    CallerSaid,
    CallStarted,
    Event,
    LimitReached,
    Listener,
    Restarted,
    Stages,
    TakenOver,
    ToolFinished,
    Trouble,
)

_ENDED = {
    "caller": "the caller hung up",
    "agent": "the agent hung up",
    "silence": "the agent hung up on silence",
    "limit": "the agent hung up at a limit",
    "failure": "the agent hung up after a failure",
    "server": "the server ended it",
    "error": "it broke off",
}


# What is told to whoever watches, and is no part of the conversation.
_ASIDE = Trouble | TakenOver | Restarted | LimitReached


class Transcript:
    """Numbers the calls and prints what happens in them: turns to stdout, trouble to stderr."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def listen(self) -> Listener:
        """Return the listener of the next call."""
        return _Call(next(self._numbers)).on_event


def told(event: Event) -> str:
    """Return what happened as a line, or an empty text where there is nothing to say."""
    match event:
        case CallStarted():
            return "the line is open"
        case CallerSaid(text):
            return f"caller  {text}"
        case AgentSaid(text, interrupted):
            return f"agent   {text}{'…cut off' if interrupted else ''}"
        case AgentFilled(text):
            return f"agent   (filler) {text}"
        case ToolFinished(name, failed, ms):
            return f"tool    {name} {'failed' if failed else 'answered'} in {ms} ms"
        case Trouble(source, text):
            return f"trouble: {source}: {text}"
        case TakenOver() | Restarted():
            return _went_on(event)
        case LimitReached(limit, value):
            return f"limit: {limit}: {value:g} is reached"
        case CallEnded(reason, secs, cost):
            return _ended(reason, secs, cost)
    return ""


def _ended(reason: str, secs: float, cost_usd: float | None) -> str:
    cost = f", at a cost of {cost_usd:.4f} USD" if cost_usd else ""
    return f"{_ENDED[reason]} after {secs:.0f} s{cost}"


def _went_on(event: TakenOver | Restarted) -> str:
    if isinstance(event, Restarted):
        return f"restart: {event.source}: a new session after {event.secs:.1f} s: {event.reason}"
    step = f"{event.new} is asked again" if event.old == event.new else f"{event.old} -> {event.new}"
    return f"failover: {event.source}: {step}: {event.reason}"


@dataclass
class _Call:
    number: int
    answers: list[Stages] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        if isinstance(event, AnswerBegan):
            self.answers.append(event.stages)
        elif text := told(event):
            took = self._took() if isinstance(event, AgentSaid) else ""
            click.echo(f"call {self.number}  {text}{took}", err=isinstance(event, _ASIDE))

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
