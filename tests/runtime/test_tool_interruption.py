"""Tools when the caller interrupts, in Pipecat's own pipeline: given up, or going on beside the talk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pipecat.frames.frames import Frame, InterruptionFrame, LLMMessagesAppendFrame, LLMTextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from voicekit.config.loader import load
from voicekit.records.events import Event, ToolFinished
from voicekit.report import render
from voicekit.runtime.construct import construct
from voicekit.runtime.functions import find
from voicekit.runtime.resources import Resources
from voicekit.runtime.tools import Toolbox

FILE = """
version: 1
name: desk
asr: deepgram
llm: {provider: rules, rules: [{hear: go, tool: slow, say: "It is {{result.status}}."}]}
tts: auto
tools: {slow: {python: "desk:slow", cancel_on_interruption: CANCELS}}
"""
DESK = """
import asyncio
began, gate, broken = asyncio.Event(), asyncio.Event(), asyncio.Event()

async def slow():
    began.set()
    try:
        await gate.wait()
    except asyncio.CancelledError:
        broken.set()
        raise
    return {"status": "done"}

async def has_begun():
    await began.wait()

async def is_broken_off():
    await broken.wait()

async def let_go():
    gate.set()
"""


class Ear(FrameProcessor):
    """Hears what is said, and interruptions."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self.interrupted, self.spoken = asyncio.Event(), asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self.interrupted.set()
        if isinstance(frame, LLMTextFrame):
            self.words += frame.text
            if self.words.endswith("."):
                self.spoken.set()
        await self.push_frame(frame, direction)


class Talk:
    """A running pipeline with one tool, and what can be asked of it."""

    def __init__(self, folder: Path, cancels: str, resources: Resources) -> None:
        (folder / "desk.py").write_text(DESK, encoding="utf-8")
        text = FILE.replace("CANCELS", cancels)
        loaded = load(folder / "agent.yaml", {"DEEPGRAM_API_KEY": "x"}, running=True, data=text.encode())
        assert loaded.agent, render(loaded.problems, loaded.sources)
        self.events: list[Event] = []
        functions = Toolbox(loaded.agent, folder, resources.network).functions(lambda: None, self.events.append)
        self.context = LLMContext(tools=[*functions])
        pair = LLMContextAggregatorPair(self.context)
        self.ear = Ear()
        llm = construct(loaded.agent, loaded.agent.llm[0], resources)
        self.worker = PipelineWorker(Pipeline([pair.user(), llm, self.ear, pair.assistant()]), enable_rtvi=False)
        self._folder = folder

    def desk(self, name: str) -> Awaitable[None]:
        function: Callable[[], Awaitable[None]] = find(f"desk:{name}", self._folder)
        return function()

    async def interrupted_tool(self) -> None:
        message: Any = {"role": "user", "content": "go"}
        await self.worker.queue_frame(LLMMessagesAppendFrame(messages=[message], run_llm=True))
        await self.desk("has_begun")
        await self.worker.queue_frame(InterruptionFrame())
        await self.ear.interrupted.wait()


@asynccontextmanager
async def talking(folder: Path, cancels: str) -> AsyncIterator[Talk]:
    resources = Resources()
    talk = Talk(folder, cancels, resources)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(talk.worker)
    running = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(10):
            yield talk
    finally:
        await runner.cancel()
        await running
        await resources.close()


async def test_a_tool_is_given_up_when_the_caller_interrupts(tmp_path: Path) -> None:
    async with talking(tmp_path, "true") as talk:
        await talk.interrupted_tool()
        await talk.desk("is_broken_off")
        assert talk.ear.words == ""
        assert talk.events == []


async def test_a_tool_goes_on_beside_the_talk_where_the_file_says_so(tmp_path: Path) -> None:
    async with talking(tmp_path, "false") as talk:
        await talk.interrupted_tool()
        await talk.desk("let_go")
        await talk.ear.spoken.wait()
        assert talk.ear.words == "It is done."
        [finished] = talk.events
        assert isinstance(finished, ToolFinished)
        assert not finished.failed
