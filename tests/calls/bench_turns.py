"""Bench of turns: `python -m tests.calls.bench_turns` tells when turns end, and what interrupts, on a corpus.

Each call is held with a real detector and real smart-turn; the providers are emulated, and hear the words of the corpus
as they are spoken. The llm of `semantic` and `combined` is emulated, too, and always right. A corpus is a file as
tests/calls/turns/en.yaml; without recordings its speech is synthetic, on which smart-turn is not what it is on people.
"""

import asyncio
import itertools
import logging
import re
import tempfile
import time
import wave
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import soxr
import yaml

from tests.runtime.memory_line import RATE, Caller, calling
from voicekit.calls.measures import share
from voicekit.calls.scene import Scene
from voicekit.calls.stage import Stage, stage_variables, staged
from voicekit.config.loader import load
from voicekit.emulators.script import Reply, Script
from voicekit.records.events import AgentSaid, CallerSaid
from voicekit.runtime.construct import service_class
from voicekit.services.child import worker
from voicekit.services.own_voice import engine_for, sound_of
from voicekit.services.pool import Pool

CORPORA: Final = Path(__file__).parent / "turns"
STRATEGIES: Final[Mapping[str, str]] = {
    "fixed 600": "{end: fixed, wait_ms: 600}",
    "fixed 800": "{end: fixed, wait_ms: 800}",
    "adaptive": "adaptive",
    "smart": "smart",
    "semantic": "semantic",
    "combined": "combined",
}
HEAD: Final = "version: 1\nname: desk\nprompt: Be brief.\nfillers: false\nsilence: false\n"
SERVICES: Final = "asr: deepgram\nllm: openai\ntts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}\n"
MARKS: Final = ("semantic", "combined")
AT_ONCE: Final = 5
LATE_SECS: Final = 9.0
ANSWER_SECS: Final = 3.0
CALM_SECS: Final = 0.4
GAP_SECS: Final = 0.2
SPOKEN_SECS: Final = 1.5
QUIET: Final = 300
"""Softer than this, of 32767, is silence at either end of what is spoken."""


@dataclass(frozen=True)
class Part:
    """A part of a turn: what is said, as 16 bit sound, and the silence before it, in seconds."""

    words: str
    sound: bytes
    pause: float

    @property
    def secs(self) -> float:
        """How long it is, in seconds."""
        return len(self.sound) / 2 / RATE


@dataclass(frozen=True)
class Corpus:
    """What is said.

    Attributes:
        language: As in a file.
        answer: What the agent says to each turn.
        turns: What the caller says, each in parts.
        question: What he says to be told the story.
        story: What he speaks into.
        passing: What he says into it, and does not mean to interrupt.
        meant: What he says to interrupt.
    """

    language: str
    answer: str
    turns: Sequence[Sequence[Part]]
    question: Part
    story: str
    passing: Sequence[Part]
    meant: Sequence[Part]


@dataclass
class Tally:
    """What came of turns with one strategy."""

    waits: list[float] = field(default_factory=list)
    cut_off: int = 0
    lost: int = 0


async def read(path: Path, data: Mapping[str, Any]) -> Corpus:
    """Return a corpus from what is in its file; what is not recorded is spoken."""
    engine = engine_for(data["language"])
    pool = Pool(worker(engine.worker), spare=0) if engine else None

    async def part(item: Any, pause: float = 0.0) -> Part:
        if isinstance(item, dict):
            return Part(item["words"], recorded(path.parent / item["wav"]), pause)
        if engine is None or pool is None:
            raise click.ClickException(f"nobody here speaks '{data['language']}'")
        return Part(item, trimmed(await sound_of(item, engine, pool, RATE)), pause)

    async def turn(items: Sequence[Any]) -> list[Part]:
        parts, pause = [], 0.0
        for item in items:
            if isinstance(item, int | float):
                pause = float(item)
            else:
                parts.append(await part(item, pause))
        return parts

    try:
        said = data["interjections"]
        return Corpus(
            data["language"],
            data["answer"],
            [await turn(items) for items in data["turns"]],
            await part(said["question"]),
            said["story"],
            [await part(item) for item in said["passing"]],
            [await part(item) for item in said["meant"]],
        )
    finally:
        if pool is not None:
            await pool.close()


