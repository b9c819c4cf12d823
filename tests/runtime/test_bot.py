"""Pipecat's own contract: the same file answers under Pipecat's development runner."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from voicekit.calls.caller import CallFailed
from voicekit.calls.speech import Speaker
from voicekit.calls.talk import Result, Turn, hold
from voicekit.calls.webrtc_caller import WebRtcCaller
from voicekit.services.tts_embedded import available

ROOT = Path(__file__).parent.parent.parent

BOT = """
from pipecat.runner.run import main
from voicekit.runtime.bot import bot_for

bot = bot_for({path!r})
main()
"""


@pytest.mark.long
@pytest.mark.skipif(available("flite") != "", reason=available("flite"))
async def test_a_file_is_a_pipecat_bot(tmp_path: Path, unused_tcp_port: int) -> None:
    script = tmp_path / "bot.py"
    script.write_text(BOT.format(path=str(ROOT / "pipelines" / "local.yaml")), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), "-t", "webrtc", "--host", "127.0.0.1", "--port", str(unused_tcp_port)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    results: list[Result] = []
    speaker = Speaker()
    try:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while not re.search(rb"Uvicorn running", await process.stderr.readline()):
                pass
        drain = asyncio.create_task(process.stderr.read())
        async with await WebRtcCaller.call(f"http://127.0.0.1:{unused_tcp_port}") as caller:
            await caller.ear.sound(0.0, 20)
            await caller.ear.silence(20)
            right = await hold(caller, speaker, [Turn("What time is it?", r"it is \d+:\d\d")], results.append)
    except CallFailed as failed:
        pytest.fail(str(failed))
    finally:
        await speaker.close()
        process.send_signal(signal.SIGINT)
        await process.wait()
    await drain
    assert right, results
