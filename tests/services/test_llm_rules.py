import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMessagesAppendFrame,
    LLMTextFrame,
    MetricsFrame,
)
from pipecat.metrics.metrics import ProcessingMetricsData, TTFBMetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators import async_tool_messages
from pipecat.processors.aggregators.llm_context import LLMContext, LLMSpecificMessage
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.workers.runner import WorkerRunner

from voicekit.config.hearing.phrase import parse
from voicekit.services.conversation import events
from voicekit.services.dialogue import Book, Called, Heard, Prompted, Rule, Said, Told
from voicekit.services.llm_rules import RulesLLMService

Handler = Callable[[FunctionCallParams], Awaitable[None]]

LONG = " ".join(f"word{number}" for number in range(200))
BOOK = Book(
    rules=(
        Rule(
            (parse("where is order {order_id:digits}"), parse("where is my order")),
            ask={"order_id": ("Which order number?",)},
            tool="lookup_order",
            with_={"verbose": "true", "shop": "Acme"},
            say=("Order {{order_id}} is {{result.status}}.",),
            failed=("I cannot reach the order desk just now.",),
        ),
        Rule((parse("tell me a story"),), say=(LONG,)),
        Rule((parse("hello"),), say=("Hello  {{caller.name:-you}}!\nWelcome.",)),
        Rule((parse("break"),), say=("{{never closed",)),
        Rule((parse("goodbye"),), tool="end_call", say=("Goodbye.",)),
    ),
    otherwise=("Sorry?", "Once more, please?"),
)


