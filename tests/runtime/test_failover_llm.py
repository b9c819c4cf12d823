"""A list of models: whatever the first does, the caller's turn is answered once, by whoever can."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
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

from voicekit.config.failure import Fallback
from voicekit.config.services import Service
from voicekit.problems import Place
from voicekit.providers.catalog import catalog
from voicekit.records.events import Event, TakenOver, Trouble
from voicekit.runtime.clients import ask_once
from voicekit.runtime.failover_llm import FailoverLLM
from voicekit.runtime.succession import Terms

PATIENT_SECS = 8.0
NAMES = ("one", "two")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def speaking(words: str, *, after: asyncio.Event | None = None) -> Answer:
    """An OpenAI-compatible endpoint that streams these words."""

    return streaming([f"{word} " for word in words.split()], before=after)


def streaming(words: list[str], after: asyncio.Event | None = None, before: asyncio.Event | None = None) -> Answer:
    """An OpenAI-compatible endpoint that streams these tokens; what it waits for before and after them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if before is not None:
            await before.wait()
        for word in words:
            chunk = {
                "id": "1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}],
            }
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        if after is not None:
            await after.wait()
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


def section(name: str, timeout_secs: float) -> Service:
    provider = catalog().find("llm", "openai")
    assert provider is not None
    return Service("llm", provider, {"model": name}, Place("agent.yaml", 1, 1), given_secs=timeout_secs)


class Line:
    """A pipeline of a list of models, asked as a user aggregator would."""

    def __init__(self, urls: list[str], first_word_secs: float, timeout_secs: float) -> None:
        self.events: list[Event] = []
        self.errors: asyncio.Queue[str] = asyncio.Queue()
        self.models = [self._model(url) for url in urls]
        self.heard = Heard()
        sections = [section(name, timeout_secs) for name in NAMES[: len(urls)]]
        self.terms = Terms("llm", sections, Fallback(llm_ms=round(first_word_secs * 1000)), self.events.append)
        self.llm = FailoverLLM(list(self.models), self.terms)
        self.worker = PipelineWorker(Pipeline([self.llm, self.heard]), enable_rtvi=False, idle_timeout_secs=None)

        async def failed(_worker: object, frame: Frame) -> None:
            self.errors.put_nowait(str(getattr(frame, "error", "")))

        self.worker.add_event_handler("on_pipeline_error", failed)

    @staticmethod
    def _model(url: str) -> OpenAILLMService:
        model = OpenAILLMService(api_key="x", base_url=url, settings=OpenAILLMService.Settings(model="m"))
        ask_once(model)
        return model

    async def ask(self, text: str) -> None:
        await self.worker.queue_frame(LLMContextFrame(LLMContext([{"role": "user", "content": text}])))

    async def answer(self, ending: str) -> str:
        async with asyncio.timeout(10):
            while not (said := await self.heard.ends.get()).endswith(ending):
                pass
        return said

    def taken_over(self) -> list[tuple[str, str, str]]:
        return [(event.old, event.new, event.reason) for event in self.events if isinstance(event, TakenOver)]


@asynccontextmanager
async def line(
    urls: list[str], first_word_secs: float = PATIENT_SECS, timeout_secs: float = PATIENT_SECS
) -> AsyncIterator[Line]:
    made = Line(urls, first_word_secs, timeout_secs)
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
        assert call.taken_over() == []


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_an_error_hands_the_turn_to_the_next(status: int) -> None:
    async with (
        endpoint(refusing(status)) as first,
        endpoint(speaking("from two")) as second,
        line([first, second]) as call,
    ):
        await call.ask("hello")
        assert await call.answer("two >") == "< > < from two >"
        [(old, new, reason)] = call.taken_over()
        assert (old, new) == ("openai/one", "openai/two")
        assert reason.startswith("Error during completion: Error code: ")
        assert str(status) in reason
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
        assert call.taken_over() == [("openai/one", "openai/two", "no word within 0.4 s")]
        never.set()


async def test_when_all_fail_the_turn_has_failed() -> None:
    async with endpoint(refusing(500)) as first, endpoint(refusing(503)) as second, line([first, second]) as call:
        await call.ask("hello")
        async with asyncio.timeout(10):
            assert "503" in await call.errors.get()
        assert call.errors.empty()


