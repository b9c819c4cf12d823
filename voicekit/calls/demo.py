"""Demo: `python -m voicekit.calls.demo FILE` starts the embedded agent and holds a spoken talk with it.

Prints who said what, how long each answer took at the caller's ear, and how fast an interruption was obeyed.
Exits with 1 when a turn went unanswered or a reply was wrong.
"""

import asyncio
import statistics
import sys

import click

from voicekit.calls.caller import CallFailed
from voicekit.calls.served import server
from voicekit.calls.speech import Speaker
from voicekit.calls.talk import Result, Turn, hold
from voicekit.calls.webrtc_caller import WebRtcCaller
from voicekit.problems import Refused
from voicekit.report import render

GREETING_SECS = 15.0

SCRIPT = (
    Turn("What time is it?", r"it is \d+:\d\d [AP]M"),
    Turn("What can you do?", r"tell you the time"),
    Turn("Where is my order?", r"which order number", interrupts=True),
    Turn("One two three.", r"order 123 is on its way"),
    Turn("Goodbye.", r"goodbye", ends=True),
)


async def demo(path: str) -> bool:
    """Hold the talk with the agent of a file, and say whether every turn was right."""
    results: list[Result] = []

    def tell(result: Result) -> None:
        results.append(result)
        click.echo(_shown(len(results), result))

    speaker = Speaker()
    try:
        async with server(path) as (url, _), await WebRtcCaller.call(url) as caller:
            await caller.ear.sound(0.0, GREETING_SECS)
            await caller.ear.silence(GREETING_SECS)
            right = await hold(caller, speaker, SCRIPT, tell)
    finally:
        await speaker.close()
    click.echo(_figures(results))
    return right and len(results) == len(SCRIPT)


def _shown(number: int, result: Result) -> str:
    lines = [f"{number}. caller: {result.turn.say}" + ("   (into the answer)" if result.turn.interrupts else "")]
    lines.append(f"   heard:  {result.heard}")
    took = f"   [{result.answer_secs:.2f} s]" if result.answer_secs is not None else ""
    lines.append(f"   agent:  {result.said}{took}")
    if result.silenced_secs is not None:
        lines.append(f"   the interrupted answer fell silent after {result.silenced_secs:.2f} s")
    if result.problem:
        lines.append(f"   WRONG:  {result.problem}")
    return "\n".join(lines)


def _figures(results: list[Result]) -> str:
    answers = [result.answer_secs for result in results if result.answer_secs is not None]
    median = f", answers after {statistics.median(answers):.2f} s (median, at the ear)" if answers else ""
    wrong = sum(bool(result.problem) for result in results) + len(SCRIPT) - len(results)
    return f"{len(SCRIPT)} turns, {wrong} wrong{median}"


def main() -> None:
    """Run the demo on the file named on the command line."""
    try:
        right = asyncio.run(demo(sys.argv[1]))
    except Refused as refused:
        click.echo(render(refused.problems, {}), err=True)
        right = False
    except CallFailed as failed:
        click.echo(f"error: {failed}", err=True)
        right = False
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
