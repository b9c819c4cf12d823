import ctypes.util
import os
import signal
from array import array
from collections.abc import AsyncIterator, Iterator

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterruptionFrame,
    MetricsFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData

from tests.services.embedded import DIES_WHEN_ASKED, Line, needs_flite, running, speak, until
from voicekit.services import tts_embedded
from voicekit.services.child import Child, ChildRefused, worker
from voicekit.services.flite_worker import to_ascii
from voicekit.services.pool import Pool
from voicekit.services.tts_embedded import (
    FLITE_VOICES,
    EspeakTTSService,
    FliteTTSService,
    available,
    espeak_voice,
)

LONG = (
    "This is a long sentence that nobody wants to hear to its end, because it says the same thing over "
    "and over again, and then once more, and whoever listens to it will surely interrupt it quite soon."
)
SHORT = "Your table is booked."

needs_espeak = pytest.mark.skipif(available("espeak") != "", reason=available("espeak"))


@pytest.fixture(params=[pytest.param("flite", marks=needs_flite), pytest.param("espeak", marks=needs_espeak)])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    pool = Pool(worker(f"{request.param}_worker"), spare=0)
    await pool.warm()
    await until(lambda: pool.idle == 1)
    yield pool
    await pool.close()


@pytest.fixture
def service(pool: Pool, request: pytest.FixtureRequest) -> FliteTTSService | EspeakTTSService:
    flite = "flite" in request.node.callspec.id
    return FliteTTSService(pool=pool) if flite else EspeakTTSService(pool=pool)


@pytest.fixture
async def flite() -> AsyncIterator[Child]:
    child = await Child.start(worker("flite_worker"))
    yield child
    child.kill()
    await child.ended()


@pytest.fixture
async def espeak() -> AsyncIterator[Child]:
    child = await Child.start(worker("espeak_worker"))
    yield child
    child.kill()
    await child.ended()


def audio(frames: list[Frame]) -> bytes:
    return b"".join(frame.audio for frame in frames if isinstance(frame, TTSAudioRawFrame))


def alike(one: bytes, other: bytes) -> bool:
    """Say whether two stretches of audio are the same but for the resampler's dither."""
    pairs = zip(array("h", one), array("h", other), strict=False)
    return len(one) == len(other) and all(abs(a - b) <= 3 for a, b in pairs)


async def said(line: Line, text: str) -> bytes:
    """Say something to its end; return its audio."""
    before, count = len(line.down.frames), len(line.down.all(TTSStoppedFrame))
    await line.put(TTSSpeakFrame(text))
    await line.down.wait(TTSStoppedFrame, count + 1)
    return audio(line.down.frames[before:])


async def test_a_sentence_becomes_speech(service: FliteTTSService | EspeakTTSService) -> None:
    async with running(service, rate_out=24000) as line:
        speech = await said(line, SHORT)
        kinds = [
            type(frame)
            for frame in line.down.frames
            if isinstance(frame, TTSStartedFrame | TTSAudioRawFrame | TTSTextFrame | TTSStoppedFrame)
        ]
        first = line.down.all(TTSAudioRawFrame)[0]
        ttfb = [data for frame in line.down.all(MetricsFrame) for data in frame.data]
    assert kinds[0] is TTSStartedFrame
    assert set(kinds[1:-2]) == {TTSAudioRawFrame}
    assert kinds[-2:] == [TTSTextFrame, TTSStoppedFrame]
    assert first.sample_rate == 24000
    assert len(first.audio) <= 2 * 24000 // 10
    assert 0.7 < len(speech) / 48000 < 2.5
    assert max(array("h", speech)) > 2000
    assert any(isinstance(data, TTFBMetricsData) and data.value > 0 for data in ttfb)


