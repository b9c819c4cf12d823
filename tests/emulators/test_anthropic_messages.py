"""The Anthropic emulator before the clients it is for: the vendor's own SDK, and Pipecat's service."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat
from typing import Any

import anthropic
import httpx
import httpx2
import pytest
from anthropic import AsyncAnthropic
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    FunctionCallResultFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.anthropic.llm import AnthropicLLMService
from pipecat.services.llm_service import FunctionCallParams

from tests.services.embedded import running, until
from voicekit.emulators.anthropic_messages import AnthropicMessages
from voicekit.emulators.faults import Break, Refuse
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.server import serve

SCRIPT = Script(
    {
        "hello": Reply("Good day. What can I do?"),
        "weather": Reply(
            "Let me see.", (ToolCall("weather", {"city": "Paris"}), ToolCall("weather", {"city": "Rome"}))
        ),
        "Paris sunny\nRome rainy": Reply("Sun in Paris, rain in Rome."),
    }
)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL: Any = {"name": "weather", "input_schema": PARAMETERS}
MODEL = "claude-haiku-4-5"
HEADERS = {"x-api-key": "right", "anthropic-version": "2023-06-01"}


def user(*content: Any) -> Any:
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def used(*names: str) -> dict[str, Any]:
    blocks = [{"type": "tool_use", "id": name, "name": "weather", "input": {}} for name in names]
    return {"role": "assistant", "content": blocks}


def result(name: str, text: str = "1") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": name, "content": text}


@pytest.fixture
def emulator() -> AnthropicMessages:
    return AnthropicMessages("right", SCRIPT)


@asynccontextmanager
async def client(emulator: AnthropicMessages, key: str = "right") -> AsyncIterator[AsyncAnthropic]:
    async with (
        serve([emulator]) as address,
        AsyncAnthropic(api_key=key, base_url=f"http://{address}", max_retries=0) as made,
    ):
        yield made


async def asked(sdk: AsyncAnthropic, text: str, **options: Any) -> Any:
    return await sdk.messages.create(model=MODEL, max_tokens=100, messages=[user(text)], **options)


async def test_words_are_streamed_one_by_one(emulator: AnthropicMessages) -> None:
    async with client(emulator) as sdk:
        events = [event async for event in await asked(sdk, "Hello!", stream=True)]
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 6,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [event.delta.text for event in events[2:8]] == ["Good", " day.", " What", " can", " I", " do?"]
    assert events[0].message.usage.input_tokens > 0
    assert (events[-2].delta.stop_reason, events[-2].usage.output_tokens) == ("end_turn", 7)
    [exchange] = emulator.received
    assert (exchange.body["model"], exchange.outcome) == (MODEL, "answered")


@pytest.mark.parametrize("streamed", [False, True])
async def test_parallel_tools_come_one_block_each(emulator: AnthropicMessages, streamed: bool) -> None:
    async with client(emulator) as sdk:
        if streamed:
            async with sdk.messages.stream(
                model=MODEL, max_tokens=100, messages=[user("The weather?")], tools=[TOOL]
            ) as stream:
                message = await stream.get_final_message()
        else:
            message = await asked(sdk, "The weather?", tools=[TOOL])
    text, *calls = message.content
    assert (text.type, text.text) == ("text", "Let me see.")  # type: ignore[union-attr] # one of a dozen kinds
    assert [(call.type, call.name, call.input) for call in calls] == [  # type: ignore[union-attr]
        ("tool_use", "weather", {"city": "Paris"}),
        ("tool_use", "weather", {"city": "Rome"}),
    ]
    assert len({call.id for call in calls}) == 2  # type: ignore[union-attr]
    assert message.stop_reason == "tool_use"
    assert message.usage.output_tokens == 20


async def test_a_client_can_have_one_tool_at_a_time(emulator: AnthropicMessages) -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    async with client(emulator) as sdk:
        message = await asked(sdk, "The weather?", tools=[TOOL], tool_choice=choice)
    assert [block.input for block in message.content if block.type == "tool_use"] == [{"city": "Paris"}]


async def test_results_of_tools_are_heard_together(emulator: AnthropicMessages) -> None:
    talk = [user("weather"), used("a", "b"), user(result("a", "Paris sunny"), result("b", "Rome rainy"))]
    async with client(emulator) as sdk:
        message = await sdk.messages.create(model=MODEL, max_tokens=9, messages=talk)
    assert message.content[0].text == "Sun in Paris, rain in Rome."  # type: ignore[union-attr] # as above


async def test_messages_of_one_role_are_one_turn_and_the_assistant_may_begin(emulator: AnthropicMessages) -> None:
    talk = [{"role": "assistant", "content": "Hi."}, user("weather"), used("a"), used("b")]
    talk += [user(result("a", "Paris sunny")), user(result("b", "Rome rainy"))]
    async with client(emulator) as sdk:
        message = await sdk.messages.create(model=MODEL, max_tokens=9, messages=talk)
    assert message.content[0].text == "Sun in Paris, rain in Rome."  # type: ignore[union-attr] # as above


@pytest.mark.parametrize(
    ("headers", "status", "kind", "message"),
    [
        ({"x-api-key": ""}, 401, "authentication_error", "x-api-key header is required"),
        ({"x-api-key": "wrong"}, 401, "authentication_error", "invalid x-api-key"),
        ({"anthropic-version": ""}, 400, "invalid_request_error", "anthropic-version: header is required"),
        (
            {"anthropic-version": "2020-01-01"},
            400,
            "invalid_request_error",
            'anthropic-version: "2020-01-01" is not a valid version',
        ),
    ],
)
async def test_a_key_and_a_version_are_required(
    emulator: AnthropicMessages, headers: dict[str, str], status: int, kind: str, message: str
) -> None:
    body = {"model": MODEL, "max_tokens": 9, "messages": [user("hello")]}
    async with serve([emulator]) as address, httpx.AsyncClient(headers=HEADERS | headers) as http:
        answer = await http.post(f"http://{address}/v1/messages", json=body)
    assert answer.status_code == status
    assert answer.json() == {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    assert [exchange.outcome for exchange in emulator.received] == ["refused"]


UNANSWERED = (
    "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a "
    "corresponding `tool_result` block in the next message."
)
UNASKED = (
    "unexpected `tool_use_id` found in `tool_result` blocks: {}. Each `tool_result` block must have a corresponding "
    "`tool_use` block in the previous message."
)
SYSTEM = (
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an '
    "input message role."
)
PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temprature": 1}, "temprature: Extra inputs are not permitted"),
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"messages": ...}, "messages: Field required"),
        ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"model": 4}, "model: Input should be a valid string"),
        ({"messages": {}}, "messages: Input should be a valid list"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": ["hi"]}, "messages.0: Input should be a valid dictionary"),
        ({"messages": [{"role": "system", "content": "x"}]}, SYSTEM),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role: Input should be 'user' or 'assistant'"),
        ({"messages": [user("x") | {"name": "y"}]}, "messages.0.name: Extra inputs are not permitted"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [user("")]}, "messages.0: user messages must have non-empty content"),
        ({"messages": [user(" ")]}, "messages: text content blocks must be non-empty"),
        ({"messages": [user({"type": "text"})]}, "messages.0.content.0.text: Field required"),
        ({"messages": [user(result("a"))]}, f"messages.0.content.0: {UNASKED.format('a')}"),
        (
            {"messages": [used("a"), user({"type": "text", "text": "x"}, result("b"))]},
            f"messages.1.content.1: {UNASKED.format('b')}",
        ),
        ({"messages": [user("x"), used("a", "b"), user("y")]}, f"messages.1: {UNANSWERED.format('a, b')}"),
        ({"messages": [user("x"), used("a", "b"), user(result("b"))]}, f"messages.1: {UNANSWERED.format('a')}"),
        ({"messages": [user("x"), used("a")]}, f"messages.1: {UNANSWERED.format('a')}"),
        (
            {"messages": [user(*used("a")["content"])]},
            "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages",
        ),
        ({"model": "claude-sonnet-4-6", "messages": [user("x"), {"role": "assistant", "content": "y"}]}, PREFILL),
        ({"tools": [{"name": "weather"}]}, "tools.0.custom.input_schema: Field required"),
        (
            {"tools": [TOOL | {"name": "look up"}]},
            "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        ),
        ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
        ({"tool_choice": {"type": "auto"}}, "tool_choice: tool_choice may only be specified while providing tools"),
        ({"tool_choice": "auto", "tools": [TOOL]}, "tool_choice: Input should be one of: auto, any, tool, none"),
        (
            {"messages": [user("weather")]},
            "The emulator's script calls 'weather', which the request does not offer.",
        ),
    ],
)
async def test_a_malformed_body_is_refused(emulator: AnthropicMessages, change: dict[str, Any], message: str) -> None:
    body = {"model": MODEL, "max_tokens": 9, "messages": [user("hello")], **change}
    body = {key: value for key, value in body.items() if value is not ...}
    async with serve([emulator]) as address, httpx.AsyncClient(headers=HEADERS) as http:
        answer = await http.post(f"http://{address}/v1/messages", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == {"type": "invalid_request_error", "message": message}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "The request body is not valid JSON"), (b"[]", "Input should be a valid dictionary")],
)
async def test_a_body_that_is_no_json_is_refused(emulator: AnthropicMessages, content: bytes, message: str) -> None:
    async with serve([emulator]) as address, httpx.AsyncClient(headers=HEADERS) as http:
        answer = await http.post(f"http://{address}/v1/messages", content=content)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)


async def test_an_older_model_goes_on_with_the_assistants_turn(emulator: AnthropicMessages) -> None:
    async with client(emulator) as sdk:
        message = await sdk.messages.create(
            model=MODEL, max_tokens=9, messages=[user("x"), {"role": "assistant", "content": "hello"}]
        )
    assert message.stop_reason == "end_turn"


@pytest.mark.parametrize("model", ["claud-haiku-4-5", "haiku", "gpt-4o"])
async def test_a_model_that_is_none_is_not_found(emulator: AnthropicMessages, model: str) -> None:
    async with client(emulator) as sdk:
        with pytest.raises(anthropic.NotFoundError) as refused:
            await sdk.messages.create(model=model, max_tokens=9, messages=[user("hello")])
    assert refused.value.body == {
        "type": "error",
        "error": {"type": "not_found_error", "message": f"model: {model}"},
        "request_id": "req_1",
    }


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.APIStatusError, "overloaded_error"),
    ],
)
async def test_a_refusal_is_told_as_the_vendor_does(
    emulator: AnthropicMessages, status: int, error: type[anthropic.APIStatusError], kind: str
) -> None:
    emulator.faults = repeat(Refuse(status, retry_after=7))
    async with client(emulator) as sdk:
        with pytest.raises(error) as refused:
            await asked(sdk, "hello")
    body: Any = refused.value.body
    assert (refused.value.status_code, body["error"]["type"]) == (status, kind)
    assert refused.value.response.headers["retry-after"] == "7"


async def test_the_sdk_tries_again(emulator: AnthropicMessages) -> None:
    emulator.faults = iter([Refuse(429, retry_after=0), Refuse(529, retry_after=0)])
    async with client(emulator) as sdk:
        message = await asked(sdk.with_options(max_retries=2), "hello")
    assert message.stop_reason == "end_turn"
    assert [exchange.outcome for exchange in emulator.received] == ["refused", "refused", "answered"]


@pytest.mark.parametrize(
    ("how", "error"),
    [("error", anthropic.APIStatusError), ("drop", httpx2.RemoteProtocolError), ("garbage", json.JSONDecodeError)],
)
async def test_an_answer_breaks_off(emulator: AnthropicMessages, how: Any, error: type[Exception]) -> None:
    emulator.faults = iter([Break(how, after=4)])
    words: list[str] = []

    async def listen() -> None:
        async for event in await asked(sdk, "hello", stream=True):
            if event.type == "content_block_delta":
                words.append(event.delta.text)  # noqa: PERF401 - what came before the error counts

    async with client(emulator) as sdk:
        with pytest.raises(error):
            await listen()
    assert "".join(words) == "Good day."
    assert [exchange.outcome for exchange in emulator.received] == ["broken"]


async def test_a_whole_answer_that_fails_is_a_500(emulator: AnthropicMessages) -> None:
    emulator.faults = iter([Break("error")])
    async with client(emulator) as sdk:
        with pytest.raises(anthropic.InternalServerError):
            await asked(sdk, "hello")


class Agent:
    """Pipecat's service, told of one tool."""

    def __init__(self, address: str, key: str = "right", **settings: Any) -> None:
        self.service = AnthropicLLMService(
            api_key=key,
            client=AsyncAnthropic(api_key=key, base_url=f"http://{address}"),
            settings=AnthropicLLMService.Settings(model=MODEL, system_instruction="Be brief.", **settings),
        )
        self.context = LLMContext(
            tools=ToolsSchema([FunctionSchema("weather", "", PARAMETERS["properties"], ["city"])])  # type: ignore[arg-type]
        )
        self.results: dict[str, str] = {}
        self.service.register_function("weather", self._weather)

    async def _weather(self, params: FunctionCallParams) -> None:
        self.results[params.arguments["city"]] = "sunny"
        await params.result_callback("sunny")

    def asked(self, text: str) -> LLMContextFrame:
        self.context.add_message({"role": "user", "content": text})
        return LLMContextFrame(self.context)


