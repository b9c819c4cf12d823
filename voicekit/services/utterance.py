"""Utterance: the audio of what was said, kept until its words are known. 16-bit mono at `RATE`."""

import asyncio
from array import array

RATE = 16000
BYTES_PER_SEC = 2 * RATE
KEPT_BYTES = 30 * BYTES_PER_SEC
PIECE_BYTES = BYTES_PER_SEC // 4
"""What is decoded at once when the decoder is behind, so that each answer still comes in its time limit."""

PREROLL_BYTES = BYTES_PER_SEC // 2
MOST_PREROLL_BYTES = 2 * BYTES_PER_SEC
QUIET_BYTES = BYTES_PER_SEC // 5
"""So much quiet is a pause; inside a word there is less."""
QUIET_SHARE = 0.05


class Preroll:
    """The audio before speech was noticed, where speech has begun already."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, audio: bytes) -> None:
        """Keep audio; the oldest of it is forgotten."""
        self._kept += audio
        del self._kept[: max(0, len(self._kept) - MOST_PREROLL_BYTES)]

    def clear(self) -> None:
        """Forget all of it."""
        self._kept.clear()

    def take(self) -> bytes:
        """Return what belongs to the speech just noticed, and forget all of it.

        That is the last half second. On a busy machine the detector lags behind the audio and notices late, so
        from there it goes back to the pause before.
        """
        kept = bytes(self._kept)
        self._kept.clear()
        start = max(0, len(kept) - PREROLL_BYTES)
        limit = QUIET_SHARE * _peak(kept[start:])
        while start > 0 and _peak(kept[max(0, start - QUIET_BYTES) : start]) > limit:
            start = max(0, start - QUIET_BYTES)
        return kept[start:]


def _peak(audio: bytes) -> int:
    return max(map(abs, array("h", audio[: len(audio) & ~1])), default=0)


class Utterance:
    """What was said between two VAD frames, kept until it is understood."""

    def __init__(self, preroll: bytes) -> None:
        self.dropped = False
        self._kept = bytearray(preroll)
        self._position = 0
        self._news = asyncio.Event()
        self._over = False

    def add(self, audio: bytes) -> None:
        """Keep more audio; of an utterance that never ends, the last 30 s."""
        self._kept += audio
        excess = max(0, len(self._kept) - KEPT_BYTES)
        del self._kept[:excess]
        self._position = max(0, self._position - excess)
        self._news.set()

    def end(self) -> None:
        """No more audio will come."""
        self._over = True
        self._news.set()

    def drop(self) -> None:
        """Forget it: nobody wants to know its words."""
        self.dropped = True
        self._kept.clear()
        self._position = 0
        self.end()

    def again(self) -> None:
        """Hand out the audio from its start."""
        self._position = 0

    async def next_piece(self) -> bytes:
        """Wait for audio that was not handed out yet; b"" at the end."""
        while self._position == len(self._kept) and not self._over:
            self._news.clear()
            await self._news.wait()
        piece = bytes(self._kept[self._position : self._position + PIECE_BYTES])
        self._position += len(piece)
        return piece
