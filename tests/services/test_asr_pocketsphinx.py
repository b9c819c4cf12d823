import asyncio
import json
import os
import signal
from array import array
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    MetricsFrame,
    STTMuteFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import MetricsData, STTUsageMetricsData, TTFBMetricsData

from tests.services.embedded import (
    DIES_WHEN_ASKED,
    LIMIT_SECS,
    SILENCE,
    Line,
    needs_flite,
    running,
    speech,
    until,
)
from voicekit.services.asr_pocketsphinx import (
    TAKEN_OVER,
    PocketSphinxSTTService,
    available,
)
from voicekit.services.child import Child, worker
from voicekit.services.frames import AUDIO, END, START
from voicekit.services.pool import Pool
from voicekit.services.utterance import KEPT_BYTES, PIECE_BYTES, Utterance

KITCHEN = "turn off the lights in the kitchen"
TRAIN = "where is the nearest train station"
REPEAT = "can you repeat that please"
SENTENCES = (KITCHEN, TRAIN, REPEAT)
GRAMMAR = f"#JSGF V1.0; grammar menu; public <menu> = {KITCHEN} | {TRAIN};"

Data = TypeVar("Data", bound=MetricsData)

pytestmark = [
    needs_flite,
    pytest.mark.skipif(available() != "", reason=available()),
]


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(worker("pocketsphinx_worker"), spare=0, answer_secs=LIMIT_SECS)
    yield pool
    await pool.close()


def menu(pool: Pool) -> PocketSphinxSTTService:
    """Recognition of two sentences, a hundred times faster than open recognition."""
    return PocketSphinxSTTService(pool=pool, grammar="rules", jsgf=GRAMMAR)


def finals(line: Line) -> list[str]:
    return [frame.text for frame in line.down.all(TranscriptionFrame)]


def interims(line: Line) -> list[str]:
    return [frame.text for frame in line.down.all(InterimTranscriptionFrame)]


def errors(line: Line) -> list[str]:
    return [frame.error for frame in line.up.all(ErrorFrame)]


def measured(line: Line, kind: type[Data]) -> list[Data]:
    return [data for frame in line.down.all(MetricsFrame) for data in frame.data if isinstance(data, kind)]


async def test_speech_becomes_words(pool: Pool) -> None:
    async with running(PocketSphinxSTTService(pool=pool)) as line:
        await line.put(VADUserStartedSpeakingFrame())
        await line.hear(await speech(KITCHEN))
        await until(lambda: interims(line)[-1:] == [KITCHEN])
        await line.put(VADUserStoppedSpeakingFrame(stop_secs=0.2))
        final = await line.down.wait(TranscriptionFrame)
        await until(lambda: measured(line, STTUsageMetricsData) != [])
    assert (final.text, final.finalized, str(final.language)) == (KITCHEN, True, "en")
    heard = interims(line)
    assert len(heard) > 3
    assert all(one != other for one, other in pairwise(heard))
    # Pipecat reports a zero for every service at the start.
    assert [data.value > 0 for data in measured(line, TTFBMetricsData)] == [False, True]


async def test_a_grammar_hears_its_sentences_only(pool: Pool) -> None:
    async with running(menu(pool)) as line:
        await line.say(await speech(TRAIN))
        await line.down.wait(TranscriptionFrame)
        assert finals(line) == [TRAIN]


async def test_telephone_audio_is_not_taken_for_another_speed(pool: Pool) -> None:
    at_8_khz = array("h", await speech(TRAIN))[::2].tobytes()
    async with running(menu(pool)) as line:
        await line.say(at_8_khz, rate=8000)
        await line.down.wait(TranscriptionFrame)
        assert finals(line) == [TRAIN]


