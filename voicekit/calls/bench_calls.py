"""Bench of calls: `python -m voicekit.calls.bench_calls` measures shipped files on emulators, at the caller's ear.

Beside pipelines/streaming.yaml stands a bot that is written with Pipecat alone (`hand_written`), on the same emulators
and in calls that take turns with its own, so that the ratio of the two is what a file costs. Absolute times hold for
this machine and `LATENCIES` only.
"""

import asyncio
import os
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import aiohttp
import click

from voicekit.calls.caller import Caller, CallFailed
from voicekit.calls.exchange import SPEECH_SECS, Measured, ask, greeted, interrupt
from voicekit.calls.measures import processor, share
from voicekit.calls.microphone import RATE, Samples
from voicekit.calls.served import server, started
from voicekit.calls.speech import Speaker
from voicekit.calls.stage import KEY, stage_variables
from voicekit.calls.stand_ins import STAND_INS
from voicekit.calls.twilio_caller import TwilioCaller
from voicekit.calls.webrtc_caller import WebRtcCaller

PIPELINES: Final = Path(__file__).parent.parent.parent / "pipelines"

# How fast the providers are, by emulator: medians as their users see them, a model's with a spread (sigma, log-normal).
LATENCIES: Final[Mapping[str, Mapping[str, float]]] = {
    "deepgram": {"first_ms": 100},
    "openai": {"first_ms": 350, "each_ms": 20, "spread": 0.3},
    "elevenlabs": {"first_ms": 150, "each_ms": 20},
    "openai-realtime": {"first_ms": 500, "each_ms": 20, "spread": 0.3},
}
QUESTIONS: Final = ("Where is my order?", "What time is it now?", "Is there a table for tonight?")
TURNS_OF_A_CALL: Final = 6
# A filler would be heard before the answer, and be taken for it.
PLAIN: Final = ("--set", "fillers=false")

