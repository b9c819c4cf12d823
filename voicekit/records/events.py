"""Events: what happens in a call, in the order in which it happens. Whoever shows or keeps calls listens to these."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Stages:
    """How long one answer took, in milliseconds; None where a stage did not happen.

    Measured at the server's edge, from the caller's last speech to the first sound that leaves.

    Attributes:
        answer: All of it.
        turn: The silence that had to pass before the caller had finished.
        asr: From then to the final transcript.
        llm: The model, and the tools it called.
        tts: From its first words to the first sound.
        realtime: A speech-to-speech service, which is all three, and the tools it called.
    """

    answer: int | None
    turn: int | None = None
    asr: int | None = None
    llm: int | None = None
    tts: int | None = None
    realtime: int | None = None


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The line is open."""


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """The caller has finished a turn."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerBegan:
    """The first sound of an answer has left."""

    stages: Stages


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """The agent has finished a turn, or was cut off in it; then `text` is the sentences that were said whole."""

    text: str
    interrupted: bool


@dataclass(frozen=True, slots=True)
class AgentFilled:
    """A filler, or a line about a tool, begins to be heard. It is no part of an answer, and is not timed as one."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool has answered, failed or was given up."""

    name: str
    failed: bool
    ms: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong that the call survived, or that ended it.

    Attributes:
        source: What it happened to: `asr pocketsphinx`, `tool lookup_order`.
        text: What happened, in a sentence.
    """

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class TakenOver:
    """Another service of a list goes on with the work of one that has failed, or an earlier one is back.

    Attributes:
        source: `asr`, `llm` or `tts`.
        old: Who had it, as `openai/gpt-4o-mini`.
        new: Who has it; the same name where the same one is asked again.
        reason: What happened.
    """

    source: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """A session that was lost has been begun anew, and goes on where it was.

    Attributes:
        source: `realtime`.
        reason: What happened to the old one.
        secs: How long there was none.
    """

    source: str
    reason: str
    secs: float


@dataclass(frozen=True, slots=True)
class LimitReached:
    """The call has reached a limit of its file.

    Attributes:
        limit: Its key there: `call_secs`, `turns`, `tool_calls`, `tool_calls_per_turn`, `tokens` or `cost_usd`.
        value: What it is set to.
    """

    limit: str
    value: float


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The line is closed.

    Attributes:
        reason: `caller`, `agent`, `silence`, `limit`, `failure`, `server` or `error`.
        secs: How long it was open.
        cost_usd: What it has cost at the providers' list prices; None where one of them has none.
    """

    reason: str
    secs: float
    cost_usd: float | None = None


Event: TypeAlias = (
    CallStarted
    | CallerSaid
    | AnswerBegan
    | AgentSaid
    | AgentFilled
    | ToolFinished
    | Trouble
    | TakenOver
    | Restarted
    | LimitReached
    | CallEnded
)
Listener: TypeAlias = Callable[[Event], None]