async def test_pipecat_hears_the_answer(emulator: AnthropicMessages) -> None:
    async with serve([emulator]) as address:
        agent = Agent(address)
        async with running(agent.service) as line:
            await line.put(agent.asked("hello"))
            await line.down.wait(LLMFullResponseEndFrame)
            assert "".join(frame.text for frame in line.down.all(LLMTextFrame)) == "Good day. What can I do?"
        await agent.service._client.close()
    [exchange] = emulator.received
    assert exchange.body["system"] == "Be brief."
    assert exchange.outcome == "answered"


@pytest.mark.parametrize(
    ("settings", "ran"),
    [({}, ["Rome"]), ({"extra": {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}}, ["Paris"])],
)
async def test_pipecat_runs_one_tool_of_a_message(
    emulator: AnthropicMessages, settings: dict[str, Any], ran: list[str]
) -> None:
    """Pipecat 1.14 keeps the last of several; who asks for one at a time loses none."""
    async with serve([emulator]) as address:
        agent = Agent(address, **settings)
        async with running(agent.service) as line:
            await line.put(agent.asked("the weather"))
            await line.down.wait(FunctionCallResultFrame)
        await agent.service._client.close()
    assert list(agent.results) == ran


async def test_pipecat_leaves_when_it_is_interrupted(emulator: AnthropicMessages) -> None:
    emulator.faults = iter([Break("hang", after=4)])
    async with serve([emulator]) as address:
        agent = Agent(address)
        async with running(agent.service) as line:
            await line.put(agent.asked("hello"))
            await line.down.wait(LLMTextFrame)
            await line.put(InterruptionFrame())
            await until(lambda: emulator.received[0].outcome == "left")
        await agent.service._client.close()


async def test_pipecat_reports_a_wrong_key(emulator: AnthropicMessages) -> None:
    async with serve([emulator]) as address:
        agent = Agent(address, "wrong")
        async with running(agent.service) as line:
            await line.put(agent.asked("hello"))
            error = await line.up.wait(ErrorFrame)
        await agent.service._client.close()
    assert "invalid x-api-key" in error.error