def recorded(path: Path) -> bytes:
    """Return a recording, mono and at the rate of a call."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, file.getnchannels())
        mono = samples.mean(axis=1).astype(np.float32) / 32768
        return trimmed((soxr.resample(mono, file.getframerate(), RATE) * 32767).astype(np.int16).tobytes())


def trimmed(sound: bytes) -> bytes:
    """Return a sound without the silence around it: a pause is what the corpus says."""
    samples = np.frombuffer(sound, np.int16)
    loud = np.nonzero(abs(samples.astype(int)) > QUIET)[0]
    return samples[loud[0] : loud[-1]].tobytes()


@dataclass
class Talk:
    """A call."""

    stage: Stage
    caller: Caller
    heard: list[float]

    async def say(self, part: Part) -> None:
        """Say a part, and return when it has been said."""
        await asyncio.sleep(part.pause)
        self.stage.announce(part.words, part.secs)
        self.caller.speak(part.sound)
        await asyncio.sleep(part.secs)

    async def until(self, true: Callable[[], bool], secs: float = LATE_SECS) -> bool:
        """Wait for something that no event tells; return whether it came."""
        end = time.monotonic() + secs
        while not true() and time.monotonic() < end:  # noqa: ASYNC110 - there is none
            await asyncio.sleep(0.01)
        return true()

    def ended_after(self, moment: float) -> bool:
        """Say whether a turn has ended since."""
        return any(at > moment for at in self.heard)

    def answered_after(self, count: int) -> bool:
        """Say whether there have been more answers."""
        return len(self.caller.of(AgentSaid)) > count


async def hold(corpus: Corpus, turn: str, script: Script, work: Callable[[Talk], Awaitable[None]]) -> None:
    """Hold a call."""
    with tempfile.TemporaryDirectory() as name:
        data = f"{HEAD}language: {corpus.language}\nturn: {turn}\n{SERVICES}".encode()
        loaded = load(Path(name) / "desk.yaml", stage_variables({}), running=True, data=data)
        if loaded.agent is None:
            raise click.ClickException(loaded.problems[0].text)
        for service in loaded.agent.services:
            service_class(service)
        async with (
            staged(loaded.agent, Scene(script)) as stage,
            calling(stage.agent, Path(name)) as caller,
        ):
            heard: list[float] = []
            tell = caller.call._listener

            def told(event: object) -> None:
                if isinstance(event, CallerSaid):
                    heard.append(time.monotonic())
                tell(event)

            caller.call._listener = told
            await work(Talk(stage, caller, heard))


async def measure_turns(corpus: Corpus, name: str, tally: Tally) -> None:
    """Say all turns of a corpus in one call."""
    answer = Reply(corpus.answer)
    # Words may come to the llm in pieces: it knows a whole turn by how its last one ends.
    lines = {f"{re.escape(turn[-1].words[-2:])}$": answer for turn in corpus.turns}
    script = Script(lines, Reply("◐")) if name in MARKS else Script(otherwise=answer)

    async def work(talk: Talk) -> None:
        for turn in corpus.turns:
            talk.heard.clear()
            answered = len(talk.caller.of(AgentSaid))
            for part in turn:
                await talk.say(part)
            ended = time.monotonic()
            await talk.until(partial(talk.ended_after, ended))
            waits = [at - ended for at in talk.heard if at > ended]
            tally.waits += waits[:1]
            tally.lost += not waits
            tally.cut_off += len(talk.heard) > len(waits)
            await talk.until(partial(talk.answered_after, answered), ANSWER_SECS)
            await asyncio.sleep(CALM_SECS)

    await hold(corpus, STRATEGIES[name], script, work)


async def interject(corpus: Corpus, part: Part, silenced: list[float]) -> bool | None:
    """Say something into the agent's words, and note how soon it stopped.

    Returns:
        Whether it stopped; None where it had said nothing into which one could have spoken.
    """
    question = corpus.question
    stopped: bool | None = None

    async def work(talk: Talk) -> None:
        nonlocal stopped
        await talk.say(question)
        out = talk.caller.transport.out
        if not await talk.until(lambda: out.heard_secs > SPOKEN_SECS):
            return
        began = time.monotonic()
        await talk.say(part)
        await talk.until(lambda: bool(talk.caller.of(AgentSaid)), 2.5)
        said = talk.caller.of(AgentSaid)
        stopped = bool(said and said[0].interrupted)
        if stopped:
            # Until the pause in which it fell silent.
            ends = [end for _, end in out.sounds]
            begins = [*(begin for begin, _ in out.sounds[1:]), time.monotonic()]
            after = [end for end, begin in zip(ends, begins, strict=True) if end > began and begin - end > GAP_SECS]
            silenced.extend(end - began for end in after[:1])

    await hold(corpus, "smart", Script(otherwise=Reply(corpus.story)), work)
    return stopped


async def limited(works: Sequence[Awaitable[Any]]) -> list[Any]:
    """Await some at once."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(work: Awaitable[Any]) -> Any:
        async with free:
            return await work

    return await asyncio.gather(*(one(work) for work in works))


