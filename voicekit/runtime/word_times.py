"""Word times: when the words of an answer are due, where asides stand before it.

Pipecat's voices time each word (`Frame.pts`, in nanoseconds of the pipeline's clock) to follow the one before it, and
count those of an aside as if it were heard to its end. Where an answer cuts it off, all its words would be late, and
with them what the model learns of an answer that is interrupted, and the end of the agent's turn.
"""

from pipecat.frames.frames import AggregatedTextFrame, Frame, LLMFullResponseEndFrame, TTSTextFrame


class WordTimes:
    """Follows the words that a voice has timed."""

    def __init__(self) -> None:
        self._context: str | None = None
        self._counted = self._heard = self._late = 0
        self._last_of_answer: int | None = None

    def pass_over(self, pts: int | None) -> None:
        """Take note of a word of an aside."""
        self._counted = pts or self._counted

    def begin(self, context: str | None, now: int, begins: int) -> None:
        """Take note that the words of a context of an answer come, if they do: they will be heard from `begins` on."""
        if context != self._context:
            self._context = context
            self._late = max(self._counted, now) - max(self._heard, begins)

    def correct(self, frame: Frame, now: int, begins: int) -> None:
        """Set the time of what belongs to an answer right."""
        if isinstance(frame, LLMFullResponseEndFrame):
            frame.pts, self._last_of_answer = self._last_of_answer, None
        elif not frame.pts:
            if isinstance(frame, TTSTextFrame):
                # Another voice says the rest, and times no words: the end of the answer comes behind its sound.
                self._last_of_answer = None
        elif isinstance(frame, TTSTextFrame):
            self.begin(frame.context_id, now, begins)
            self._counted = frame.pts
            frame.pts -= self._late
            self._heard = self._last_of_answer = frame.pts
        elif isinstance(frame, AggregatedTextFrame):
            # It announces words, and is timed before they are.
            frame.pts = min(frame.pts, max(self._heard, now))
        else:
            frame.pts -= self._late