async def test_a_grammar_that_cannot_be_used_is_an_error(pool: Pool) -> None:
    unknown = "#JSGF V1.0; grammar g; public <a> = hello {greeting} | /2.5/ xyzzy [frobozz] <b>; <b> = kitchen;"
    for grammar, error in (
        (unknown, "the grammar has words that pocketsphinx's dictionary lacks: frobozz, xyzzy"),
        ("call me back", "the grammar is not JSGF that pocketsphinx can read"),
    ):
        async with running(
            PocketSphinxSTTService(pool=pool, grammar="rules" if grammar else "open", jsgf=grammar)
        ) as line:
            await line.say(SILENCE)
            await line.up.wait(ErrorFrame)
            assert errors(line) == [f"pocketsphinx: {error}"]


async def test_the_moment_before_the_vad_is_heard_too(pool: Pool) -> None:
    audio = await speech(KITCHEN)
    async with running(menu(pool)) as line:
        await line.hear(audio[:16000])
        await line.say(audio[16000:])
        await line.down.wait(TranscriptionFrame)
        assert finals(line) == [KITCHEN]


async def test_a_vad_that_lags_behind_costs_no_word(pool: Pool) -> None:
    audio = await speech(KITCHEN)
    late = len(SILENCE) + 2 * 16000 * 12 // 10
    async with running(PocketSphinxSTTService(pool=pool)) as line:
        await line.hear(2 * SILENCE + audio[:late])
        await line.say(audio[late:])
        await line.down.wait(TranscriptionFrame)
        assert finals(line) == [KITCHEN]


async def test_silence_pushes_nothing_and_leaves_nothing(pool: Pool) -> None:
    service = PocketSphinxSTTService(pool=pool)
    async with running(service) as line:
        await line.say(SILENCE)
        await until(lambda: pool.idle == 1)
        assert service._task is None
        assert service._ttfb_timeout_task is None
        await line.say(await speech(REPEAT))
        await line.down.wait(TranscriptionFrame)
        assert finals(line) == [REPEAT]


async def test_speech_that_starts_again_at_once_keeps_its_order(pool: Pool) -> None:
    async with running(menu(pool)) as line:
        for sentence in (KITCHEN, TRAIN, KITCHEN):
            await line.say(await speech(sentence))
        await line.put(VADUserStartedSpeakingFrame())
        await line.hear((await speech(TRAIN))[:32000])
        await line.put(VADUserStartedSpeakingFrame(), InterruptionFrame())
        await line.hear((await speech(TRAIN))[32000:])
        await line.put(VADUserStoppedSpeakingFrame())
        await line.down.wait(TranscriptionFrame, 4)
        assert finals(line) == [KITCHEN, TRAIN, KITCHEN, TRAIN]


async def test_a_caller_who_outruns_the_decoder_is_told(pool: Pool) -> None:
    async with running(menu(pool)) as line:
        for _ in range(5):
            await line.say(SILENCE)
        await line.up.wait(ErrorFrame)
        assert errors(line) == ["pocketsphinx cannot keep up; what is being said now is not recognised"]


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_lost_decoder_costs_no_word(blow: signal.Signals) -> None:
    pool = Pool(worker("pocketsphinx_worker"), answer_secs=2.0)
    audio = await speech(KITCHEN)
    async with running(menu(pool)) as line:
        await line.put(VADUserStartedSpeakingFrame())
        await line.hear(audio[:48000])
        await line.down.wait(InterimTranscriptionFrame)
        await until(lambda: pool.idle == 1)
        (busy,) = set(pool.pids) - {child.pid for child in pool._idle}
        os.kill(busy, blow)
        await line.hear(audio[48000:])
        await line.put(VADUserStoppedSpeakingFrame())
        await line.down.wait(TranscriptionFrame)
        assert finals(line) == [KITCHEN]
        assert errors(line) == [TAKEN_OVER]
        assert busy not in pool.pids
        await line.say(await speech(TRAIN))
        await line.down.wait(TranscriptionFrame, 2)
        assert errors(line) == [TAKEN_OVER]
    await pool.close()


async def test_a_decoder_that_cannot_be_replaced_is_an_error() -> None:
    pool = Pool(DIES_WHEN_ASKED)
    async with running(PocketSphinxSTTService(pool=pool)) as line:
        for count in (1, 2):
            await line.say(SILENCE)
            await line.up.wait(ErrorFrame, count)
    await pool.close()
    sentence = (
        "the pocketsphinx decoder stopped 3 times in a row (it ended with exit code 7); what was said is not recognised"
    )
    assert errors(line) == [sentence, sentence]