Dial: TypeAlias = Callable[[str], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured in one call, times in seconds.

    Attributes:
        answers: From the caller's last audible sample to the agent's first, of each turn.
        silenced: From the first audible sample of a barge-in to the last of what it cut off.
        gaps: How many silences were in the answers that were heard to their end.
        processor: What the server used of it.
        failed: Why the call broke off, or empty.
    """

    answers: Sequence[float]
    silenced: Sequence[float]
    gaps: int
    processor: float
    failed: str = ""


@dataclass
class Bot:
    """A server that is called again and again.

    Attributes:
        name: What is called.
        emulated: The address of the emulators it reaches, `127.0.0.1:PORT`.
        emulators: Their names.
        url: Its own address.
        pid: Its process.
        dial: Calls it.
        calls: What was measured.
    """

    name: str
    emulated: str
    emulators: Sequence[str]
    url: str
    pid: int
    dial: Dial
    calls: list[Figures] = field(default_factory=list)

    def all(self, of: Callable[[Figures], Sequence[float]]) -> list[float]:
        """Return one kind of measurement of all calls, sorted."""
        return sorted(value for call in self.calls for value in of(call))


async def measure(turns: int) -> None:
    """Hold the calls and print what was measured."""
    speaker = Speaker()
    speeches = {text: await speaker.speech(text) for text in QUESTIONS}
    await speaker.close()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(raise_for_status=True))
        streaming, hand_written, callcenter = bots = await _start(stack)
        for bot in bots:
            # Whatever a server does for its first call only is no part of this.
            await _call(bot, http, speeches, 1, seed=0)
        for number, count in enumerate(_portions(turns), 1):
            # Neither of the two always comes first.
            pair = [streaming, hand_written][:: 1 if number % 2 else -1]
            for bot in (*pair, callcenter):
                bot.calls.append(await _call(bot, http, speeches, count, seed=number))
    for bot in bots:
        _show(bot)
    _compare(streaming, hand_written)


async def _start(stack: AsyncExitStack) -> list[Bot]:
    """Start the emulators and the servers, each in a process of its own, until the stack ends."""
    names, heard = ("deepgram", "openai", "anthropic", "elevenlabs"), ("openai-realtime",)
    cascade, realtime = [await stack.enter_async_context(emulators(each)) for each in (names, heard)]
    parts = {"asr": "deepgram", "llm[0]": "openai", "llm[1]": "anthropic", "tts": "elevenlabs"}
    places = {name.upper(): _endpoint(name, cascade) for name in names}
    variables = {**stage_variables(os.environ), "KEY": KEY}
    file = await stack.enter_async_context(
        server(str(PIPELINES / "streaming.yaml"), *PLAIN, *reaching(parts, cascade), environment=variables)
    )
    command = ("-m", "voicekit.calls.hand_written")
    line, pid = await stack.enter_async_context(started(command, "talk at ", {**variables, **places}))
    telephone = await stack.enter_async_context(
        server(
            str(PIPELINES / "callcenter.yaml"),
            *reaching({"realtime": "openai-realtime"}, realtime),
            environment={**variables, "ORDERS_URL": "https://orders.example.com"},
        )
    )
    return [
        Bot("streaming.yaml, WebRTC", cascade, names, *file, WebRtcCaller.call),
        Bot("hand-written, WebRTC", cascade, names, line.split()[2], pid, WebRtcCaller.call),
        Bot("callcenter.yaml, Twilio", realtime, heard, *telephone, TwilioCaller.call),
    ]


@asynccontextmanager
async def emulators(names: Sequence[str]) -> AsyncIterator[str]:
    """Start emulators in a process of their own; give their address, `127.0.0.1:PORT`."""
    async with started(("-m", "voicekit", "emulate", "--port", "0", *names), names[0]) as (line, _):
        yield line.rpartition("//")[2].partition("/")[0].strip()


def _endpoint(emulator: str, address: str) -> str:
    return next(each for each in STAND_INS if each.emulator == emulator).endpoint.format(address=address)


def reaching(parts: Mapping[str, str], address: str) -> Iterator[str]:
    """Yield the options of `voicekit run` by which the parts of a file reach emulators, by their names."""
    for part, emulator in parts.items():
        yield from ("--set", f"{part}.endpoint={_endpoint(emulator, address)}", "--set", f"{part}.api_key=${{KEY}}")


def _portions(turns: int) -> list[int]:
    """Return how many turns each call has."""
    return [min(TURNS_OF_A_CALL, turns - begun) for begun in range(0, turns, TURNS_OF_A_CALL)]


async def _call(
    bot: Bot, http: aiohttp.ClientSession, speeches: Mapping[str, Samples], turns: int, *, seed: int
) -> Figures:
    """Hold one call: every second turn interrupts the answer before it, and is answered to the end."""
    for name in LATENCIES.keys() & {*bot.emulators}:
        # The same seed for both bots: the model is as late with one as with the other.
        told = {"emulator": name, "seed": seed, **LATENCIES[name]}
        await http.post(f"http://{bot.emulated}/emulated/latency", json=told)
    heard: list[Measured] = []
    gaps, failed, spent = 0, "", processor(bot.pid)
    try:
        async with await bot.dial(bot.url) as caller:
            await greeted(caller, 0.0)
            for turn in range(turns):
                text = QUESTIONS[turn % len(QUESTIONS)]
                told = {"text": text, "secs": len(speeches[text]) / RATE}
                await http.post(f"http://{bot.emulated}/emulated/announce", json=told)
                heard.append(await (interrupt if turn % 2 else ask)(caller, speeches[text]))
                if turn % 2 or turn == turns - 1:
                    await caller.ear.silence(SPEECH_SECS)
                    gaps += len(caller.ear.gaps(heard[-1].began))
    except (TimeoutError, CallFailed) as error:
        failed = str(error) or f"turn {len(heard) + 1} had no answer"
    silenced = [each.silenced_secs for each in heard if each.silenced_secs is not None]
    return Figures([each.answer_secs for each in heard], silenced, gaps, processor(bot.pid) - spent, failed)


def _show(bot: Bot) -> None:
    answers, silenced = bot.all(lambda call: call.answers), bot.all(lambda call: call.silenced)
    spent = statistics.median(call.processor for call in bot.calls)
    click.echo(f"{bot.name}: {len(answers)} turns, calls: {len(bot.calls)}")
    click.echo(f"  answer     {_percentiles(answers)}, at the ear")
    click.echo(f"  barge-in   {_percentiles(silenced)} to silence, of {len(silenced)}")
    click.echo(f"  gaps       {sum(call.gaps for call in bot.calls)} inside answers")
    click.echo(f"  processor  {spent:.2f} s a call")
    for call in bot.calls:
        if call.failed:
            click.echo(f"  broken off: {call.failed}")


def _percentiles(values: Sequence[float]) -> str:
    return f"p50 {share(values, 0.5):.3f} s, p95 {share(values, 0.95):.3f} s"


def _compare(file: Bot, other: Bot) -> None:
    names = " as a multiple of ".join(bot.name.partition(",")[0] for bot in (file, other))
    click.echo(f"{names}: of medians, and the least and the greatest of a pair of calls")
    measured: Mapping[str, Callable[[Figures], Sequence[float]]] = {
        "answer": lambda call: call.answers,
        "barge-in": lambda call: call.silenced,
        "processor": lambda call: [call.processor],
    }
    for name, of in measured.items():
        pairs = [
            statistics.median(of(one)) / statistics.median(of(two))
            for one, two in zip(file.calls, other.calls, strict=True)
            if of(one) and of(two)
        ]
        whole = statistics.median(file.all(of)) / statistics.median(other.all(of))
        click.echo(f"  {name:10} {whole:.2f}; {min(pairs):.2f} to {max(pairs):.2f}")


@click.command()
@click.option("--turns", type=click.IntRange(2), default=30, show_default=True, help="Of each bot, in calls of six.")
def main(turns: int) -> None:
    """Measure shipped files on emulators, beside a bot without voicekit."""
    asyncio.run(measure(turns))


if __name__ == "__main__":
    main()
