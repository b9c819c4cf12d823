"""Pace: how long this caller pauses within a turn, and how fast he speaks; what `turn.end: adaptive` waits by. Pure."""

from typing import Final

_MARGIN: Final = 1.25
_UP: Final = 0.5
_DOWN: Final = 0.1
# English at 150 words a minute.
_USUAL_SECS_A_WORD: Final = 0.4
_PACE_LEARNED: Final = 0.2
_SLOWEST: Final = 1.5
_FASTEST: Final = 0.75


class Pace:
    """Follows one caller.

    The wait is `1.25 · pause · pace`, within the bounds, in seconds of silence since his last speech:

    - `pause` begins as half of the longest wait. A pause that he makes within a turn moves it half the way towards
      itself where it is longer, and a tenth of the way where it is shorter: one long pause counts at once and is
      forgotten slowly. A turn that was ended too early, so that he went on before anything of the answer was heard,
      has a pause in it like any other.
    - `pace` is his seconds of speech a word over 0.4 s, between 0.75 and 1.5, and moves a fifth of the way with each
      turn: whoever speaks slowly pauses longer.

    Args:
        min_secs: The shortest wait.
        max_secs: The longest.
    """

    def __init__(self, min_secs: float, max_secs: float) -> None:
        self._min_secs, self._max_secs = min_secs, max_secs
        self._pause = max_secs / 2
        self._pace = 1.0

    @property
    def wait_secs(self) -> float:
        """How long his silence is to last before his turn is over."""
        return min(self._max_secs, max(self._min_secs, _MARGIN * self._pause * self._pace))

    def paused(self, secs: float) -> None:
        """He was silent for so long within a turn."""
        if secs <= 2 * self._max_secs:
            self._pause += (secs - self._pause) * (_UP if secs > self._pause else _DOWN)

    def spoke(self, words: int, secs: float) -> None:
        """He said so many words in so many seconds of speech."""
        if words and secs:
            pace = min(_SLOWEST, max(_FASTEST, secs / words / _USUAL_SECS_A_WORD))
            self._pace += (pace - self._pace) * _PACE_LEARNED