async def test_what_is_said_while_muted_is_not_heard(pool: Pool) -> None:
    audio = await speech(KITCHEN)
    async with running(menu(pool)) as line:
        await line.put(VADUserStartedSpeakingFrame())
        await line.hear(audio)
        await line.down.wait(InterimTranscriptionFrame)
        await line.put(STTMuteFrame(mute=True))
        await line.hear(audio)
        await line.put(VADUserStoppedSpeakingFrame())
        await line.say(audio)
        # Unmuted while the caller speaks: what follows is heard.
        await line.put(VADUserStartedSpeakingFrame(), STTMuteFrame(mute=False))
        await line.hear(await speech(TRAIN))
        await line.put(VADUserStoppedSpeakingFrame())
        await line.down.wait(TranscriptionFrame)
        await until(lambda: pool.idle == 1)
        assert finals(line) == [TRAIN]


@pytest.mark.parametrize("end", [EndFrame, CancelFrame])
async def test_a_call_that_ends_in_the_middle_leaves_nothing(pool: Pool, end: type[EndFrame | CancelFrame]) -> None:
    service = menu(pool)
    async with running(service) as line:
        await line.put(VADUserStartedSpeakingFrame())
        await line.hear(await speech(KITCHEN))
        await line.down.wait(InterimTranscriptionFrame)
        await line.put(end())
        await line.down.wait(end)
        await until(lambda: pool.idle == 1)
        assert service._task is None
        # What was just said is worth a moment when the call ends in order.
        assert finals(line) == ([KITCHEN] if end is EndFrame else [])
    await pool.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("language", ["zh", "zh-CN", "de-DE"])
def test_other_languages_are_refused(language: str) -> None:
    settings = PocketSphinxSTTService.Settings(language=language)
    with pytest.raises(ValueError, match=f"^pocketsphinx recognises English only, not '{language}'$"):
        PocketSphinxSTTService(pool=Pool(worker("pocketsphinx_worker")), settings=settings)


async def test_the_language_cannot_be_changed_during_a_call(pool: Pool) -> None:
    PocketSphinxSTTService(
        pool=Pool(worker("pocketsphinx_worker")), settings=PocketSphinxSTTService.Settings(language="en-GB")
    )
    async with running(PocketSphinxSTTService(pool=pool)) as line:
        await line.put(STTUpdateSettingsFrame(delta=PocketSphinxSTTService.Settings(language="fr")))
        await line.up.wait(ErrorFrame)
        assert errors(line) == ["Error processing frame: pocketsphinx recognises English only, not 'fr'"]


async def test_quiet_speech_is_understood(pool: Pool) -> None:
    child = await pool.acquire()
    heard = [await understood(child, sentence, peak=500) for sentence in SENTENCES]
    pool.release(child)
    assert heard == list(SENTENCES)


async def understood(child: Child, sentence: str, peak: int) -> str:
    """Return what is understood of one sentence of a new caller."""

    async def ask(operation: bytes, payload: bytes) -> dict[str, Any]:
        await child.send(operation, payload)
        answer: dict[str, Any] = json.loads((await child.receive())[1])
        return answer

    await ask(START, b'{"grammar": "", "state": null}')
    audio = await speech(sentence, peak)
    for first in range(0, len(audio), PIECE_BYTES):
        await ask(AUDIO, audio[first : first + PIECE_BYTES])
    return str((await ask(END, b""))["text"])


async def test_an_utterance_keeps_its_last_half_minute() -> None:
    utterance = Utterance(b"begin")
    assert await utterance.next_piece() == b"begin"
    utterance.add(bytes(KEPT_BYTES))
    utterance.add(b"end")
    utterance.end()
    for _ in range(2):
        heard = b""
        while piece := await utterance.next_piece():
            assert len(piece) <= PIECE_BYTES
            heard += piece
        assert heard == bytes(KEPT_BYTES - 3) + b"end"
        utterance.again()
