"""Speech: a simulated caller's sentences as sound, spoken by flite."""

from typing import Final

import numpy as np

from voicekit.calls.microphone import RATE, Samples
from voicekit.problems import refuse
from voicekit.services.child import worker
from voicekit.services.own_voice import flite, sound_of
from voicekit.services.pool import Pool
from voicekit.services.tts_embedded import available

# A man's voice, so that caller and agent (slt) are told apart by ear; recognisers hear it best of all.
VOICE: Final = "rms"
# Of 32767: a person at a headset.
PEAK: Final = 10000


class Speaker:
    """Says sentences.

    Raises:
        Refused: flite is not on this machine.
    """

    def __init__(self) -> None:
        if missing := available("flite"):
            reason, _, remedy = missing.partition(": ")
            raise refuse("missing-extra", f"a simulated caller speaks with flite; {reason}", remedy)
        self._pool = Pool(worker("flite_worker"), spare=0)

    async def speech(self, text: str) -> Samples:
        """Return a sentence as int16 samples at 48 kHz, shape (n,), without the silence around it."""
        sound = await sound_of(text, flite(VOICE), self._pool, RATE)
        samples = np.frombuffer(sound, dtype=np.int16).astype(np.float32)
        samples *= PEAK / max(1.0, float(np.abs(samples).max()))
        return np.asarray(samples, dtype=np.int16)

    async def close(self) -> None:
        """End the voice's process."""
        await self._pool.close()
