"""flite and espeak-ng as Pipecat services: speech with no key and no download.

A child process is borrowed for one sentence, from a pool that all calls of the process share. Synthesis takes
tens of milliseconds for seconds of speech, so one or two children (16 to 32 MB each) serve many calls; when
two sentences come at once the second gets a child of its own, and waits for nobody.
"""

import ctypes.util
import functools
import json
from array import array
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal, assert_never

from loguru import logger
from pipecat.audio.utils import create_stream_resampler
from pipecat.frames.frames import ErrorFrame, Frame, TTSAudioRawFrame
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.transcriptions.language import Language
from pipecat.utils.types import NOT_GIVEN, NotGiven, is_given

from voicekit.services.child import Child, ChildLost, ChildRefused
from voicekit.services.frames import DONE, SPEAK
from voicekit.services.pool import Pool

FLITE_VOICES = ("slt", "rms", "awb", "kal16")
SILENT = 150
"""Of 32767: what an engine says before the first sound is quieter."""
BREATH_SECS = 0.02
SLOWEST, FASTEST = 80, 450
USUAL_PACE = 165
"""Words per minute that espeak-ng can say (espeakRATE in its `speak_lib.h`)."""

_ESPEAK_VOICES = {
    "en": "en-us",
    "zh": "cmn",
    "zh-hk": "yue",
    "no": "nb",
    "fil": "tl",
    "iw": "he",
    "fr-be": "fr-be",
    "fr-ch": "fr-ch",
    "en-gb": "en",
    "es-mx": "es-419",
    "es-us": "es-419",
    "es-419": "es-419",
    "pt-br": "pt-br",
}


def espeak_voice(language: str) -> str:
    """Return espeak-ng's name for a BCP-47 tag: `zh-CN` is `cmn`, `fr-FR` is `fr`, `de` is itself."""
    tag = language.lower().replace("_", "-")
    base = tag.split("-")[0]
    return _ESPEAK_VOICES.get(tag) or _ESPEAK_VOICES.get(base) or base


@functools.cache
def available(name: Literal["flite", "espeak"]) -> str:
    """Return "" when the engine can run here, else why not and what to type. Loads no library."""
    match name:
        case "flite":
            found = all(map(ctypes.util.find_library, ("flite", "flite_cmu_us_slt")))
            return "" if found else "flite's library is not here: apt-get install flite"
        case "espeak":
            found = bool(find_spec("espeakng_loader") or ctypes.util.find_library("espeak-ng"))
            return "" if found else "espeak-ng is not here: pip install espeakng-loader==0.2.4"
        case _:
            assert_never(name)


class _ChildTTSService(TTSService):
    """What the two services share: a sentence goes to a child, its audio comes back as it is made."""

    _worker: str
    _rate: int

    def __init__(self, pool: Pool, settings: TTSSettings, **kwargs: Any) -> None:
        super().__init__(push_start_frame=True, push_stop_frames=True, settings=settings, **kwargs)
        self._pool = pool
        # It is flushed after each sentence; a pause inside one, while a child is replaced, must not clear it.
        self._resampler = create_stream_resampler(clear_after_secs=None)
        self._answer = ""

    def can_generate_metrics(self) -> bool:
        """Say that TTFB and usage are measured."""
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Say one sentence: audio at the pipeline's rate as it is made, or an error."""
        await self.start_tts_usage_metrics(text)
        speech = self._speech(text)
        if context_id != self._answer:
            # Between two sentences the silence is their pause; before the first it is only waited for.
            self._answer = context_id
            speech = _from_first_sound(speech, self._rate)
        try:
            async for frame in self._stream_audio_frames_from_iterator(
                speech, in_sample_rate=self._rate, context_id=context_id
            ):
                yield frame
            if tail := await self._resampler.flush():
                yield TTSAudioRawFrame(tail, self.sample_rate, 1, context_id=context_id)
        except (ChildLost, ChildRefused) as error:
            yield ErrorFrame(f"{self._worker.removesuffix('_worker')}: {error}")

    async def on_audio_context_interrupted(self, context_id: str) -> None:
        """Forget what the resampler still holds of the sentence nobody wants to hear."""
        await self._resampler.reset()

    async def _speech(self, text: str) -> AsyncIterator[bytes]:
        """Yield the audio. A child that is lost is replaced once; what was heard is not said again."""
        pool = self._pool
        heard = 0
        for last_try in (False, True):
            child = await pool.acquire()
            try:
                await child.send(SPEAK, json.dumps(self._request(text)).encode())
                async for audio in _after(heard, child):
                    heard += len(audio)
                    yield audio
            except ChildLost as lost:
                if last_try:
                    raise
                logger.warning(f"{self}: {lost}; the sentence is said by a fresh child")
            else:
                return
            finally:
                pool.release(child)

    def _request(self, text: str) -> dict[str, object]:
        raise NotImplementedError