class Speaker(FrameProcessor):
    """Speaks a word in ten milliseconds, as a voice would, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.seen: list[str] = []
        self.metrics: list[type] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMTextFrame):
            await asyncio.sleep(0.01)
            self.words.append(frame.text)
        if isinstance(frame, LLMFullResponseStartFrame | LLMTextFrame | LLMFullResponseEndFrame):
            self.seen.append(type(frame).__name__)
        if isinstance(frame, MetricsFrame):
            self.metrics += [type(data) for data in frame.data]
        await self.push_frame(frame, direction)


class Call:
    """A running pipeline around the rules, and what can be done to it."""

    def __init__(self, handlers: Mapping[str, Handler], **options: Any) -> None:
        properties = {
            "order_id": {"type": "string"},
            "verbose": {"type": "boolean"},
        }
        tools = [
            FunctionSchema(name, "A tool.", properties, [], handler=handler, **options)
            for name, handler in handlers.items()
        ]
        self.context = LLMContext(tools=ToolsSchema(standard_tools=[*tools]))
        pair = LLMContextAggregatorPair(self.context)
        self.speaker = Speaker()
        self.llm = RulesLLMService(book=BOOK, values=lambda: {"caller": {"name": "Ann"}})
        self.errors: list[str] = []
        self.worker = PipelineWorker(
            Pipeline([pair.user(), self.llm, self.speaker, pair.assistant()]),
            params=PipelineParams(enable_metrics=True),
            enable_rtvi=False,
        )
        self.llm.add_event_handler("on_error", self._on_error)

    async def _on_error(self, _: FrameProcessor, error: ErrorFrame) -> None:
        self.errors.append(error.error)

    async def say(self, text: str) -> None:
        message: Any = {"role": "user", "content": text}
        await self.worker.queue_frame(LLMMessagesAppendFrame(messages=[message], run_llm=True))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - the context it asks about has no event
                await asyncio.sleep(0.005)

    async def until_said(self, text: str) -> None:
        await self.until(lambda: {"role": "assistant", "content": text} in self.context.get_messages())

    @property
    def messages(self) -> list[tuple[str, str]]:
        """Role and content of each message; the name and arguments of a tool call."""
        found = []
        for message in self.context.get_messages():
            fields: Any = message
            called = [call["function"] for call in fields.get("tool_calls") or ()]
            content = " ".join(f"{each['name']} {each['arguments']}" for each in called) or fields["content"]
            found.append((fields["role"], content))
        return found


@asynccontextmanager
async def placed(**handlers: Handler) -> AsyncIterator[Call]:
    call = Call(handlers)
    started = asyncio.Event()

    async def on_started(*_: Any) -> None:
        started.set()

    call.worker.add_event_handler("on_pipeline_started", on_started)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(call.worker)
    running = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(10):
            await started.wait()
        yield call
    finally:
        await runner.cancel()
        await running


async def found(params: FunctionCallParams) -> None:
    await params.result_callback({"status": "on its way"})


async def not_found(params: FunctionCallParams) -> None:
    await params.result_callback({"error": "HTTP 500"})


async def broken(params: FunctionCallParams) -> None:
    raise ValueError("no desk")


CALLED = ("assistant", 'lookup_order {"order_id": "42", "verbose": true}')


async def test_a_tool_that_succeeds_in_two_turns() -> None:
    async with placed(lookup_order=found) as call:
        await call.say("Where is my order?")
        await call.until_said("Which order number?")
        await call.say("Four two.")
        await call.until_said("Order 42 is on its way.")
        assert call.messages == [
            ("user", "Where is my order?"),
            ("assistant", "Which order number?"),
            ("user", "Four two."),
            CALLED,
            ("tool", '{"status": "on its way"}'),
            ("assistant", "Order 42 is on its way."),
        ]
        assert call.errors == []


@pytest.mark.parametrize(
    ("handler", "result", "errors"),
    [
        (not_found, '{"error": "HTTP 500"}', []),
        (
            broken,
            '"The function `lookup_order` failed and returned no result."',
            ["Error executing function call [lookup_order]: no desk"],
        ),
    ],
)
async def test_a_tool_that_fails(handler: Handler, result: str, errors: list[str]) -> None:
    async with placed(lookup_order=handler) as call:
        await call.say("where is order 42")
        await call.until_said("I cannot reach the order desk just now.")
        assert call.messages == [
            ("user", "where is order 42"),
            CALLED,
            ("tool", result),
            ("assistant", "I cannot reach the order desk just now."),
        ]
        assert call.errors == errors


async def test_a_tool_that_is_not_there() -> None:
    async with placed() as call:
        await call.say("where is order 42")
        await call.until_said("I cannot reach the order desk just now.")
        assert call.messages[1:3] == [
            ("assistant", 'lookup_order {"order_id": "42", "verbose": "true", "shop": "Acme"}'),
            ("tool", '"The function `lookup_order` is not currently available."'),
        ]


async def test_a_tool_that_is_too_slow() -> None:
    async def slow(params: FunctionCallParams) -> None:
        await asyncio.sleep(60)

    async with placed(lookup_order=slow) as call:
        call.llm._function_call_timeout_secs = 0.1
        await call.say("where is order 42")
        await call.until_said("I cannot reach the order desk just now.")
        assert ("tool", "CANCELLED") in call.messages


async def test_an_answer_that_is_interrupted() -> None:
    async with placed() as call:
        await call.say("tell me a story")
        await call.until(lambda: len(call.speaker.words) > 3)
        await call.worker.queue_frame(InterruptionFrame())
        await call.until(lambda: len(call.messages) == 2)
        said = call.messages[1][1]
        assert LONG.startswith(said)
        assert 3 <= len(said.split()) < 100
        await call.say("hello")
        await call.until_said("Hello  Ann!\nWelcome.")
        assert call.messages[2:] == [("user", "hello"), ("assistant", "Hello  Ann!\nWelcome.")]
        assert call.errors == []


async def test_a_tool_that_is_interrupted() -> None:
    running = asyncio.Event()

    async def slow(params: FunctionCallParams) -> None:
        running.set()
        await asyncio.sleep(60)

    async with placed(lookup_order=slow) as call:
        await call.say("where is order 42")
        await asyncio.wait_for(running.wait(), 5)
        await call.worker.queue_frame(InterruptionFrame())
        await call.until(lambda: ("tool", "CANCELLED") in call.messages)
        await call.say("what is this")
        await call.until_said("Sorry?")


async def test_the_words_come_one_by_one_and_are_measured() -> None:
    async with placed() as call:
        await call.say("hello")
        await call.until(lambda: "LLMFullResponseEndFrame" in call.speaker.seen)
        assert call.speaker.words == ["Hello  ", "Ann!\n", "Welcome."]
        assert call.speaker.seen == [
            "LLMFullResponseStartFrame",
            "LLMTextFrame",
            "LLMTextFrame",
            "LLMTextFrame",
            "LLMFullResponseEndFrame",
        ]
        await call.until(lambda: ProcessingMetricsData in call.speaker.metrics)
        assert TTFBMetricsData in call.speaker.metrics


async def test_the_line_of_a_final_tool_comes_before_the_call() -> None:
    order: list[str] = []

    async def end(params: FunctionCallParams) -> None:
        order.append("called")
        await params.result_callback({"ended": True})

    async with placed(end_call=end) as call:
        await call.say("goodbye")
        await call.until(lambda: call.speaker.seen.count("LLMFullResponseEndFrame") == 2)
        assert order == ["called"]
        assert call.speaker.words == ["Goodbye."]


async def test_an_error_is_pushed_and_the_next_turn_is_answered() -> None:
    async with placed() as call:
        await call.say("break")
        await call.until(lambda: "LLMFullResponseEndFrame" in call.speaker.seen)
        assert call.errors == ["The rules could not answer: PlaceholderError"]
        await call.say("hello")
        await call.until_said("Hello  Ann!\nWelcome.")
        assert len(call.errors) == 1


async def test_inference_without_a_pipeline() -> None:
    llm = RulesLLMService(book=BOOK)
    context = LLMContext(messages=[{"role": "user", "content": "hello"}])
    assert await llm.run_inference(context) == "Hello  you!\nWelcome."
    context.add_message({"role": "assistant", "content": "Hello."})
    assert await llm.run_inference(context) is None


MESSAGES: list[tuple[Any, list[object]]] = [
    ({"role": "system", "content": "Be brief."}, []),
    (LLMSpecificMessage(llm="openai", message={"role": "user"}), []),
    ({"role": "user", "content": "Hi."}, [Heard("Hi.")]),
    (
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hi"},
                {"type": "image_url", "image_url": {"url": "data:"}},
                {"type": "text", "text": "there"},
            ],
        },
        [Heard("Hi there")],
    ),
    ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}, []),
    ({"role": "assistant", "content": "Hello."}, [Said()]),
    ({"role": "assistant", "content": "", "tool_calls": []}, []),
    (
        {
            "role": "assistant",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "t", "arguments": "{}"}}],
        },
        [Called("1", "t")],
    ),
    ({"role": "tool", "tool_call_id": "1", "content": "IN_PROGRESS"}, []),
    ({"role": "tool", "tool_call_id": "1", "content": "COMPLETED"}, [Told("1", None)]),
    ({"role": "tool", "tool_call_id": "1", "content": "CANCELLED"}, [Told("1", None, failed=True)]),
    ({"role": "tool", "tool_call_id": "1", "content": '"CANCELLED"'}, [Told("1", "CANCELLED")]),
    ({"role": "tool", "tool_call_id": "1", "content": '{"a": [1]}'}, [Told("1", {"a": [1]})]),
    ({"role": "tool", "tool_call_id": "1", "content": "plain"}, [Told("1", "plain")]),
    ({"role": "developer", "content": "Say something."}, [Prompted()]),
    (async_tool_messages.build_started_message("1"), []),
    (async_tool_messages.build_intermediate_result_message("1", '"half"'), []),
    (async_tool_messages.build_final_result_message("1", '{"a": 1}'), [Told("1", {"a": 1})]),
    (async_tool_messages.build_final_result_message("1", "COMPLETED"), [Told("1", None)]),
    (async_tool_messages.build_cancelled_message("1"), [Told("1", None, failed=True)]),
]


@pytest.mark.parametrize(("message", "expected"), MESSAGES)
def test_messages_as_events(message: Any, expected: list[object]) -> None:
    assert list(events([message])) == expected
