"""Bench of load: `python -m voicekit.calls.bench_load` places more and more telephone calls at once, at the ear.

pipelines/streaming.yaml stands behind a Twilio number: each call comes by a signed webhook, and its stream by a ticket.
The file, the emulators and the callers are a process each and share this machine, so a server of its own takes more.
Providers are equally late in every call: what an answer takes longer with more calls is the machine's.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import click

from voicekit.calls.bench_calls import PIPELINES, PLAIN, emulators, reaching
from voicekit.calls.caller import CallFailed
from voicekit.calls.exchange import SPEECH_SECS, ask, greeted
from voicekit.calls.measures import memory, processor, share
from voicekit.calls.microphone import Samples
from voicekit.calls.served import server
from voicekit.calls.speech import Speaker
from voicekit.calls.stage import KEY, stage_variables
from voicekit.calls.twilio_number import TwilioNumber

PUBLIC: Final = "https://voice.example.com"
QUESTION: Final = "Where is my order?"
STEPS: Final = (1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24)
# How much later the 95th percentile of answers may come than in one call.
WORSE: Final = 1.2
# The calls of a step begin so long after each other, as callers do.
APART_SECS: Final = 0.7
TURNS_OF_A_CALL: Final = 4
# With one call at a time there are this many, for as good a percentile.
FIRST_CALLS: Final = 5
_PARTS: Final = {"asr": "deepgram", "llm[0]": "openai", "llm[1]": "anthropic", "tts": "elevenlabs"}
_UNLIMITED: Final = ("concurrent_calls", "calls_per_min", "calls_per_caller_hour")


@dataclass
class Step:
    """What was measured with so many calls at once, times in seconds."""

    answers: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    most_mb: int = 0

    @property
    def p95(self) -> float:
        """The 95th percentile of the answers."""
        return share(sorted(self.answers), 0.95)


async def measure(steps: Sequence[int], in_a_row: int) -> None:
    """Place the calls and print what was measured."""
    speaker = Speaker()
    speech = await speaker.speech(QUESTION)
    await speaker.close()
    names = ("deepgram", "openai", "anthropic", "elevenlabs")
    lifted = [option for key in _UNLIMITED for option in ("--set", f"limits.{key}=false")]
    variables = {**stage_variables(os.environ), "KEY": KEY, "VOICEKIT_PUBLIC_URL": PUBLIC}
    async with emulators(names) as emulated:
        await _make_late(emulated)
        options = ("--set", "transport=twilio", *PLAIN, *lifted, *reaching(_PARTS, emulated))
        async with server(str(PIPELINES / "streaming.yaml"), *options, environment=variables) as (url, pid):
            number = TwilioNumber(f"{PUBLIC}/twilio", url, KEY)
            # Whatever a server does for its first call only is no part of this.
            await _call(number, speech, 1, Step())
            await _climb(number, speech, pid, steps)
            await _one_after_another(number, pid, in_a_row)


async def _make_late(emulated: str) -> None:
    late = {"deepgram": 100, "openai": 350, "elevenlabs": 150}
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        for name, first_ms in late.items():
            await http.post(f"http://{emulated}/emulated/latency", json={"emulator": name, "first_ms": first_ms})


async def _climb(number: TwilioNumber, speech: Samples, pid: int, steps: Sequence[int]) -> None:
    """Place more calls at once until answers come later, or not at all."""
    usual: Step | None = None
    idle = memory(pid)
    for calls in steps:
        step, spent, began = Step(), processor(pid), time.monotonic()
        if usual is None:
            for _ in range(FIRST_CALLS):
                await _call(number, speech, TURNS_OF_A_CALL, step)
        else:
            await _at_once(number, speech, calls, pid, step)
        cores = (processor(pid) - spent) / (time.monotonic() - began)
        each = f", {(step.most_mb - idle) / calls:.0f} MB each" if step.most_mb else ""
        answers = sorted(step.answers)
        click.echo(
            f"{calls:3} at once: answers p50 {share(answers, 0.5):.3f} s, p95 {step.p95:.3f} s of {len(answers)}"
            f"; {cores:.2f} cores{each}" + "".join(f"; broken off: {why}" for why in step.failed)
        )
        usual = usual or step
        if step.failed or step.p95 > WORSE * usual.p95:
            return


async def _at_once(number: TwilioNumber, speech: Samples, calls: int, pid: int, step: Step) -> None:
    async def one(place: int) -> None:
        await asyncio.sleep(place * APART_SECS)
        await _call(number, speech, TURNS_OF_A_CALL, step)

    async def watch() -> None:
        while True:
            step.most_mb = max(step.most_mb, memory(pid))
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(one(place) for place in range(calls)))
    watching.cancel()


async def _call(number: TwilioNumber, speech: Samples, turns: int, step: Step) -> None:
    try:
        async with await number.call() as caller:
            await greeted(caller, time.monotonic())
            for _ in range(turns):
                step.answers.append((await ask(caller, speech)).answer_secs)
                await caller.ear.silence(SPEECH_SECS)
    except (TimeoutError, CallFailed) as error:
        step.failed.append(str(error) or "a turn had no answer")


async def _one_after_another(number: TwilioNumber, pid: int, calls: int) -> None:
    """Print what memory is left behind by calls that do no more than listen to the greeting."""
    before, failed = memory(pid), 0
    for _ in range(calls):
        try:
            async with await number.call() as caller:
                await caller.ear.sound(0.0, 10)
        except (TimeoutError, CallFailed):
            failed += 1
    click.echo(f"{calls} calls in a row: {before} MB before, {memory(pid)} MB after, {failed} failed")


@click.command()
@click.option("--most", type=click.IntRange(1), default=max(STEPS), show_default=True, help="Calls at once.")
@click.option("--in-a-row", type=click.IntRange(0), default=200, show_default=True, help="Calls for the memory.")
def main(most: int, in_a_row: int) -> None:
    """Place more and more telephone calls at once, until answers come 1.2 times as late as in one."""
    asyncio.run(measure([step for step in STEPS if step <= most], in_a_row))


if __name__ == "__main__":
    main()
