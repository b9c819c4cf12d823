"""Lines as ready-made sound: what is heard beside them."""

import asyncio

import pytest
from pipecat.frames.frames import TTSAudioRawFrame, TTSTextFrame

from tests.runtime.clock import Clock, Steps
from tests.services.embedded import running
from voicekit.runtime.announcer import Announced, Announcer, Played

RATE = 16000


@pytest.mark.parametrize("last", [True, False])
async def test_nothing_is_spoken_over_last_words(last: bool) -> None:
    async def rendered(_words: str) -> bytes:
        return b"\1\0" * RATE

    announcer = Announcer(rendered, RATE, lambda _: None)
    async with running(announcer) as line:
        saying = asyncio.create_task(announcer.say("Goodbye.", interruptible=not last))
        played = await line.down.wait(Played)
        await Steps(line, Clock()).put(TTSAudioRawFrame(b"\1\0" * 160, RATE, 1), TTSTextFrame("And", text_type="word"))
        played.heard.set()
        assert await saying
        await line.put(TTSTextFrame("then", text_type="word"))
        await line.down.wait(TTSTextFrame, 1 if last else 2)
        assert [len(line.down.all(kind)) for kind in (Announced, TTSAudioRawFrame, TTSTextFrame)] == (
            [3, 0, 1] if last else [3, 1, 2]
        )
