"""Bench: `python -m voicekit.calls.bench FILE` measures the embedded agent with spoken calls.

Prints answer times and interruptions at the caller's ear, and the memory and processor time of the server with its
child processes.
"""

import asyncio
import statistics
import sys
import time

import click

from voicekit.calls.demo import SCRIPT
from voicekit.calls.measures import memory, processor, share
from voicekit.calls.served import server
from voicekit.calls.speech import Speaker
from voicekit.calls.talk import Result, Turn, hold
from voicekit.calls.webrtc_caller import WebRtcCaller

CALLS = 5
GREETING_SECS = 15.0


async def measure(path: str) -> None:
    """Hold a few calls one after another and print what was measured."""
    results: list[Result] = []
    speaker = Speaker()
    async with server(path) as (url, pid):
        idle = memory(pid)
        spent, talked, live = processor(pid), 0.0, 0
        for _ in range(CALLS):
            began = time.monotonic()
            async with await WebRtcCaller.call(url) as caller:
                await caller.ear.sound(0.0, GREETING_SECS)
                await caller.ear.silence(GREETING_SECS)
                await hold(caller, speaker, [turn for turn in SCRIPT if not turn.ends], results.append)
                live = max(live, memory(pid))
            talked += time.monotonic() - began
        spent = processor(pid) - spent
    await speaker.close()
    answers = sorted(result.answer_secs for result in results if result.answer_secs is not None)
    silenced = [result.silenced_secs for result in results if result.silenced_secs is not None]
    wrong = [result for result in results if result.problem]
    click.echo(f"turns            {len(results)}, {len(wrong)} wrong")
    click.echo(f"answer           p50 {share(answers, 0.5):.2f} s, p95 {share(answers, 0.95):.2f} s, at the ear")
    click.echo(f"interruption     {statistics.median(silenced):.2f} s to silence (median of {len(silenced)})")
    click.echo(f"memory           {idle} MB idle, {live} MB with one call, children included")
    click.echo(f"processor        {100 * spent / talked:.0f} % of a core during a call")


async def measure_together(path: str, callers: int) -> None:
    """Hold calls at the same time and print what another call costs."""
    script = [Turn("What time is it?", r"it is \d+:\d\d")] * 3

    async def one(url: str) -> list[Result]:
        results: list[Result] = []
        async with await WebRtcCaller.call(url) as caller:
            await caller.ear.sound(0.0, GREETING_SECS)
            await caller.ear.silence(GREETING_SECS)
            await hold(caller, speaker, script, results.append)
        return results

    speaker = Speaker()
    async with server(path) as (url, pid):
        found = await asyncio.gather(*(one(url) for _ in range(callers)))
        live = memory(pid)
    await speaker.close()
    answers = sorted(result.answer_secs for results in found for result in results if result.answer_secs is not None)
    click.echo(f"{callers} calls at once  {live} MB, answer p50 {share(answers, 0.5):.2f} s of {len(answers)}")


def main() -> None:
    """Run all measurements on the file named on the command line."""
    asyncio.run(measure(sys.argv[1]))
    asyncio.run(measure_together(sys.argv[1], 4))


if __name__ == "__main__":
    main()