async def measure(paths: Sequence[Path]) -> None:
    """Hold the calls and print what was measured."""
    corpora = [await read(path, yaml.safe_load(path.read_text(encoding="utf-8"))) for path in paths]
    tallies = {(corpus.language, name): Tally() for corpus, name in itertools.product(corpora, STRATEGIES)}
    await limited([measure_turns(corpus, name, tallies[corpus.language, name]) for corpus, name in pairs(corpora)])
    click.echo("turns: cut off, and the wait behind the others' last word")
    for (language, name), tally in tallies.items():
        count = len(tally.waits) + tally.lost
        waits = sorted(tally.waits) or [0.0]
        click.echo(
            f"  {language:6}{name:10}{count:3} turns   cut off {tally.cut_off:2}   "
            f"p50 {share(waits, 0.5) * 1000:5.0f} ms   p95 {share(waits, 0.95) * 1000:5.0f} ms   lost {tally.lost}"
        )
    click.echo("interruptions, as a file has them that says nothing of them")
    for corpus in corpora:
        silenced: list[float] = []
        passing = await limited([interject(corpus, part, []) for part in corpus.passing])
        meant = await limited([interject(corpus, part, silenced) for part in corpus.meant])
        unasked = [*passing, *meant].count(None)
        stopped = [part.words for part, each in zip(corpus.passing, passing, strict=True) if each]
        missed = [part.words for part, each in zip(corpus.meant, meant, strict=True) if each is False]
        click.echo(f"  {corpus.language:6}false {len(stopped)} of {len(passing)} {stopped or ''}")
        click.echo(f"  {corpus.language:6}missed {len(missed)} of {len(meant)} {missed or ''}")
        late = sorted(silenced) or [0.0]
        times = f"p50 {share(late, 0.5):.3f} s, p95 {share(late, 0.95):.3f} s"
        click.echo(f"  {corpus.language:6}silent after {times}; not tried: {unasked}")


def pairs(corpora: Sequence[Corpus]) -> Iterator[tuple[Corpus, str]]:
    """Yield each corpus with each strategy."""
    return itertools.product(corpora, STRATEGIES)


@click.command()
@click.argument("corpora", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(corpora: tuple[Path, ...]) -> None:
    """Measure who ends turns and what interrupts, on CORPORA: files as those in tests/calls/turns, which are usual."""
    # A server tells of each stream that a call has left.
    logging.disable(logging.ERROR)
    asyncio.run(measure(corpora or sorted(CORPORA.glob("*.yaml"))))


if __name__ == "__main__":
    main()
