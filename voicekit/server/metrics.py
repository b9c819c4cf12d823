"""Metrics: what Prometheus reads of the calls of one host. Numbers only: nothing that anybody has said, and no number.

Names and units follow https://prometheus.io/docs/practices/naming/.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from voicekit.records.events import (
    AgentSaid,
    AnswerBegan,
    CallEnded,
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

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# An answer is meant to come within a second.
_ANSWER_SECS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_CALL_SECS: Final = (5, 15, 30, 60, 120, 180, 300, 600, 1200, 3600)
_STAGES: Final = tuple(field.name for field in fields(Stages))


class Metrics:
    """Counts what happens in calls.

    Args:
        name: The agent's.
        live: Returns how many calls there are.
    """

    def __init__(self, name: str, live: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._name = name
        self._gauge("voicekit_calls_live", "Calls that are on the line.").set_function(live)
        self._started = self._counter("voicekit_calls_started", "Calls that have begun.")
        self._ended = self._counter("voicekit_calls_ended", "Calls that have ended, by what ended them.", "reason")
        self._secs = self._histogram("voicekit_call_seconds", "How long calls last.", _CALL_SECS)
        self._cost = self._counter("voicekit_cost_usd", "What calls have cost, at list prices, in US dollars.")
        self._answers = self._histogram(
            "voicekit_answer_seconds", "How long answers take, at the server's edge, by stage.", _ANSWER_SECS, "stage"
        )
        self._cut = self._counter("voicekit_interruptions", "Turns of the agent that were cut off.")
        self._tools = self._counter("voicekit_tool_calls", "Calls of tools.", "tool", "failed")
        self._troubles = self._counter("voicekit_troubles", "What went wrong, by what it happened to.", "source")
        self._taken = self._counter("voicekit_failovers", "Times another service of a list went on.", "source")
        self._again = self._counter("voicekit_restarts", "Sessions that were begun anew.", "source")
        self._limits = self._counter("voicekit_limits_reached", "Calls that reached a limit of the file.", "limit")

    def listening(self, listen: Callable[[], Listener]) -> Callable[[], Listener]:
        """Return what returns the listener of a new call, which is counted, too."""

        def both() -> Listener:
            listener = listen()

            def on_event(event: Event) -> None:
                self._count(event)
                listener(event)

            return on_event

        return both

    def text(self) -> bytes:
        """Return all numbers in Prometheus' text format."""
        return generate_latest(self._registry)

    def _count(self, event: Event) -> None:
        match event:
            case CallStarted():
                self._add(self._started)
            case CallEnded(reason, secs, cost):
                self._add(self._ended, reason)
                self._secs.labels(self._name).observe(secs)
                self._cost.labels(self._name).inc(cost or 0)
            case AnswerBegan(stages):
                self._time(stages)
            case AgentSaid(_, interrupted) if interrupted:
                self._add(self._cut)
            case _:
                self._count_trouble(event)

    def _count_trouble(self, event: Event) -> None:
        match event:
            case ToolFinished(name, failed, _):
                self._add(self._tools, name, "true" if failed else "false")
            case Trouble(source, _):
                self._add(self._troubles, source)
            case TakenOver(source):
                self._add(self._taken, source)
            case Restarted(source):
                self._add(self._again, source)
            case LimitReached(limit, _):
                self._add(self._limits, limit)

    def _time(self, stages: Stages) -> None:
        for name in _STAGES:
            took = getattr(stages, name)
            if took is not None:
                self._answers.labels(self._name, name).observe(took / 1000)

    def _add(self, counter: Counter, *labels: str) -> None:
        counter.labels(self._name, *labels).inc()

    def _counter(self, name: str, said: str, *labels: str) -> Counter:
        return Counter(name, said, ("agent", *labels), registry=self._registry)

    def _histogram(self, name: str, said: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, said, ("agent", *labels), buckets=buckets, registry=self._registry)

    def _gauge(self, name: str, said: str) -> Gauge:
        gauge = Gauge(name, said, ("agent",), registry=self._registry)
        return gauge.labels(self._name)