async def test_nothing_of_an_interrupted_sentence_is_heard_later(
    service: FliteTTSService | EspeakTTSService, pool: Pool
) -> None:
    async with running(service) as line:
        alone = await said(line, SHORT)
        interrupted = line.down.all(TTSAudioRawFrame)[-1]
        await line.put(TTSSpeakFrame(LONG))
        await line.down.wait(TTSStartedFrame, 2)
        await line.put(InterruptionFrame(), TTSSpeakFrame(SHORT))
        await line.down.wait(TTSStoppedFrame, 2)
        frames = line.down.frames
        since = max(at for at, frame in enumerate(frames) if isinstance(frame, InterruptionFrame))
        heard = audio(frames[since:])
        assert abs(len(heard) - len(alone)) < 1000
        # The pitch of espeak-ng's voice wavers a little differently each time.
        assert isinstance(service, EspeakTTSService) or alike(heard, alone)
        assert interrupted in frames[:since]
        await until(lambda: pool.idle == len(pool.pids))


async def test_a_child_that_dies_in_a_sentence_is_not_noticed(
    service: FliteTTSService | EspeakTTSService, pool: Pool
) -> None:
    async with running(service) as line:
        whole = await said(line, LONG)
        (doomed,) = pool.pids
        os.kill(doomed, signal.SIGSTOP)

        async def kill(*_: object) -> None:
            os.kill(doomed, signal.SIGKILL)

        service.add_event_handler("on_tts_request", kill)
        assert alike(await said(line, LONG), whole)
        assert line.up.all(ErrorFrame) == []


@needs_flite
async def test_what_was_heard_before_a_child_died_is_not_said_again() -> None:
    pool = Pool(worker("flite_worker"), spare=0)
    async with running(FliteTTSService(pool=pool)) as line:
        whole = await said(line, LONG)
        victims = iter(pool.pids)

        def kill(frame: Frame) -> None:
            if isinstance(frame, TTSAudioRawFrame) and (victim := next(victims, 0)):
                os.kill(victim, signal.SIGKILL)

        line.down.on_frame = kill
        assert alike(await said(line, LONG), whole)
    await pool.close()


async def test_a_sentence_that_loses_two_children_is_an_error() -> None:
    pool = Pool(DIES_WHEN_ASKED)
    async with running(FliteTTSService(pool=pool)) as line:
        await line.put(TTSSpeakFrame(SHORT))
        error = await line.up.wait(ErrorFrame)
        assert error.error == "flite: it ended with exit code 7"
    await pool.close()


@needs_flite
async def test_calls_do_not_wait_for_each_other() -> None:
    pool = Pool(worker("flite_worker"), spare=0)
    async with running(FliteTTSService(pool=pool)) as one, running(FliteTTSService(pool=pool)) as other:
        alone = await said(one, LONG)
        for line in (one, other):
            await line.put(TTSSpeakFrame(LONG))
        await one.down.wait(TTSStoppedFrame, 2)
        await other.down.wait(TTSStoppedFrame)
        assert len(pool.pids) == 2
        assert alike(audio(one.down.frames), alone * 2)
        assert alike(audio(other.down.frames), alone)
    await pool.close()


@needs_flite
@pytest.mark.parametrize("voice", FLITE_VOICES)
async def test_every_flite_voice_speaks(flite: Child, voice: str) -> None:
    speech = await speak(flite, voice=voice, text=SHORT)
    assert 0.8 < len(speech) / 32000 < 2.5
    assert await speak(flite, voice=voice, text=SHORT) == speech