async def _from_first_sound(speech: AsyncIterator[bytes], rate: int) -> AsyncIterator[bytes]:
    """Yield speech without the silence it begins with, but for the breath before its first sound."""
    begun = False
    async for audio in speech:
        if begun:
            yield audio
            continue
        first = next((at for at, sample in enumerate(array("h", audio)) if abs(sample) > SILENT), None)
        if first is not None:
            begun = True
            yield audio[2 * max(0, first - int(BREATH_SECS * rate)) :]


async def _after(heard: int, child: Child) -> AsyncIterator[bytes]:
    """Yield what the child says, without the bytes that were heard before."""
    while True:
        operation, audio = await child.receive()
        if operation == DONE:
            return
        if new := audio[heard:]:
            yield new
        heard = max(0, heard - len(audio))


@dataclass
class FliteTTSSettings(TTSSettings):
    """The voice can change during a call; the language is always English."""


class FliteTTSService(_ChildTTSService):
    """English with flite (Debian's libflite1), 16 kHz. The embedded recogniser understands it.

    Args:
        pool: Where children come from.
        settings: The voice, one of `FLITE_VOICES`, and the language, which has to be English.
        **kwargs: Passed to Pipecat's `TTSService`.

    Raises:
        ValueError: flite has no such voice, or the language is not English.
    """

    Settings = FliteTTSSettings
    _settings: FliteTTSSettings
    _worker = "flite_worker"
    _rate = 16000

    def __init__(self, *, pool: Pool, settings: FliteTTSSettings | None = None, **kwargs: Any) -> None:
        complete = self.Settings(model=None, voice=FLITE_VOICES[0], language=Language.EN)
        if settings is not None:
            complete.apply_update(settings)
        _check_flite(complete)
        super().__init__(pool, complete, **kwargs)

    async def _update_settings(self, delta: TTSSettings) -> dict[str, Any]:  # type: ignore[override] # as Pipecat's own services do
        _check_flite(delta)
        changed: dict[str, Any] = await super()._update_settings(delta)
        return changed

    def _request(self, text: str) -> dict[str, object]:
        return {"voice": self._settings.voice, "text": text}


@dataclass
class EspeakTTSSettings(TTSSettings):
    """All of it can change during a call.

    Attributes:
        rate: Words per minute, 80 to 450.
    """

    rate: int | NotGiven = field(default_factory=lambda: NOT_GIVEN)


class EspeakTTSService(_ChildTTSService):
    """About a hundred languages with espeak-ng, 22.05 kHz: clear, and plainly a machine.

    Args:
        pool: Where children come from.
        settings: The language as a BCP-47 tag, or espeak-ng's own name of a voice; words per minute.
        **kwargs: Passed to Pipecat's `TTSService`.

    Raises:
        ValueError: The rate is out of range.
    """

    Settings = EspeakTTSSettings
    _settings: EspeakTTSSettings
    _worker = "espeak_worker"
    _rate = 22050

    def __init__(self, *, pool: Pool, settings: EspeakTTSSettings | None = None, **kwargs: Any) -> None:
        complete = self.Settings(model=None, voice=None, language=Language.EN, rate=USUAL_PACE)
        if settings is not None:
            complete.apply_update(settings)
        _check_espeak(complete)
        super().__init__(pool, complete, **kwargs)

    async def _update_settings(self, delta: TTSSettings) -> dict[str, Any]:  # type: ignore[override] # as Pipecat's own services do
        if isinstance(delta, EspeakTTSSettings):
            _check_espeak(delta)
        changed: dict[str, Any] = await super()._update_settings(delta)
        return changed

    def _request(self, text: str) -> dict[str, object]:
        voice = self._settings.voice or espeak_voice(str(self._settings.language))
        return {"voice": voice, "rate": self._settings.rate, "text": text}


def _check_flite(settings: TTSSettings) -> None:
    language, voice = settings.language, settings.voice
    if isinstance(language, str) and not espeak_voice(language).startswith("en-"):
        raise ValueError(f"flite speaks English only, not '{language}'")
    if is_given(voice) and voice not in FLITE_VOICES:
        raise ValueError(f"flite has no voice '{voice}', only {', '.join(FLITE_VOICES)}")


def _check_espeak(settings: EspeakTTSSettings) -> None:
    rate = settings.rate
    if is_given(rate) and not SLOWEST <= rate <= FASTEST:
        raise ValueError(f"espeak-ng says {SLOWEST} to {FASTEST} words per minute, not {rate}")