async def test_the_last_one_is_waited_for_longer_but_may_not_hang_either() -> None:
    never = asyncio.Event()
    async with (
        endpoint(refusing(500)) as first,
        endpoint(speaking("x", after=never)) as second,
        line([first, second], 0.4, 1.5) as call,
    ):
        await call.ask("hello")
        async with asyncio.timeout(10):
            assert await call.errors.get() == "no word within 1.5 s"
        never.set()


async def test_one_model_alone_may_not_hang() -> None:
    never = asyncio.Event()
    async with endpoint(speaking("x", after=never)) as only, line([only], 0.4, 0.6) as call:
        await call.ask("hello")
        async with asyncio.timeout(10):
            assert await call.errors.get() == "no word within 0.6 s"
        never.set()


async def test_one_model_alone_is_asked_a_second_time_after_an_error_and_no_third_time() -> None:
    asked = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await (speaking("after all") if asked == 2 else refusing(503))(request)

    async with endpoint(answer) as only, line([only]) as call:
        await call.ask("hello")
        assert await call.answer("all >") == "< > < after all >"
        assert [names for *names, _ in call.taken_over()] == [["openai/one", "openai/one"]]
        asked = 2
        await call.ask("and now?")
        async with asyncio.timeout(10):
            assert "503" in await call.errors.get()
        assert asked == 4


@pytest.mark.parametrize("words", ["", " \n "])
async def test_an_answer_without_words_has_failed(words: str) -> None:
    async with (
        endpoint(streaming([words])) as first,
        endpoint(speaking("from two")) as second,
        line([first, second]) as call,
    ):
        await call.ask("hello")
        assert (await call.answer("two >")).endswith("> < from two >")
        assert call.taken_over() == [("openai/one", "openai/two", "its answer has no words")]


async def test_who_falls_silent_in_the_middle_has_failed() -> None:
    never = asyncio.Event()
    async with (
        endpoint(streaming(["Well", " then"], never)) as first,
        endpoint(speaking("from two")) as second,
        line([first, second], 0.4) as call,
    ):
        await call.ask("hello")
        assert await call.answer("two >") == "< Well then > < from two >"
        assert call.taken_over() == [("openai/one", "openai/two", "no more words for 0.4 s")]
        never.set()


async def test_errors_in_a_row_are_counted_where_the_file_says_so() -> None:
    async with (
        endpoint(refusing(500)) as first,
        endpoint(speaking("from two")) as second,
        line([first, second]) as call,
    ):
        call.llm.strategy.agree(replace(call.terms, fallback=Fallback(errors=2)))
        await call.ask("hello")
        assert await call.answer("two >") == "< > < > < from two >"
        assert [names for *names, _ in call.taken_over()] == [["openai/one"] * 2, ["openai/one", "openai/two"]]


@pytest.mark.parametrize("returns", [True, False])
async def test_the_first_is_tried_again_when_it_has_cooled_down(returns: bool) -> None:
    answers = [refusing(500), speaking("one again")]

    async def changing(request: web.Request) -> web.StreamResponse:
        return await answers.pop(0)(request)

    now = 1000.0
    async with (
        endpoint(changing) as first,
        endpoint(speaking("from two")) as second,
        line([first, second]) as call,
    ):
        fallback = Fallback(cool_down_secs=60, **{"return": returns})
        call.llm.strategy.agree(replace(call.terms, fallback=fallback, now=lambda: now))
        for at in (1000.0, 1059.0):
            now = at
            await call.ask("hello")
            await call.answer("two >")
        now = 1060.0
        await call.ask("hello")
        assert (await call.answer(">" if returns else "two >")).endswith("one again >" if returns else "two >")
        assert call.taken_over()[1:] == [("openai/two", "openai/one", "tried again after 60 s")] * returns


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


async def test_an_error_of_an_answer_that_was_interrupted_costs_nobody_anything() -> None:
    never = asyncio.Event()
    async with endpoint(streaming(["Well,"], after=never)) as url, line([url], PATIENT_SECS) as held:
        await held.ask("hello")
        while "Well," not in held.heard.said:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        await held.worker.queue_frame(InterruptionFrame())
        await held.answer(">")
        await held.models[0].push_error("the connection was lost")
        assert held.errors.empty()
        assert held.events == [Trouble("llm", "the connection was lost")]
        never.set()
