"""Owed: whether a caller waits for an answer, and by when he has to hear something.

Times are seconds of one clock, which whoever asks reads.
"""


class Owed:
    """Follows one call: from the end of a caller's turn until the answer has been heard whole.

    Args:
        within_secs: How long a caller who waits may hear nothing.
    """

    def __init__(self, within_secs: float) -> None:
        self._within_secs = within_secs
        self._waits = False
        self._heard = False
        self._since = 0.0
        self._progress = 0.0
        self._audible_until = 0.0
        self._tools: set[str] = set()
        self._result_unanswered = False

    def due(self) -> float | None:
        """Return by when something has to be heard; None while nobody waits."""
        return max(self._since, self._audible_until) + self._within_secs if self._waits else None

    def turn_ended(self, now: float) -> None:
        """The caller has finished a turn that wants an answer."""
        self._waits, self._heard = True, False
        self._since = self._progress = now

    def sounded(self, secs: float, now: float, *, answer: bool) -> None:
        """So much sound has been handed on, of an answer or not; it is heard after what was handed on before it."""
        if answer:
            self._heard, self._progress = True, now
        self._audible_until = max(now, self._audible_until) + secs

    def filled(self, now: float) -> None:
        """Something that is no answer has been heard up to now."""
        self._since = max(self._since, now)

    def stands_still(self, now: float) -> float:
        """Return for how many seconds nothing has come nearer to an answer; a tool that runs has its own limit."""
        return 0.0 if self._tools else now - self._progress

    @property
    def audible_until(self) -> float:
        """Until when what has been handed on is heard."""
        return self._audible_until

    def response_began(self) -> None:
        """The model has begun an answer."""
        self._result_unanswered = False

    def response_ended(self) -> bool:
        """The model has ended an answer, and what there was of it has been handed on; say whether that was all of it.

        It was not where it has called a tool.
        """
        if not self._waits or self._tools or self._result_unanswered:
            return False
        self._waits = False
        return True

    @property
    def heard(self) -> bool:
        """Whether anything of the answer has been heard."""
        return self._heard

    def tool_began(self, call: str) -> None:
        """A tool runs, and its result will be answered."""
        self._tools.add(call)

    def tool_ended(self, call: str, now: float, *, answered: bool) -> None:
        """A tool has a result, which will be answered, or was given up."""
        if call in self._tools:
            self._progress = now
            self._tools.discard(call)
            self._result_unanswered = answered

    def over(self) -> None:
        """Nothing more is owed: the caller speaks, or has been told that it did not work."""
        self._waits = self._result_unanswered = False
        self._tools.clear()
        self._audible_until = 0.0
