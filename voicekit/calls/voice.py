"""Voice: the caller of a spoken scenario, who tells an emulator that hears what he is about to say."""

from collections.abc import AsyncGenerator, Callable

from pipecat.evals.tts import CachingTTSService
from pipecat.frames.frames import Frame, TTSAudioRawFrame
from pipecat.services.tts_service import TTSService

from voicekit.problems import refuse
from voicekit.runtime.resources import Resources
from voicekit.services.tts_embedded import (
    EspeakTTSService,
    EspeakTTSSettings,
    FliteTTSService,
    FliteTTSSettings,
    available,
)

# A man's voice, so that caller and agent (slt) are told apart by ear; recognisers hear it best of all.
_FLITE: str = "rms"

Announce = Callable[[str, float], None]


class Voice(CachingTTSService):
    """Speaks a caller's turns; nothing is kept on disk.

    Args:
        inner: The engine.
        announce: Told of the words and how many seconds they take, before they are sent.
    """

    def __init__(self, inner: TTSService, announce: Announce) -> None:
        super().__init__(inner, cache_key="", use_cache=False)
        self._announce = announce

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Emit the audio of a text, all of it once it is known how long it is."""
        frames = [frame async for frame in super().run_tts(text, context_id)]
        sound = [frame for frame in frames if isinstance(frame, TTSAudioRawFrame)]
        self._announce(text, sum(frame.num_frames / frame.sample_rate for frame in sound))
        for frame in frames:
            yield frame


def voice(language: str, resources: Resources, announce: Announce) -> Voice:
    """Return a voice for a language: flite for English where it is installed, espeak-ng otherwise.

    Args:
        language: A BCP-47 tag.
        resources: Whose pool of children it takes.
        announce: See `Voice`.

    Raises:
        Refused: Neither engine is on this machine.
    """
    if language.partition("-")[0].lower() == "en" and not available("flite"):
        pool = resources.pool("flite_worker")
        return Voice(FliteTTSService(pool=pool, settings=FliteTTSSettings(voice=_FLITE)), announce)
    if missing := available("espeak"):
        reason, _, remedy = missing.partition(": ")
        raise refuse("missing-extra", f"a spoken scenario needs a voice; {reason}", remedy)
    pool = resources.pool("espeak_worker")
    return Voice(EspeakTTSService(pool=pool, settings=EspeakTTSSettings(language=language)), announce)
