"""Pipecat's own contract: the same file answers under Pipecat's development runner."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI, WebSocket
from pipecat.evals.scenario import EvalScenarioFile
from pipecat.evals.session import EvalSession, EvalSessionParams
from pipecat.runner.types import WebSocketRunnerArguments

from voicekit.calls.caller import CallFailed
from voicekit.calls.exchange import greeted
from voicekit.calls.speech import Speaker
from voicekit.calls.talk import Result, Turn, hold
from voicekit.calls.twilio_caller import ACCOUNT, TwilioCaller
from voicekit.calls.webrtc_caller import WebRtcCaller
from voicekit.calls.websocket_caller import WebSocketCaller
from voicekit.emulators.server import serve
from voicekit.emulators.twilio_rest import TwilioRest
from voicekit.runtime.bot import bot_for
from voicekit.server.serving import serving
from voicekit.services.tts_embedded import available

ROOT = Path(__file__).parent.parent.parent

BOT = """
from pipecat.runner.run import main
from voicekit.runtime.bot import bot_for

bot = bot_for({path!r})
main()
"""


FILE = """
version: 1
name: desk
greeting: Hello there.
transport: {}
asr: pocketsphinx
llm: {{provider: rules, rules: [{{hear: what time is it, tool: now, say: "It is {{{{result.time}}}}."}}]}}
tts: flite
tools: {{now: {{builtin: current_time}}}}
"""
SCENARIO = """
name: desk
scenarios:
  - name: time
    turns:
      - user: What time is it?
        expect: [{event: response, text_contains: It is}]
"""
needs_flite = pytest.mark.skipif(available("flite") != "", reason=available("flite"))


@asynccontextmanager
async def running(transport: str, folder: Path, kind: str | None = None) -> AsyncIterator[str]:
    """Run a file's bot on every WebSocket that is opened, as Pipecat's runner does; give the address."""
    path = folder / "desk.yaml"
    path.write_text(FILE.format(transport), encoding="utf-8")
    app, bot = FastAPI(), bot_for(path)

    @app.websocket("/{_path:path}")
    async def call(socket: WebSocket) -> None:
        await socket.accept()
        await bot(WebSocketRunnerArguments(websocket=socket, transport_type=kind))

    async def nothing() -> None:
        pass

    app.state.end_calls = nothing
    async with serving(app) as address:
        yield address


@needs_flite
async def test_pipecat_s_evals_run_against_a_bot(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    async with running("webrtc", tmp_path) as address:
        (scenario,) = EvalScenarioFile.load(str(path))
        session = EvalSession.from_scenario(
            scenario, f"ws://{address}/ws", params=EvalSessionParams(default_timeout_ms=5000)
        )
        result = await session.run()
    assert result.passed


@needs_flite
@pytest.mark.parametrize("transport", ["webrtc", "twilio"])
async def test_a_bot_answers_a_telephone(transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twilio = TwilioRest(ACCOUNT, "token")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT)
    monkeypatch.setenv("TOKEN", "token")
    async with serve([twilio]) as api:
        account = f'{{type: twilio, endpoint: "http://{api}", auth_token: "${{TOKEN}}"}}'
        async with (
            running(account if transport == "twilio" else transport, tmp_path) as address,
            await TwilioCaller.call(f"http://{address}", rest=twilio) as caller,
        ):
            await greeted(caller, 0.0)
    assert caller.invalid == []


@needs_flite
async def test_a_bot_answers_an_app(tmp_path: Path) -> None:
    async with (
        running("websocket", tmp_path, "websocket") as address,
        await WebSocketCaller.call(f"http://{address}") as caller,
    ):
        await greeted(caller, 0.0)
        assert await caller.message("bot-ready", 0, 5) >= 0


@pytest.mark.long
@needs_flite
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
