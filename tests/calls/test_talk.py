"""A simulated caller holds a talk over WebRTC with a real server, and notices what is wrong."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from voicekit.calls.caller import CallFailed
from voicekit.calls.speech import Speaker
from voicekit.calls.talk import Result, Turn, hold
from voicekit.calls.webrtc_caller import WebRtcCaller
from voicekit.services.tts_embedded import available

pytestmark = pytest.mark.skipif(available("flite") != "", reason=available("flite"))

FILE = """
version: 1
name: desk
greeting: Hello.
turn: {end: fixed, wait_ms: 400}
asr: {provider: pocketsphinx, grammar: rules}
llm:
  provider: rules
  rules:
    - {hear: what time is it, tool: clock, say: "It is {{result.time}}."}
    - hear: where is order {number:digits}
      ask: {number: Which number?}
      tool: order
      say: Order {{number}} is {{result}}.
      failed: The desk is closed.
    - {hear: where is my order, say: "Which one?"}
    - {hear: goodbye, say: Goodbye., tool: leave}
tts: flite
tools:
  clock: {builtin: current_time}
  leave: {builtin: end_call}
  order: {python: desk:order}
"""

DESK = """
def order(number: int) -> str:
    if number > 999:
        raise LookupError(number)
    return "on its way"
"""

TALK = [
    Turn("What time is it?", r"^It is \d+:\d\d [AP]M\.$"),
    Turn("Where is order one two?", r"^Order 12 is on its way\.$"),
    Turn("Where is order one two three four?", r"^The desk is closed\.$"),
    Turn("Goodbye.", r"^Goodbye\.$", ends=True),
]


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[tuple[str, list[str]]]:
    """Run the file; give the server's address, and what it printed once it has ended."""
    (folder / "desk.yaml").write_text(FILE, encoding="utf-8")
    (folder / "desk.py").write_text(DESK, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicekit", "run", "desk.yaml", "--port", "0"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    printed: list[str] = []
    async with asyncio.timeout(60):
        while not (line := (await process.stdout.readline()).decode()).startswith("talk at "):
            assert line, printed
            printed.append(line)
    rest = asyncio.create_task(process.stdout.read())
    try:
        yield line.split()[2], printed
    finally:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        printed[:] = (await rest).decode().splitlines()


@pytest.fixture
async def speaker() -> AsyncIterator[Speaker]:
    made = Speaker()
    yield made
    await made.close()


async def talk(url: str, speaker: Speaker, script: list[Turn]) -> tuple[bool, list[Result]]:
    results: list[Result] = []
    async with await WebRtcCaller.call(url) as caller:
        await caller.ear.sound(0.0, 15)
        await caller.ear.silence(15)
        right = await hold(caller, speaker, script, results.append)
    return right, results


@pytest.mark.long
async def test_a_talk_is_held_and_printed_and_a_wrong_answer_noticed(speaker: Speaker, tmp_path: Path) -> None:
    async with desk(tmp_path) as (url, printed):
        right, results = await talk(url, speaker, TALK)
        wrong, [result] = await talk(url, speaker, [Turn("What time is it?", "noon")])
    assert right, results
    assert not wrong
    assert result.problem == "the answer should contain: noon"
    assert [result.heard for result in results] == [
        "what time is it",
        "where is order one two",
        "where is order one two three four",
        "goodbye",
    ]
    assert all(result.answer_secs is not None and 0 < result.answer_secs < 10 for result in results)
    took = r"  \[\d\.\d\d s: turn \d\.\d\d.*\]"
    expected = [
        "the line is open",
        "agent   Hello.",
        "caller  what time is it",
        r"tool    clock answered in \d+ ms",
        rf"agent   It is \d+:\d\d [AP]M.{took}",
        "caller  where is order one two",
        r"tool    order answered in \d+ ms",
        f"agent   Order 12 is on its way.{took}",
        "caller  where is order one two three four",
        r"trouble: tool order: it raised LookupError in desk\.py, line 4",
        r"tool    order failed in \d+ ms",
        f"agent   The desk is closed.{took}",
        "caller  goodbye",
        r"tool    leave answered in \d+ ms",
        f"agent   Goodbye.{took}",
        r"the agent hung up after \d+ s",
    ]
    lines = [line.removeprefix("call 1  ") for line in printed if line.startswith("call 1  ")]
    # The last words may still be playing when the tool that ends the call has answered.
    assert len(lines) == len(expected), lines
    for pattern in expected:
        assert any(re.fullmatch(pattern, line) for line in lines), (pattern, lines)


async def test_nobody_at_an_address_is_said(unused_tcp_port: int) -> None:
    with pytest.raises(CallFailed, match=f"^no answer at http://127.0.0.1:{unused_tcp_port}: "):
        await WebRtcCaller.call(f"http://127.0.0.1:{unused_tcp_port}")
