"""pocketsphinx as a Pipecat service: speech recognition for English with no key and no download.

Speech is streamed between the two VAD frames to a decoder in a child process, which is borrowed for one
utterance at a time. The audio of an utterance is kept until its final words are there, so a decoder that dies
or hangs is replaced by a fresh one that hears it all again.
"""

import asyncio
import dataclasses
import json
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from pipecat.audio.utils import create_stream_resampler
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    STTMuteFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.time import time_now_iso8601

from voicekit.services.child import Child, ChildLost, ChildRefused
from voicekit.services.frames import AUDIO, END, START
from voicekit.services.pool import Pool
from voicekit.services.utterance import RATE, Preroll, Utterance

TRIES = 3
MOST_WAITING = 4
LAST_WORDS_SECS = 1.0
"""How long the end of a call waits for the words that were just said."""

TAKEN_OVER = "the pocketsphinx decoder stopped; a fresh one has taken over"


def available() -> str:
    """Return "" when pocketsphinx can run here, else why not and what to type."""
    if find_spec("pocketsphinx"):
        return ""
    return "pocketsphinx is not here: pip install pocketsphinx==5.1.1"


@dataclass
class PocketSphinxSTTSettings(STTSettings):
    """Nothing can change during a call; the language is always English."""


class PocketSphinxSTTService(STTService):
    """Streaming recognition of English. A bench instrument: of what people say, one word in four is wrong.

    Args:
        pool: Where decoders come from.
        grammar: "open" hears any words; "rules" hears what `jsgf` lists and nothing else.
        jsgf: With "rules", the JSGF text.
        settings: The language, which has to be English.
        ttfs_p99_latency: Seconds from the end of speech to the final words, for the turn strategies.
        **kwargs: Passed to Pipecat's `STTService`.

    Raises:
        ValueError: The language is not English, or there is no JSGF text for "rules".
    """

    Settings = PocketSphinxSTTSettings
    _settings: PocketSphinxSTTSettings

    def __init__(
        self,
        *,
        pool: Pool,
        grammar: Literal["open", "rules"] = "open",
        jsgf: str = "",
        settings: PocketSphinxSTTSettings | None = None,
        ttfs_p99_latency: float = 0.3,
        **kwargs: Any,
    ) -> None:
        complete = self.Settings(model="en-us", language=Language.EN)
        if settings is not None:
            complete.apply_update(settings)
        _check_language(complete)
        if grammar == "rules" and not jsgf:
            raise ValueError("pocketsphinx has no phrases to listen for")
        super().__init__(sample_rate=RATE, settings=complete, ttfs_p99_latency=ttfs_p99_latency, **kwargs)
        self._pool = pool
        self._grammar = jsgf if grammar == "rules" else ""
        self._to_rate = create_stream_resampler()
        self._preroll = Preroll()
        self._speaking: Utterance | None = None
        self._waiting: deque[Utterance] = deque()
        self._task: asyncio.Task[None] | None = None
        # What the decoder learned of this caller's microphone; goes from one utterance to the next.
        self._microphone: object = None

    def can_generate_metrics(self) -> bool:
        """Say that TTFB and usage are measured."""
        return True

    async def process_audio_frame(self, frame: InputAudioRawFrame, direction: FrameDirection) -> None:
        """Take audio in at any rate: a telephone's 8 kHz is understood badly, but not as another speed."""
        if frame.sample_rate != RATE:
            audio = await self._to_rate.resample(frame.audio, frame.sample_rate, RATE)
            frame = dataclasses.replace(frame, audio=audio, sample_rate=RATE)
        if frame.audio:
            await super().process_audio_frame(frame, direction)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Keep audio for the utterance under way, or as the moment before the next one."""
        if self._speaking:
            self._speaking.add(audio)
        else:
            self._preroll.add(audio)
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Start and end utterances with the VAD frames, and drop the one under way when muted."""
        if isinstance(frame, VADUserStartedSpeakingFrame) and not self.is_muted:
            await self._begin()
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._finish()
        elif isinstance(frame, STTMuteFrame):
            await self._mute(frame.mute)

    async def stop(self, frame: EndFrame) -> None:
        """Give the words just said a moment to come, then leave nothing behind."""
        self._finish()
        if self._task:
            await asyncio.wait([self._task], timeout=LAST_WORDS_SECS)
        await self._drop_everything()
        await super().stop(frame)

    async def cancel(self, frame: CancelFrame) -> None:
        """Drop everything at once."""
        await super().cancel(frame)
        await self._drop_everything()

    async def cleanup(self) -> None:
        """Leave nothing behind."""
        await self._drop_everything()
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat has no annotation here

    async def _update_settings(self, delta: STTSettings) -> dict[str, Any]:  # type: ignore[override] # as Pipecat's own services do
        _check_language(delta)
        changed: dict[str, Any] = await super()._update_settings(delta)
        return changed

    async def _begin(self) -> None:
        if self._speaking:
            return
        if len(self._waiting) >= MOST_WAITING:
            await self.push_error("pocketsphinx cannot keep up; what is being said now is not recognised")
            return
        self._speaking = Utterance(self._preroll.take())
        self._waiting.append(self._speaking)
        if self._task is None:
            self._task = self.create_task(self._understand_all(), "pocketsphinx")

    def _finish(self) -> None:
        if self._speaking:
            self._speaking.end()
            self._speaking = None

    async def _mute(self, muted: bool) -> None:
        self._preroll.clear()
        if not muted and self._user_speaking:
            await self._begin()
        elif muted and self._speaking:
            self._speaking.drop()
            self._speaking = None

    async def _drop_everything(self) -> None:
        self._speaking = None
        if self._task:
            await self.cancel_task(self._task)
        self._waiting.clear()

    async def _understand_all(self) -> None:
        try:
            while self._waiting:
                await self._understand(self._waiting[0])
                self._waiting.popleft()
        finally:
            self._task = None

    async def _understand(self, utterance: Utterance) -> None:
        lost: ChildLost | None = None
        for _ in range(TRIES):
            utterance.again()
            try:
                await self._push_final(await self._decode(utterance, fresh=lost is not None))
            except ChildRefused as refused:
                await self.push_error(f"pocketsphinx: {refused}")
                return
            except ChildLost as error:
                lost = error
            else:
                return
        await self.push_error(
            f"the pocketsphinx decoder stopped {TRIES} times in a row ({lost}); what was said is not recognised"
        )

    async def _decode(self, utterance: Utterance, fresh: bool) -> str:
        pool = self._pool
        child = await pool.acquire()
        try:
            await _ask(child, START, {"grammar": self._grammar, "state": self._microphone})
            if fresh:
                # The service works on: a pipeline with another provider has no reason to change to it.
                await self.push_error(TAKEN_OVER, category=ErrorCategory.APPLICATION)
            await self._follow(utterance, child)
            if utterance.dropped:
                return ""
            answer = await _ask(child, END, b"")
        finally:
            pool.release(child)
        if answer["text"]:
            # Noise that was taken for speech teaches nothing.
            self._microphone = answer["state"]
        return str(answer["text"])

    async def _follow(self, utterance: Utterance, child: Child) -> None:
        shown = ""
        while piece := await utterance.next_piece():
            text = (await _ask(child, AUDIO, piece))["text"]
            if text and text != shown and not utterance.dropped:
                shown = text
                await self._push_interim(text)

    async def _push_interim(self, text: str) -> None:
        await self.push_frame(InterimTranscriptionFrame(text, self._user_id, time_now_iso8601(), Language.EN))

    async def _push_final(self, text: str) -> None:
        if text:
            frame = TranscriptionFrame(text, self._user_id, time_now_iso8601(), Language.EN)
            frame.finalized = True
            await self.push_frame(frame)
        elif len(self._waiting) == 1:
            await self._reset_stt_ttfb_state()  # type: ignore[no-untyped-call] # as above
        await self.emit_stt_usage_metrics()  # type: ignore[no-untyped-call] # as above


def _check_language(settings: STTSettings) -> None:
    language = settings.language
    if isinstance(language, str) and language.lower().replace("_", "-").split("-")[0] != "en":
        raise ValueError(f"pocketsphinx recognises English only, not '{language}'")


async def _ask(child: Child, operation: bytes, payload: dict[str, object] | bytes) -> dict[str, Any]:
    await child.send(operation, payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    _, answer = await child.receive()
    value: dict[str, Any] = json.loads(answer)
    return value
