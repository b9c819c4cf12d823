"""A list of models: whatever the first does, the caller's turn is answered once, by whoever can."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.workers.runner import WorkerRunner

from voicekit.records.events import Event, Trouble
from voicekit.runtime import failover
from voicekit.runtime.failover import FailoverLLM

PATIENT_SECS = 8.0
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def speaking(words: str, *, after: asyncio.Event | None = None) -> Answer:
    """An OpenAI-compatible endpoint that streams these words."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if after is not None:
            await after.wait()
        for word in words.split():
            chunk = {
                "id": "1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": f"{word} "}, "finish_reason": None}],
            }
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    return answer


def refusing(status: int) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "no"}}, status=status)

    return answer


@asynccontextmanager
async def endpoint(answer: Answer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


class Heard(FrameProcessor):
    """Keeps what the models say, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.ends: asyncio.Queue[str] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMFullResponseStartFrame):
            self.said.append("<")
        elif isinstance(frame, LLMTextFrame):
            self.said.append(frame.text.strip())
        elif isinstance(frame, LLMFullResponseEndFrame):
            self.said.append(">")
            self.ends.put_nowait(" ".join(self.said))
        await self.push_frame(frame, direction)


class Line:
    """A pipeline of a list of models, asked as a user aggregator would."""

    def __init__(self, urls: list[str], first_word_secs: float) -> None:
        self.events: list[Event] = []
        self.errors: asyncio.Queue[str] = asyncio.Queue()
        self.models = [self._model(url) for url in urls]
        self.heard = Heard()
        self.llm = FailoverLLM(list(self.models), first_word_secs, self.events.append)
        self.worker = PipelineWorker(Pipeline([self.llm, self.heard]), enable_rtvi=False, idle_timeout_secs=None)

        async def failed(_worker: object, frame: Frame) -> None:
            self.errors.put_nowait(str(getattr(frame, "error", "")))

        self.worker.add_event_handler("on_pipeline_error", failed)

    @staticmethod
    def _model(url: str) -> OpenAILLMService:
        model = OpenAILLMService(api_key="x", base_url=url, settings=OpenAILLMService.Settings(model="m"))
        # The SDK's own retries only make a failure later.
        model._client = model._client.with_options(max_retries=0)
        return model

    async def ask(self, text: str) -> None:
        await self.worker.queue_frame(LLMContextFrame(LLMContext([{"role": "user", "content": text}])))

    async def answer(self, ending: str) -> str:
        async with asyncio.timeout(10):
            while not (said := await self.heard.ends.get()).endswith(ending):
                pass
        return said

    def trouble(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Trouble)]


@asynccontextmanager
async def line(urls: list[str], first_word_secs: float = PATIENT_SECS) -> AsyncIterator[Line]:
    made = Line(urls, first_word_secs)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(made.worker)
    running = asyncio.create_task(runner.run())
    try:
        yield made
    finally:
        await made.worker.cancel()
        await running
        for model in made.models:
            await model._client.close()


async def test_the_first_answers_while_it_can() -> None:
    async with (
        endpoint(speaking("one two")) as first,
        endpoint(speaking("three")) as second,
        line([first, second]) as call,
    ):
        await call.ask("hello")
        assert await call.answer(">") == "< one two >"
        assert call.trouble() == []


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_an_error_hands_the_turn_to_the_next(status: int) -> None:
    async with (
        endpoint(refusing(status)) as first,
        endpoint(speaking("from two")) as second,
        line([first, second]) as call,
    ):
        await call.ask("hello")
        assert await call.answer("two >") == "< > < from two >"
        failed, took_over = call.trouble()
        assert failed.startswith("OpenAI failed: Error during completion: Error code: ")
        assert str(status) in failed
        assert took_over == "OpenAI takes over"
        await call.ask("again")
        assert await call.answer("two >") == "< > < from two > < from two >"


async def test_a_refused_connection_hands_the_turn_to_the_next() -> None:
    async with endpoint(speaking("from two")) as second, line(["http://127.0.0.1:9/v1", second]) as call:
        await call.ask("hello")
        assert await call.answer("two >") == "< > < from two >"


async def test_a_slow_model_is_stopped_and_the_next_is_asked() -> None:
    never = asyncio.Event()
    async with (
        endpoint(speaking("too late", after=never)) as first,
        endpoint(speaking("from two")) as second,
        line([first, second], 0.4) as call,
    ):
        await call.ask("hello")
        assert await call.answer("two >") == "< > < from two >"
        assert call.trouble() == ["OpenAI was too slow: no word within 0.4 s", "OpenAI takes over"]
        never.set()


async def test_when_all_fail_the_turn_has_failed() -> None:
    async with endpoint(refusing(500)) as first, endpoint(refusing(503)) as second, line([first, second]) as call:
        await call.ask("hello")
        async with asyncio.timeout(10):
            assert "503" in await call.errors.get()
        assert call.errors.empty()


async def test_the_last_one_is_waited_for_longer_but_may_not_hang_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "LAST_SECS", 1.5)
    never = asyncio.Event()
    async with (
        endpoint(refusing(500)) as first,
        endpoint(speaking("x", after=never)) as second,
        line([first, second], 0.4) as call,
    ):
        await call.ask("hello")
        async with asyncio.timeout(10):
            assert await call.errors.get() == "no word within 1.5 s"
        never.set()


async def test_one_model_alone_may_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "LAST_SECS", 0.6)
    never = asyncio.Event()
    async with endpoint(speaking("x", after=never)) as only, line([only], 0.4) as call:
        await call.ask("hello")
        async with asyncio.timeout(10):
            assert await call.errors.get() == "no word within 0.6 s"
        never.set()


async def test_one_model_alone_whose_key_is_refused_fails_every_turn_aloud() -> None:
    async with endpoint(refusing(401)) as only, line([only]) as call:
        for _ in range(2):
            await call.ask("hello")
            async with asyncio.timeout(10):
                assert "401" in await call.errors.get()


async def test_a_model_that_failed_once_is_asked_again_when_the_next_one_fails() -> None:
    answers = {"first": [refusing(500), speaking("one again")], "second": [speaking("two"), refusing(500)]}

    def next_of(name: str) -> Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await answers[name].pop(0)(request)

        return answer

    async with (
        endpoint(next_of("first")) as first,
        endpoint(next_of("second")) as second,
        line([first, second]) as call,
    ):
        await call.ask("hello")
        assert await call.answer("two >") == "< > < two >"
        await call.ask("and now?")
        assert await call.answer("again >") == "< > < two > < > < one again >"
