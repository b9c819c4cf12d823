"""Faults: what a caller hears, and what the operator reads, when a provider fails for the whole of a call.

`python -m tests.calls.faults` holds a call for each provider that is emulated and each fault, alone and with another
vendor's behind it in a list, and writes the table to tests/faults.md. All time limits are those of a file that says
nothing of them.
"""

import asyncio
import itertools
import re
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from tests.runtime.memory_line import Caller, calling
from tests.services.embedded import SILENCE, speech
from voicekit.calls.scene import Scene
from voicekit.calls.stage import stage_variables, staged
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.config.services import Service
from voicekit.emulators.script import Reply, Script
from voicekit.emulators.side_channel import fault_of
from voicekit.records.events import AgentFilled, AgentSaid, CallEnded, Restarted, TakenOver, Trouble
from voicekit.runtime.construct import service_class

TABLE: Final = Path(__file__).parent.parent / "faults.md"
TITLE: Final = """\
# What is heard when a provider fails

Written by `python -m tests.calls.faults`; a test holds what ends each wait, whether it is reported, and the bound of
the times. Each row is one call in which a provider has the fault from beginning to end, alone or first in a list with
another vendor's behind it. `error`, `drop`,
`hang` and `garbage` come after so many messages; `unreachable` is a port on which nobody listens. The longest silence
is the caller's, at his ear: from his last word on, the end of his turn included, until the last sound.

"""
HEADER: Final = ("provider", "fault", "who", "heard", "longest silence, ms", "turn kept", "reported")
HEAD: Final = "version: 1\nname: desk\nprompt: Be brief.\nfailure: {say: That did not work., goodbye: Goodbye.}\n"
ASR: Final = "asr: {asr}\nllm: openai\ntts: {{provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}}\n"
LLM: Final = "asr: deepgram\nllm: {llm}\ntts: {{provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}}\n"
TTS: Final = "asr: deepgram\nllm: openai\ntts: {tts}\n"
VOICE: Final = "{provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}"
FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "deepgram": (ASR.format(asr="deepgram"), ASR.format(asr="[deepgram, openai]")),
    "deepgram-flux": (ASR.format(asr="deepgram-flux"), ASR.format(asr="[deepgram-flux, openai]")),
    "openai-asr": (ASR.format(asr="openai"), ASR.format(asr="[openai, deepgram]")),
    "openai": (LLM.format(llm="openai"), LLM.format(llm="[openai, anthropic]")),
    "anthropic": (LLM.format(llm="anthropic"), LLM.format(llm="[anthropic, openai]")),
    "elevenlabs": (TTS.format(tts=VOICE), TTS.format(tts=f"[{VOICE}, openai]")),
    "openai-tts": (TTS.format(tts="openai"), TTS.format(tts=f"[openai, {VOICE}]")),
    "openai-realtime": ("realtime: openai/gpt-realtime\n",),
}
# A timer ends the turn, where nobody else does: the model that would is slow where many calls are held at once.
TURN: Final = "turn: {end: fixed, wait_ms: 700}\n"
ENDS_TURNS: Final = ("deepgram-flux", "openai-realtime")
KINDS: Final = {"deepgram": "asr", "deepgram-flux": "asr", "openai-asr": "asr", "openai-realtime": "realtime"} | {
    "openai": "llm",
    "anthropic": "llm",
    "elevenlabs": "tts",
    "openai-tts": "tts",
}
NONE: Final = "none"
UNREACHABLE: Final = "unreachable"
FAULTS: Final[tuple[object, ...]] = (
    {"refuse": 401},
    {"refuse": 500},
    UNREACHABLE,
    {"error": 0},
    {"drop": 3},
    {"hang": 0},
    {"hang": 3},
    {"garbage": 3},
    {"slow_ms": 100},
)
# For the whole of a call.
AGAIN: Final = 40
# Which the model that ends turns takes for whole, as it does not each that is spoken by flite.
QUESTION: Final = "What time is it?"
LINE: Final = "That did not work."
GOODBYE: Final = "Goodbye."
ANSWER: Final = "And a very good day to you."
LIMIT_SECS: Final = 20.0
CALM_SECS: Final = 1.0
STEP_SECS: Final = 0.1
# More in one process, and a detector of speech falls behind the speech.
AT_ONCE: Final = 6
PROCESSES: Final = 2


