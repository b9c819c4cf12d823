"""Waiting: whether a caller waits for an answer, and until when in silence.

Times are seconds of one clock, which whoever asks reads.
"""

from voicekit.config.agent import Fillers


class Waiting:
    """Follows one call.

    A wait begins with the end of the caller's turn. It ends with the first words of the model, unless these call a
    tool; what interrupts the agent ends it too. A filler answers for the whole of a wait: what the caller waits for
    next, a tool after the model or the model after a tool, is the same silence to them.

    Args:
        fillers: When one is due; None for never.
    """

    def __init__(self, fillers: Fillers | None) -> None:
        self._fillers = fillers
        self._turn_ended = False
        self._model_asked = False
        self._tools: dict[str, bool] = {}
        self._agent_speaks = False
        self._caller_speaks = False
        self._since = 0.0
        self._said_at: float | None = None
        self._count = 0

    @property
    def agent_speaks(self) -> bool:
        """Whether the agent speaks, or has words that it is going to speak."""
        return self._agent_speaks

    @property
    def caller_speaks(self) -> bool:
        """Whether the caller speaks."""
        return self._caller_speaks

    def due(self) -> float | None:
        """Return when a filler is to be said; None while there is no need of one."""
        fillers, waits = self._fillers, self._turn_ended and (self._model_asked or self._tools)
        if fillers is None or not waits or self._agent_speaks or self._caller_speaks:
            return None
        if self._count >= fillers.per_turn or any(self._tools.values()):
            return None
        due = self._since + fillers.after_ms / 1000
        return due if self._said_at is None else max(due, self._said_at + fillers.again_ms / 1000)

    def caller_began(self) -> None:
        """The caller speaks, which need not be a turn yet."""
        self._caller_speaks = True

    def caller_stopped(self, now: float) -> None:
        """The caller is silent, which need not be the end of the turn."""
        self._caller_speaks = False
        self._since = now

    def turn_ended(self, now: float) -> None:
        """The caller has finished a turn."""
        self.caller_stopped(now)
        self._turn_ended = True
        self._said_at, self._count = None, 0

    def model_asked(self) -> None:
        """The model has begun to think."""
        self._model_asked = True

    def model_answered(self) -> None:
        """The model has said all it had to say, which may be nothing."""
        self._model_asked = False

    def agent_answered(self) -> None:
        """There are words of the agent's, which will be heard."""
        self._model_asked = False
        self._agent_speaks = True

    def agent_began(self) -> None:
        """The agent is heard, which may be with the words of an answer before this one."""
        self._agent_speaks = True

    def agent_stopped(self, now: float) -> None:
        """The agent is silent again."""
        self._agent_speaks = False
        self._since = now

    def tool_began(self, call: str, now: float, *, covered: bool) -> None:
        """A tool runs; `covered` says that a line of its own replaces the filler."""
        self._tools[call] = covered
        self._since = now

    def tool_ended(self, call: str, now: float) -> None:
        """A tool has answered, or was given up."""
        # What its own line has bridged does not count.
        if self._tools.pop(call, False):
            self._since = now

    def said(self, now: float, *, filler: bool) -> None:
        """A filler, or a line of a tool, is said."""
        self._said_at = now
        self._count += filler

    def over(self) -> None:
        """Nothing more is awaited."""
        self._turn_ended = self._model_asked = self._agent_speaks = False
        self._tools.clear()