@needs_flite
async def test_flite_refuses_what_it_cannot_read(flite: Child) -> None:
    with pytest.raises(ChildRefused, match="^flite reads English only, and nothing of this text is$"):
        await speak(flite, voice="slt", text="你好")
    assert await speak(flite, voice="slt", text=SHORT)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\u201cIt\u2019s a café\u201d \u2013 naïve… 42!", '"It\'s a cafe" ,  naive... 42!'),
        ("Straße, Łódź, Ærø, œuvre", "Strasse, Lodz, Aero, oeuvre"),
        ("½ of 20 °C for €5", "1/2 of 20  degrees C for  euros 5"),
        ("你好", ""),
    ],
)
def test_flite_gets_ascii(text: str, plain: str) -> None:
    assert to_ascii(text) == plain


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("en", "en-us"),
        ("en-US", "en-us"),
        ("en-GB", "en"),
        ("en_AU", "en-us"),
        ("zh", "cmn"),
        ("zh-CN", "cmn"),
        ("zh-TW", "cmn"),
        ("zh-HK", "yue"),
        ("yue", "yue"),
        ("de", "de"),
        ("fr-FR", "fr"),
        ("fr-CA", "fr"),
        ("es", "es"),
        ("es-MX", "es-419"),
        ("pt-BR", "pt-br"),
        ("pt-PT", "pt"),
        ("ja", "ja"),
        ("ko-KR", "ko"),
        ("it-IT", "it"),
        ("nl-NL", "nl"),
        ("pl", "pl"),
        ("ru", "ru"),
        ("uk", "uk"),
        ("no", "nb"),
        ("he-IL", "he"),
        ("hi-IN", "hi"),
        ("ar-EG", "ar"),
        ("tr", "tr"),
        ("vi", "vi"),
        ("id", "id"),
    ],
)
@needs_espeak
async def test_espeak_has_a_voice_for_each_language(espeak: Child, language: str, voice: str) -> None:
    assert espeak_voice(language) == voice
    assert await speak(espeak, voice=voice, rate=165, text="1 2 3")


@needs_espeak
async def test_espeak_speaks_mandarin_not_its_phonemes(espeak: Child) -> None:
    mandarin = await speak(espeak, voice="cmn", rate=165, text="你好今天天气很好")
    assert 1.5 < len(mandarin) / 44100 < 3.5


@needs_espeak
async def test_espeak_speaks_as_fast_as_it_is_told(espeak: Child) -> None:
    slow, fast = [await speak(espeak, voice="de", rate=rate, text="Guten Tag zusammen") for rate in (100, 300)]
    assert len(slow) > 1.5 * len(fast)


@needs_espeak
async def test_a_voice_espeak_lacks_is_an_error() -> None:
    pool = Pool(worker("espeak_worker"), spare=0)
    settings = EspeakTTSService.Settings(voice="tlh-x")
    async with running(EspeakTTSService(pool=pool, settings=settings)) as line:
        await line.put(TTSSpeakFrame(SHORT))
        error = await line.up.wait(ErrorFrame)
        assert error.error == "espeak: espeak-ng has no voice 'tlh-x'"
    await pool.close()


@needs_espeak
async def test_language_and_rate_can_change_during_a_call() -> None:
    pool = Pool(worker("espeak_worker"), spare=0)
    async with running(EspeakTTSService(pool=pool)) as line:
        english = await said(line, "8 8 8 8")
        for delta in (EspeakTTSService.Settings(language="zh-CN"), EspeakTTSService.Settings(rate=300)):
            await line.put(TTSUpdateSettingsFrame(delta=delta))
            assert await said(line, "8 8 8 8") != english
        await line.put(TTSUpdateSettingsFrame(delta=EspeakTTSService.Settings(rate=500)))
        error = await line.up.wait(ErrorFrame)
        assert error.error == "Error processing frame: espeak-ng says 80 to 450 words per minute, not 500"
    await pool.close()


def test_what_flite_cannot_do_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="^flite speaks English only, not 'de-DE'$"):
        FliteTTSService(pool=Pool(worker("flite_worker")), settings=FliteTTSService.Settings(language="de-DE"))
    with pytest.raises(ValueError, match="^flite has no voice 'kal', only slt, rms, awb, kal16$"):
        FliteTTSService(pool=Pool(worker("flite_worker")), settings=FliteTTSService.Settings(voice="kal"))


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(tts_embedded, "find_spec", lambda _: None)
    available.cache_clear()
    yield
    available.cache_clear()


@pytest.mark.usefixtures("nothing_installed")
def test_a_missing_engine_says_what_to_type() -> None:
    assert available("flite") == "flite's library is not here: apt-get install flite"
    assert available("espeak") == "espeak-ng is not here: pip install espeakng-loader==0.2.4"