@dataclass(frozen=True)
class Row:
    """A call, and what came of it.

    Attributes:
        emulator: Whose fault.
        fault: As in a file of tests.
        listed: Whether there is somebody behind it.
        heard: `answer`, `part` of it, `filler`, `line` for that of `failure`, `goodbye`, in order.
        silence_ms: The longest silence.
        told: What is reported, with `#` for what differs.
    """

    emulator: str
    fault: object
    listed: bool
    heard: tuple[str, ...] = ()
    silence_ms: int = 0
    told: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether the caller has his answer."""
        return "answer" in self.heard

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        fault = " ".join(f"{key} {value}" for key, value in self.fault.items()) if isinstance(self.fault, dict) else ""
        who = "alone" if not self.listed else "first of two"
        told = "<br>".join(text.replace("|", "\\|") for text in self.told)
        heard = ", ".join(self.heard) or "nothing"
        kept = "yes" if self.kept else "no"
        return self.emulator, fault or UNREACHABLE, who, heard, str(self.silence_ms), kept, told


def rows() -> Iterator[Row]:
    """Yield the calls that are to be held."""
    for emulator, files in FILES.items():
        for fault, at in itertools.product(FAULTS, range(len(files))):
            yield Row(emulator, fault, at == 1)


def agent_of(row: Row, folder: Path) -> Agent:
    """Return the agent that is called."""
    turn = "" if row.emulator in ENDS_TURNS else TURN
    data = (HEAD + turn + FILES[row.emulator][row.listed]).encode()
    loaded = load(folder / "desk.yaml", stage_variables({}), running=True, data=data)
    assert loaded.agent is not None, loaded.problems
    return loaded.agent


async def hold(row: Row, folder: Path) -> Row:
    """Hold one call with a fault; return what came of it."""
    async with asked(row, agent_of(row, folder), folder) as caller:
        await settled(caller)
        return replace(row, heard=heard_by(caller), silence_ms=silence_of(caller), told=told_by(caller))


@asynccontextmanager
async def asked(row: Row, called: Agent, folder: Path) -> AsyncIterator[Caller]:
    """Call an agent whose provider has a fault, and ask it a question."""
    faults = {row.emulator: [fault_of(row.fault)] * AGAIN} if row.fault not in (NONE, UNREACHABLE) else {}
    said = (await speech(QUESTION))[len(SILENCE) : -len(SILENCE)]
    scene = Scene(Script(otherwise=Reply(ANSWER)), faults=faults)
    async with staged(called, scene) as stage:
        agent = stage.agent if row.fault != UNREACHABLE else _unreachable(stage.agent, KINDS[row.emulator])
        async with calling(agent, folder) as caller:
            # What is not live when somebody calls has failed by now: the same of it every time.
            await asyncio.sleep(STEP_SECS)
            stage.announce(QUESTION, len(said) / 32000)
            caller.speak(said)
            yield caller


def _unreachable(agent: Agent, kind: str) -> Agent:
    """Return a file whose first service of a kind is at an address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"

    def moved(service: Service) -> Service:
        endpoint = re.sub(r"127\.0\.0\.1:\d+", nobody, str(service.options["endpoint"]))
        return replace(service, options={**service.options, "endpoint": endpoint})

    services = getattr(agent, kind)
    if kind == "realtime":
        return agent.model_copy(update={kind: moved(services)})
    return agent.model_copy(update={kind: (moved(services[0]), *services[1:])})


