"""Failover TTS: a list of voices, where the next takes over from one that fails, and says what was not said whole."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    SystemFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.pipeline.service_switcher import ServiceSwitcher
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from voicekit.records.events import Trouble
from voicekit.runtime.agenda import Agenda, begins_work
from voicekit.runtime.mouth import Mouth
from voicekit.runtime.readable import readable
from voicekit.runtime.succession import Succession, Terms
from voicekit.runtime.utterance import SPOKEN, Unsaid, Utterance, rest_of

# How long a voice that lost its connection, and is asked again, may take to have another.
_RECONNECT_SECS: Final = 1.0
_OF_ANSWER: Final = (LLMFullResponseStartFrame, LLMFullResponseEndFrame)


class FailoverTTS(ServiceSwitcher[Succession]):
    """Voices tried in order: when one fails, the next says the sentences that were not said whole.

    A voice has failed that reports an error, loses its connection, gives no sound in time, or ends without the sound
    of what it was given. What is behind this sees one answer, whoever says it: one start and one stop, each word
    once, the end behind the last sound.

    Args:
        voices: The voices; one alone has nobody to hand over to, and is given up in time all the same.
        terms: When the next one takes over.
        sleep: Waits.
    """

    def __init__(
        self,
        voices: list[TTSService],
        terms: Terms,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(list(voices), Succession)
        self.strategy.agree(terms)
        self._terms = terms
        self._sleep = sleep
        self._agenda = Agenda()
        # One frame is given to a voice at a time, and none while another takes over.
        self._lock = asyncio.Lock()
        self._stops: dict[FrameProcessor, InterruptionFrame] = {}
        self._all_stops: set[int] = set()
        self._watch: asyncio.Task[None] | None = None
        self._handing_over: asyncio.Task[None] | None = None
        self._since = self._audible_until = 0.0
        # When the last word is heard that the voice at work has timed: it times the next ones behind it.
        self._last_word = 0
        self._nothing_awaited = asyncio.Event()
        self._nothing_awaited.set()
        self._stopped, self._connected = asyncio.Event(), asyncio.Event()
        self._connected.set()
        for voice in voices:
            voice.add_event_handler("on_connected", self._on_connected)
            voice.add_event_handler("on_disconnected", self._on_disconnected)

    @property
    def voice(self) -> TTSService:
        """The voice at work."""
        return cast("TTSService", self.strategy.active_service)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Keep in mind what the voice is given to say."""
        if isinstance(frame, EndFrame):
            # Behind it no voice takes over from another: all have ended.
            await self._nothing_awaited.wait()
        if isinstance(frame, InterruptionFrame):
            async with self._lock:
                await self._interrupted()
                await super().process_frame(frame, direction)
        elif isinstance(frame, SystemFrame) or direction is FrameDirection.UPSTREAM:
            if isinstance(frame, CancelFrame):
                await self._settle()
            await super().process_frame(frame, direction)
        else:
            async with self._lock:
                if begins_work(frame):
                    await self._begin_work()
                if await self._agenda.take(frame, self.voice):
                    await super().process_frame(frame, direction)
                self._mind()

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Answer for the errors of the voice at work."""
        if isinstance(frame, ErrorFrame) and frame.processor is self.voice and await self._recovers_from(frame):
            return
        await super().push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop watching."""
        await self._settle()
        await super().cleanup()  # type: ignore[no-untyped-call] # Pipecat leaves out the return type

    def _make_pipeline_definitions(  # type: ignore[override] # Pipecat's is static
        self, services: list[FrameProcessor], strategy: Succession
    ) -> list[Any]:
        """Put a mouth behind each voice."""
        made = [self._make_pipeline_definition(service, strategy) for service in services]
        return [[before, service, Mouth(service, self._heed), behind] for before, service, behind in made]

    async def _begin_work(self) -> None:
        """Choose who says what comes, where nothing else is being said."""
        if self._agenda.utterances:
            return
        self._agenda.clear()
        self.strategy.begin()
        await self.strategy.come_back()
        if self.voice.is_usable:
            return
        if self.strategy.successor is not None:
            await self.strategy.fail("it can no longer do its job")
        else:
            # Nobody else can either: it is refused again, and that is told.
            await self.voice.set_usable(True)

    async def _interrupted(self) -> None:
        """Forget all at once."""
        self._agenda.interrupt()
        watch, self._watch = self._watch, None
        if watch is not None:
            await self.cancel_task(watch)
        self._audible_until, self._last_word = self._terms.now(), 0
        self._mind()

    def _heed(self, voice: FrameProcessor, frame: Frame) -> Sequence[Frame]:
        """Return what is handed on in place of a frame of a voice."""
        if frame.id in self._all_stops:
            if (stop := self._stops.get(voice)) is not None and stop.id == frame.id:
                del self._stops[voice]
                self._stopped.set()
            return []
        if isinstance(frame, SPOKEN + _OF_ANSWER) and (voice is not self.voice or voice in self._stops):
            return []
        try:
            return self._handed_on(frame)
        except Unsaid as unsaid:
            self._failed(str(unsaid), again=True)
            return []
        finally:
            self._mind()

    def _handed_on(self, frame: Frame) -> Sequence[Frame]:
        if isinstance(frame, LLMFullResponseStartFrame):
            return [frame] if self._agenda.begun(frame) else []
        if isinstance(frame, LLMFullResponseEndFrame):
            return [self._agenda.finished(frame)]
        if not isinstance(frame, SPOKEN):
            self._agenda.done(frame)
            return [frame]
        utterance = self._agenda.of(frame)
        if utterance is None:
            self._sounded(frame)
            return [frame]
        said, now = utterance.progress.said, self.get_clock().get_time()
        begins = max(now, self._last_word)
        audible_until = now + round(max(0.0, self._audible_until - self._terms.now()) * 1e9)
        if isinstance(frame, TTSTextFrame):
            self._last_word = frame.pts or self._last_word
        frames = utterance.hand_on(frame, begins, audible_until)
        self._sounded(frame)
        if utterance.progress.said > said:
            self._since = self._terms.now()
            # Whoever has said something may be given the rest, even one that has failed before.
            self.strategy.begin()
            self.strategy.done()
        if isinstance(frame, TTSStoppedFrame) and utterance.speak and not utterance.progress.owed:
            self._agenda.done(utterance)
        return frames

    def _sounded(self, frame: Frame) -> None:
        if isinstance(frame, TTSAudioRawFrame) and any(frame.audio):
            now = self._terms.now()
            self._audible_until = max(now, self._audible_until) + frame.num_frames / frame.sample_rate
            self._since = now

    async def _recovers_from(self, error: ErrorFrame) -> bool:
        """Say whether an error of the voice at work costs nobody anything."""
        if error.category is ErrorCategory.APPLICATION:
            if (utterance := self._agenda.awaited) is not None:
                utterance.progress.give_up()
            return False
        if self._handing_over is not None or self.voice in self._stops:
            return True
        if not self._agenda.utterances:
            return await self._recovers_idle(error)
        if self.voice.is_usable and not any(each.progress.rest for each in self._agenda.utterances):
            # Pipecat's complaint about a sound that is missing: there was nothing to say.
            return True
        self._failed(error.error, error)
        return True

    async def _recovers_idle(self, error: ErrorFrame) -> bool:
        """Take note of an error of a voice that has nothing to say."""
        if len(self.services) > 1:
            return await self.strategy.failed(error) is not None
        # It may be well again by the next word; if it is not, that is told then.
        self._terms.listener(Trouble(self._terms.kind, readable(error.error)))
        return True

    async def _on_connected(self, voice: TTSService, *_: object) -> None:
        if voice is self.voice:
            self._connected.set()

    async def _on_disconnected(self, voice: TTSService, *_: object) -> None:
        if voice is self.voice:
            self._connected.clear()
        awaited = self._agenda.awaited
        if voice is self.voice and voice not in self._stops and awaited is not None and awaited.heard:
            self._failed("its connection was lost", again=True)

    def _failed(self, reason: str, error: ErrorFrame | None = None, *, again: bool = False) -> None:
        """Hear no more of the voice at work, and hand over its work."""
        if self._handing_over is not None:
            return
        # Only the voice that has failed hears this interruption: nobody has been interrupted.
        stop = self._stops[self.voice] = InterruptionFrame()
        self._all_stops.add(stop.id)
        self._handing_over = self.create_task(self._hand_over(self.voice, stop, reason, error, again))

    async def _hand_over(
        self, failed: TTSService, stop: InterruptionFrame, reason: str, error: ErrorFrame | None, again: bool
    ) -> None:
        self._stopped.clear()
        await failed.queue_frame(stop)
        if len(self.services) == 1:
            await self._reconnected()
        async with self._lock:
            if error is not None:
                following = await self.strategy.failed(error)
            else:
                following = await self.strategy.fail(reason, again=again and failed.is_usable)
            self._agenda.begin_again()
            self._since, self._last_word = self._terms.now(), 0
            if following is not None:
                await self._give_rest(cast("TTSService", following))
            else:
                await self._lose(reason)
            self._handing_over = None
            self._mind()

    async def _reconnected(self) -> None:
        """Wait a little for a connection, where the one that was lost would take what is given to it with it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RECONNECT_SECS):
                await self._stopped.wait()
                await self._connected.wait()

    async def _give_rest(self, voice: TTSService) -> None:
        """Give a voice what was not said whole, and what came in between; an answer does without asides."""
        answered = not all(each.is_aside for each in self._agenda.utterances)
        for item in self._agenda.items.copy():
            if isinstance(item, Utterance):
                item.begin(inline=voice.supports_processing_metrics, again=True)
                await self._give(voice, item, aloud=not (item.is_aside and answered))
            else:
                await voice.queue_frame(item)

    async def _give(self, voice: TTSService, utterance: Utterance, *, aloud: bool) -> None:
        rest = utterance.progress.rest if aloud else ""
        if not rest and utterance.open:
            await self._stop(utterance)
        if utterance.start is not None:
            await voice.queue_frame(utterance.start)
        if utterance.speak is not None:
            if rest:
                await voice.queue_frame(rest_of(utterance.speak, rest))
            else:
                self._agenda.done(utterance)
        elif rest:
            await voice.queue_frame(LLMTextFrame(rest))

    async def _lose(self, reason: str) -> None:
        """Tell that nobody can say it."""
        items = self._agenda.lose()
        for item in items:
            if isinstance(item, Utterance):
                if item.start is not None and not item.begun:
                    await self.push_frame(item.start)
                if item.open:
                    await self._stop(item)
            else:
                await self.push_frame(item)
        utterances = [item for item in items if isinstance(item, Utterance)]
        if not all(each.is_aside for each in utterances):
            await self.push_error(reason, category=ErrorCategory.UNKNOWN)
        elif utterances:
            # An aside that nobody says is missed by nobody; the answer will tell whether the voice is lost.
            logger.warning(f"{self}: an aside was not said")

    async def _stop(self, utterance: Utterance) -> None:
        await self.push_frame(TTSStoppedFrame(context_id=utterance.open))
        utterance.open = None

    def _mind(self) -> None:
        """Watch for as long as sound is missing."""
        if self._agenda.awaited is None and self._handing_over is None:
            self._nothing_awaited.set()
        elif self._nothing_awaited.is_set():
            self._nothing_awaited.clear()
            self._since = self._terms.now()
        if self._watch is None and not self._nothing_awaited.is_set():
            self._watch = self.create_task(self._wait_for_sound())

    async def _wait_for_sound(self) -> None:
        while (awaited := self._agenda.awaited) is not None and self._handing_over is None:
            limit = self._limit_secs(stalled=awaited.progress.sounds)
            left = max(self._since, self._audible_until) + limit - self._terms.now()
            if left <= 0:
                self._failed(f"{'no more sound for' if awaited.progress.sounds else 'no sound within'} {limit:g} s")
                break
            # Once something is heard, less is waited for the rest.
            await self._sleep(min(left, self._limit_secs(stalled=True)))
        self._watch = None

    def _limit_secs(self, *, stalled: bool) -> float:
        """Return how long the voice at work may be silent; one that stalls has no more time for being alone."""
        if stalled or self.strategy.successor is not None:
            return self._terms.fallback.tts_ms / 1000
        return self._terms.services[self.services.index(self.voice)].timeout_secs

    async def _settle(self) -> None:
        self._agenda.clear()
        self._nothing_awaited.set()
        for task in (self._watch, self._handing_over):
            if task is not None:
                await self.cancel_task(task)
        self._watch = self._handing_over = None
