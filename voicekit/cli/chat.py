"""The verb `chat`: the agent of a file, written to in the terminal."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from voicekit.calls.emulate import Emulate
from voicekit.cli.options import overriding
from voicekit.cli.terminal import show
from voicekit.config.agent import Agent
from voicekit.config.files import read_file, variables_beside
from voicekit.problems import Refused
from voicekit.providers.catalog import catalog
from voicekit.records.events import Event

PROMPT = "you     "


@click.command("chat")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--emulate", is_flag=True, help="Emulate the model: no key, and answers from FILE.test.yaml.")
@overriding
def command(path: Path, emulate: bool, overrides: tuple[str, ...]) -> None:
    """Write to the agent of FILE, a line a turn, until it hangs up or the input ends (Ctrl-D).

    It is the agent that answers calls, with its model, its prompt and its tools, but for its ears and its voice: their
    keys are not needed. With --emulate the model's answers are those of FILE.test.yaml, and a tool answers with its
    'mock'.
    """
    # Pipecat logs a banner and every prompt unless told not to.
    os.environ.setdefault("LOGURU_AUTOINIT", "0")
    loaded = read_file(path, running=not emulate, overrides=overrides, variables_of=_staged if emulate else _deaf)
    show(loaded.problems, loaded.sources)
    if loaded.agent is None:
        sys.exit(1)
    try:
        asyncio.run(_talk(loaded.agent, path, emulate=emulate))
    except Refused as refused:
        show(refused.problems, loaded.sources)
        sys.exit(1)


def _staged(folder: Path) -> Mapping[str, str]:
    from voicekit.calls.stage import stage_variables  # noqa: PLC0415

    return stage_variables(variables_beside(folder))


def _deaf(folder: Path) -> Mapping[str, str]:
    """Return the variables of a folder, with something in those that only an ear or a voice needs."""
    entries = [entry for entry in catalog().providers() if entry.kind in ("asr", "tts")]
    unused = {variable: "unused" for entry in entries for variable in entry.must_set}
    models = [entry for entry in catalog().providers() if entry.kind in ("llm", "realtime")]
    for variable in (variable for entry in models for variable in entry.must_set):
        unused.pop(variable, None)
    return unused | dict(variables_beside(folder))


def _ignore(_event: Event) -> None:
    """Hear of nothing: what is shown comes from the agent's messages, in their order."""


async def _talk(agent: Agent, path: Path, *, emulate: bool) -> None:
    from voicekit.calls.evals import telling, written  # noqa: PLC0415
    from voicekit.calls.typist import typing  # noqa: PLC0415
    from voicekit.runtime.host import Host  # noqa: PLC0415
    from voicekit.server.app import make_app  # noqa: PLC0415
    from voicekit.server.serving import serving  # noqa: PLC0415

    screen = Screen()
    async with _ready(written(agent), path, emulate=emulate) as ready:
        said = telling(ready.emulate) if ready.emulate else None
        host = Host(ready.agent, path.parent, mocked=emulate, told=said)
        await host.warm_up()
        async with serving(make_app(host, lambda: _ignore)) as address, typing(address) as typist:
            shown = asyncio.create_task(screen.show(typist.messages()))
            if agent.greeting:
                await screen.answered()
            while not screen.ended and (text := await asyncio.to_thread(_line)) is not None:
                if text.strip():
                    screen.expect()
                    await typist.say(text)
                    await screen.answered()
        await shown


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that can be talked to, and what a file of tests says of it where it is emulated."""

    agent: Agent
    emulate: Emulate | None = None


@asynccontextmanager
async def _ready(agent: Agent, path: Path, *, emulate: bool) -> AsyncIterator[Ready]:
    if not emulate:
        yield Ready(agent)
        return
    from voicekit.calls.scene import scene_beside  # noqa: PLC0415
    from voicekit.calls.stage import staged  # noqa: PLC0415

    scene, told = scene_beside(path)
    async with staged(agent, scene) as stage:
        yield Ready(stage.agent, told)


def _line() -> str | None:
    """Return the next line that is written, or None at the end of the input."""
    try:
        return input(PROMPT if sys.stdin.isatty() else "")
    except EOFError:
        return None


@dataclass
class Screen:
    """Shows one conversation: what the agent says as it comes, and its tools.

    Attributes:
        ended: Whether the call is over.
    """

    ended: bool = False
    _done: asyncio.Event = field(default_factory=asyncio.Event)
    # What of an answer has been shown, and the lines that wait for its end.
    _shown: str = ""
    _behind: list[str] = field(default_factory=list)
    # The tools that run, and whether the model has still to answer to a result.
    _running: int = 0
    _owing: bool = False

    async def answered(self) -> None:
        """Wait until the agent has answered, hung up or failed."""
        await self._done.wait()

    def expect(self) -> None:
        """Begin to wait: only what comes from now on is an answer."""
        self._done.clear()

    async def show(self, messages: AsyncIterator[dict[str, Any]]) -> None:
        """Show the agent's messages until the call ends."""
        async for message in messages:
            self._take(message.get("type"), message.get("data") or {})
        self._close()
        self.ended = True
        self._done.set()

    def _take(self, kind: str | None, data: Mapping[str, Any]) -> None:
        match kind:
            case "bot-llm-started":
                # While a tool runs it is a line about the tool.
                self._owing = self._owing and self._running > 0
            case "bot-llm-text":
                click.echo(data["text"] if self._shown else f"agent   {data['text']}", nl=False)
                self._shown += data["text"]
            case "bot-llm-stopped":
                answered = bool(self._shown) and not self._owing
                self._close()
                if answered:
                    self._done.set()
            case "llm-function-call-started":
                self._owing = True
                self._running += 1
            case "llm-function-call-in-progress":
                self._print(f"tool    {data['function_name']}({_arguments(data['arguments'])})")
            case "llm-function-call-stopped":
                self._running -= 1
                self._print(f"        {'cancelled' if data['cancelled'] else _as_json(data.get('result'))}")
            case "server-message" if data.get("type") == "problem":
                self._close()
                click.echo(f"trouble: {data['text']}", err=True)
                self._done.set()

    def _print(self, line: str) -> None:
        """Print a line, behind the words that are being shown."""
        if self._shown:
            self._behind.append(line)
        else:
            click.echo(line)

    def _close(self) -> None:
        if self._shown:
            click.echo()
        for line in self._behind:
            click.echo(line)
        self._shown, self._behind = "", []


def _arguments(given: object) -> str:
    if not isinstance(given, dict):
        return ""
    return ", ".join(f"{name}={_as_json(value)}" for name, value in given.items())


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