async def settled(caller: Caller) -> None:
    """Wait until the caller has been answered, or told that he will not be, and it has been calm since."""
    heard, calm = 0.0, 0.0
    for _ in range(int(LIMIT_SECS / STEP_SECS)):
        await asyncio.sleep(STEP_SECS)
        now = caller.transport.out.heard_secs
        calm = calm + STEP_SECS if now == heard else 0.0
        heard = now
        if caller.of(CallEnded) or (calm >= CALM_SECS and {"answer", "line", "goodbye"} & {*heard_by(caller)}):
            return


def heard_by(caller: Caller) -> tuple[str, ...]:
    """Return what was heard, in order."""
    lines = {LINE: "line", GOODBYE: "goodbye"}
    heard, said = [], ""
    for event in caller.events:
        if isinstance(event, AgentFilled):
            heard.append(lines.get(event.text, "filler"))
        elif isinstance(event, AgentSaid) and event.text:
            # What two voices have said of it are two events.
            said = f"{said} {event.text}".strip()
            heard.append("answer" if ANSWER in said else "part")
    return tuple(heard) if caller.transport.out.sounds else ()


def answer_secs(caller: Caller) -> float:
    """Return how long after the caller's last word his answer began: the last sound with a pause before it."""
    sounds = [sound for sound in caller.transport.out.sounds if sound[0] > caller.spoken_at]
    ends = [caller.spoken_at, *(end for _, end in sounds)]
    begins = [begin for (begin, _), end in zip(sounds, ends, strict=False) if begin - end > STEP_SECS]
    return begins[-1] - caller.spoken_at


def silence_of(caller: Caller) -> int:
    """Return the longest silence between the caller's last word and the last sound, in ms."""
    sounds = [each for each in caller.transport.out.sounds if each[1] > caller.spoken_at]
    ends = [caller.spoken_at, *(end for _, end in sounds)]
    begins = [begin for begin, _ in sounds] or [time.monotonic()]
    return round(max(begin - end for end, begin in zip(ends, begins, strict=False)) * 1000)


def told_by(caller: Caller) -> tuple[str, ...]:
    """Return what was reported, each once."""
    told = []
    for event in caller.events:
        if isinstance(event, Trouble):
            told.append(f"{event.source}: {event.text}")
        elif isinstance(event, TakenOver):
            told.append(f"{event.old} → {event.new}: {event.reason}")
        elif isinstance(event, Restarted):
            told.append(f"{event.source} restarted")
    return tuple(dict.fromkeys(_plain(text) for text in told))


def _plain(text: str) -> str:
    """Return a text without what is different every time."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=#)\d+|(?<=:)\d{4,5}|(?<=', )\d{4,5}|(?<=port )\d{4,5}", "#", text)


def held(wanted: Iterable[Row]) -> list[Row]:
    """Hold calls, some at once in each of a few processes; return what came of them."""
    every = list(wanted)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        shares = list(processes.map(_held, [every[at::PROCESSES] for at in range(PROCESSES)]))
    return [shares[at % PROCESSES][at // PROCESSES] for at in range(len(every))]


def _held(wanted: Sequence[Row]) -> list[Row]:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(row: Row, folder: Path) -> Row:
        async with free:
            return await hold(row, folder)

    async def every() -> list[Row]:
        with tempfile.TemporaryDirectory() as folder:
            for row in wanted:
                # An SDK takes a second to import, in which no other call would go on.
                for service in agent_of(row, Path(folder)).services:
                    service_class(service)
            return list(await asyncio.gather(*(one(row, Path(folder)) for row in wanted)))

    return asyncio.run(every())


def written(found: Sequence[Row]) -> str:
    """Return the table."""
    lines = [HEADER, tuple("---" for _ in HEADER), *(row.cells() for row in found)]
    return TITLE + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    TABLE.write_text(written(held(rows())), encoding="utf-8")
