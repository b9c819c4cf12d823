"""How a server ends: it takes nobody any more, and lets who is on the line finish."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.server.served import served
from voicekit.calls.exchange import ask, greeted
from voicekit.calls.speech import Speaker
from voicekit.calls.websocket_caller import WebSocketCaller
from voicekit.records.events import CallEnded, Trouble
from voicekit.runtime import admission
from voicekit.services.tts_embedded import available

pytestmark = pytest.mark.skipif(available("flite") != "", reason=available("flite"))

FILE = """
version: 1
name: desk
greeting: Hello.
transport: websocket
turn: {end: fixed, wait_ms: 400}
asr: {provider: pocketsphinx, grammar: rules}
llm: {provider: rules, rules: [{hear: what time is it, say: It is late.}]}
tts: flite
"""


async def state(address: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/readyz") as response:
        return response.status, (await response.json())["status"]


async def test_who_is_on_the_line_may_finish_and_nobody_else_comes(tmp_path: Path) -> None:
    async with served(FILE + "limits: {concurrent_calls: 1}", tmp_path) as (address, events, host):
        assert await state(address) == (200, "ready")
        async with await WebSocketCaller.call(f"http://{address}", "rtvi") as caller:
            await greeted(caller, time.monotonic())
            assert await state(address) == (503, "full")
            draining = asyncio.create_task(host.drain(30))
            await asyncio.sleep(0)
            assert await state(address) == (503, "draining")
            async with await WebSocketCaller.call(f"http://{address}", "rtvi") as other:
                await other.until_ended(5)
                assert other.refusal == "the server is about to end"
            assert not draining.done()
        await asyncio.wait_for(draining, 5)
    assert [event.reason for event in events if isinstance(event, CallEnded)] == ["caller"]
    assert Trouble("call", "the server is about to end") in events


async def test_who_does_not_finish_is_not_waited_for_longer_than_the_file_says(tmp_path: Path) -> None:
    async with (
        served(FILE, tmp_path) as (address, events, host),
        await WebSocketCaller.call(f"http://{address}", "rtvi") as caller,
    ):
        await greeted(caller, time.monotonic())
        await asyncio.wait_for(host.drain(0.1), 5)
        assert host.live == 1
        await host.end_calls()
        await caller.until_ended(5)
    assert [event.reason for event in events if isinstance(event, CallEnded)] == ["server"]


async def test_who_has_been_answered_and_whose_sound_has_still_to_come_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "RESERVED_SECS", 0.4)
    async with served(FILE, tmp_path) as (_, _events, host):
        host.admission.reserve("CA1", "")
        began = time.monotonic()
        await asyncio.wait_for(host.drain(30), 5)
        assert time.monotonic() - began >= 0.39


async def until_draining(url: str) -> None:
    async with asyncio.timeout(5):
        while await state(url.removeprefix("http://")) != (503, "draining"):  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.05)


@contextmanager
def running(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    (folder / "agent.yaml").write_text(FILE)
    command = [sys.executable, "-m", "voicekit", "run", "agent.yaml", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()[2]
        finally:
            process.kill()


@pytest.mark.long
async def test_a_terminated_process_ends_with_its_last_call(tmp_path: Path) -> None:
    speaker = Speaker()
    speech = await speaker.speech("What time is it?")
    await speaker.close()
    with running(tmp_path) as (process, url):
        async with await WebSocketCaller.call(url, "rtvi") as caller:
            await greeted(caller, time.monotonic())
            process.send_signal(signal.SIGTERM)
            await until_draining(url)
            await ask(caller, speech)
            await caller.ear.silence(10)
            assert process.poll() is None
        assert await asyncio.to_thread(process.wait, 20) == -signal.SIGTERM
        told = process.stdout.read() if process.stdout else ""
        warned = process.stderr.read() if process.stderr else ""
    assert "agent   It is late." in told
    assert "the caller hung up" in told
    assert "desk: no other calls are taken; 1 live calls may go on for 300 s (Ctrl-C ends them)" in warned


@pytest.mark.long
async def test_a_second_signal_ends_the_calls_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as (process, url):
        async with await WebSocketCaller.call(url, "rtvi") as caller:
            await greeted(caller, time.monotonic())
            process.send_signal(signal.SIGTERM)
            await until_draining(url)
            process.send_signal(signal.SIGINT)
            await caller.until_ended(10)
        assert await asyncio.to_thread(process.wait, 20) == -signal.SIGTERM
        told = process.stdout.read() if process.stdout else ""
    assert "the server ended it" in told
