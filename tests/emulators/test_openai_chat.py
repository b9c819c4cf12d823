"""The OpenAI emulator before the clients it is for: the vendor's own SDK, and Pipecat's service."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
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
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.llm import OpenAILLMService

from tests.services.embedded import running, until
from voicekit.emulators.faults import Break, Latency, Refuse, Slow
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.server import serve

SCRIPT = Script(
    {
        "hello": Reply("Good day. What can I do?"),
        "weather": Reply(calls=(ToolCall("weather", {"city": "Paris"}), ToolCall("weather", {"city": "Rome"}))),
        "Paris sunny\nRome rainy": Reply("Sun in Paris, rain in Rome."),
    }
)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}


def called(*names: str) -> dict[str, Any]:
    calls = [{"id": name, "type": "function", "function": {"name": "weather", "arguments": "{}"}} for name in names]
    return {"role": "assistant", "tool_calls": calls}


def said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


@pytest.fixture
def emulator() -> OpenAIChat:
    return OpenAIChat("right", SCRIPT)


@asynccontextmanager
async def client(emulator: OpenAIChat, key: str = "right") -> AsyncIterator[AsyncOpenAI]:
    async with (
        serve([emulator]) as address,
        AsyncOpenAI(api_key=key, base_url=f"http://{address}/v1", max_retries=0) as made,
    ):
        yield made


async def streamed(sdk: AsyncOpenAI, text: str, **options: Any) -> list[Any]:
    stream = await sdk.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": text}], stream=True, **options
    )
    return [chunk async for chunk in stream]


async def test_words_are_streamed_one_by_one(emulator: OpenAIChat) -> None:
    async with client(emulator) as sdk:
        chunks = await streamed(sdk, "Hello!", stream_options={"include_usage": True})
    first, *words, end, usage = chunks
    assert first.choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.content for chunk in words] == ["Good", " day.", " What", " can", " I", " do?"]
    assert end.choices[0].finish_reason == "stop"
    assert usage.choices == []
    assert usage.usage.completion_tokens == 6
    assert usage.usage.total_tokens == usage.usage.prompt_tokens + 6
    [request] = emulator.received
    assert (request.body["model"], request.outcome) == ("gpt-4o-mini", "answered")


async def test_usage_comes_only_when_it_is_asked_for(emulator: OpenAIChat) -> None:
    async with client(emulator) as sdk:
        assert all(chunk.usage is None for chunk in await streamed(sdk, "Hello!"))


async def test_parallel_calls_come_one_in_a_chunk(emulator: OpenAIChat) -> None:
    async with client(emulator) as sdk:
        chunks = await streamed(sdk, "The weather?", tools=[TOOL])
    pieces = [chunk.choices[0].delta.tool_calls for chunk in chunks if chunk.choices[0].delta.tool_calls]
    assert {len(piece) for piece in pieces} == {1}
    assert [piece[0].index for piece in pieces] == sorted(piece[0].index for piece in pieces)
    arguments = {0: "", 1: ""}
    for piece in pieces:
        arguments[piece[0].index] += piece[0].function.arguments
    assert [json.loads(text) for text in arguments.values()] == [{"city": "Paris"}, {"city": "Rome"}]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_an_answer_can_come_whole(emulator: OpenAIChat) -> None:
    async with client(emulator) as sdk:
        answer = await sdk.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "the weather"}], tools=[TOOL]
        )
    calls: Any = answer.choices[0].message.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Paris", "Rome"]
    assert len({call.id for call in calls}) == 2
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.usage is not None


async def test_what_no_line_is_for_has_an_answer_of_its_own(emulator: OpenAIChat) -> None:
    async with client(emulator) as sdk:
        chunks = await streamed(sdk, "Mumble.")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "I have no answer to that."


@pytest.mark.parametrize(("key", "text"), [("wrong", "Incorrect API key provided."), ("", "You didn't provide an API")])
async def test_a_wrong_key_is_refused(emulator: OpenAIChat, key: str, text: str) -> None:
    async with serve([emulator]) as address, httpx.AsyncClient() as http:
        answer = await http.post(
            f"http://{address}/v1/chat/completions",
            json={"model": "gpt-4o", "messages": [said("hello")]},
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert answer.json()["error"]["message"].startswith(text)
    assert [request.outcome for request in emulator.received] == ["refused"]


async def test_the_sdk_knows_the_refusals(emulator: OpenAIChat) -> None:
    async with client(emulator, "wrong") as sdk:
        with pytest.raises(openai.AuthenticationError):
            await streamed(sdk, "hello")
    async with client(emulator) as sdk:
        with pytest.raises(openai.NotFoundError) as refused:
            await sdk.chat.completions.create(model="gtp-4o", messages=[{"role": "user", "content": "hello"}])
    assert refused.value.code == "model_not_found"
    assert refused.value.body == {
        "message": "The model `gtp-4o` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "param": None,
        "code": "model_not_found",
    }


ROLES = "'system', 'assistant', 'user', 'function', 'tool', 'developer'"
UNASKED = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: "
)


@pytest.mark.parametrize(
    ("change", "param", "message"),
    [
        ({"messages": []}, "messages", "Invalid 'messages': expected an array with minimum length 1."),
        ({"messages": None}, "messages", "Invalid 'messages': expected an array with minimum length 1."),
        ({"messages": ["hi"]}, "messages[0]", "Invalid type for 'messages[0]': expected an object."),
        (
            {"messages": [{"role": "robot", "content": "x"}]},
            "messages[0].role",
            f"Invalid value: 'robot'. Supported values are: {ROLES}.",
        ),
        (
            {"messages": [{"role": "user"}]},
            "messages[0].content",
            "Invalid value for 'content': expected a string, got null.",
        ),
        ({"messages": [{"role": "tool", "tool_call_id": "a", "content": "1"}]}, "messages[0].role", UNASKED),
        (
            {"messages": [called("a"), {"role": "tool", "tool_call_id": "b", "content": "1"}]},
            "messages[1].role",
            UNASKED,
        ),
        ({"messages": [called("a", "b"), said("hello")]}, "messages[1]", f"{UNANSWERED}a, b"),
        ({"messages": [said("hello"), called("a")]}, "messages", f"{UNANSWERED}a"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{}]}]},
            "messages[0].tool_calls",
            "Invalid 'messages[0].tool_calls'.",
        ),
        ({"temprature": 1}, "temprature", "Unknown parameter: 'temprature'."),
        ({"model": None}, "model", "you must provide a model parameter"),
        (
            {"stream_options": {"include_usage": True}},
            "stream_options",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ),
        ({"tool_choice": "auto"}, "tool_choice", "'tool_choice' is only allowed when 'tools' are specified."),
        (
            {"tools": [{"type": "function", "function": {"name": "look up"}}]},
            "tools[0].function.name",
            "Invalid 'tools[0].function.name'.",
        ),
        (
            {"messages": [said("weather")]},
            "tools",
            "The emulator's script calls 'weather', which the request does not offer.",
        ),
    ],
)
async def test_a_malformed_body_is_refused(
    emulator: OpenAIChat, change: dict[str, Any], param: str, message: str
) -> None:
    body = {"model": "gpt-4o", "messages": [said("hello")], **change}
    async with serve([emulator]) as address, httpx.AsyncClient(headers={"Authorization": "Bearer right"}) as http:
        answer = await http.post(f"http://{address}/v1/chat/completions", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error["message"]) == (param, message)


async def test_a_body_that_is_no_json_is_refused(emulator: OpenAIChat) -> None:
    async with serve([emulator]) as address, httpx.AsyncClient(headers={"Authorization": "Bearer right"}) as http:
        answer = await http.post(f"http://{address}/v1/chat/completions", content=b"{")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "We could not parse the JSON body of your request."


async def test_the_sdk_tries_again_after_429(emulator: OpenAIChat) -> None:
    emulator.faults = iter([Refuse(429, retry_after=0), Refuse(500, retry_after=0)])
    async with client(emulator) as sdk:
        chunks = await streamed(sdk.with_options(max_retries=2), "hello")
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert [request.outcome for request in emulator.received] == ["refused", "refused", "answered"]


@pytest.mark.parametrize(("status", "error"), [(429, openai.RateLimitError), (500, openai.InternalServerError)])
async def test_a_refusal_is_told_as_the_vendor_does(
    emulator: OpenAIChat, status: int, error: type[openai.APIStatusError]
) -> None:
    emulator.faults = repeat(Refuse(status, retry_after=7))
    async with client(emulator) as sdk:
        with pytest.raises(error) as refused:
            await streamed(sdk, "hello")
    assert refused.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("how", "error"),
    [("error", openai.APIError), ("drop", openai.APIConnectionError), ("garbage", json.JSONDecodeError)],
)
async def test_an_answer_breaks_off(emulator: OpenAIChat, how: Any, error: type[Exception]) -> None:
    emulator.faults = iter([Break(how, after=3)])
    words: list[str] = []

    async def listen() -> None:
        stream = await sdk.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "hello"}], stream=True
        )
        async for chunk in stream:
            words.append(chunk.choices[0].delta.content or "")  # noqa: PERF401 - what came before the error counts

    async with client(emulator) as sdk:
        with pytest.raises(error):
            await listen()
    assert "".join(words) == "Good day."
    assert [request.outcome for request in emulator.received] == ["broken"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_hangs_until_the_client_leaves(emulator: OpenAIChat, streamed: bool) -> None:
    emulator.faults = iter([Break("hang", after=2 if streamed else 0)])
    async with serve([emulator]) as address, httpx.AsyncClient(headers={"Authorization": "Bearer right"}) as http:
        body = {"model": "gpt-4o", "messages": [said("hello")], "stream": streamed}
        with pytest.raises(httpx.ReadTimeout):
            await http.post(f"http://{address}/v1/chat/completions", json=body, timeout=0.2)
        await until(lambda: emulator.received[0].outcome == "left")


async def test_a_whole_answer_that_fails_is_a_500(emulator: OpenAIChat) -> None:
    emulator.faults = iter([Break("error")])
    async with client(emulator) as sdk:
        with pytest.raises(openai.InternalServerError):
            await sdk.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])


async def test_words_come_as_slowly_as_they_are_told_to(emulator: OpenAIChat) -> None:
    clock = asyncio.get_running_loop().time
    emulator.latency = Latency(first_secs=0.2, each_secs=0.01)
    emulator.faults = iter([None, Slow(0.05)])
    took = []
    async with client(emulator) as sdk:
        for _ in range(2):
            began = clock()
            await streamed(sdk, "hello")
            took.append(clock() - began)
    assert 0.28 <= took[0] < took[1] - 0.1


class Agent:
    """Pipecat's service, told of one tool."""

    def __init__(self, address: str, key: str = "right") -> None:
        self.service = OpenAILLMService(
            api_key=key, base_url=f"http://{address}/v1", settings=OpenAILLMService.Settings(model="gpt-4o-mini")
        )
        self.context = LLMContext(
            tools=ToolsSchema([FunctionSchema("weather", "", PARAMETERS["properties"], ["city"])])  # type: ignore[arg-type]
        )
        self.service.register_function("weather", self._weather)

    @staticmethod
    async def _weather(params: FunctionCallParams) -> None:
        await params.result_callback("sunny" if params.arguments["city"] == "Paris" else "rainy")

    def asked(self, text: str) -> LLMContextFrame:
        self.context.add_message({"role": "user", "content": text})
        return LLMContextFrame(self.context)


async def test_pipecat_hears_the_answer(emulator: OpenAIChat) -> None:
    async with serve([emulator]) as address:
        agent = Agent(address)
        async with running(agent.service) as line:
            await line.put(agent.asked("hello"))
            await line.down.wait(LLMFullResponseEndFrame)
            assert "".join(frame.text for frame in line.down.all(LLMTextFrame)) == "Good day. What can I do?"
        await agent.service._client.close()
    [request] = emulator.received
    assert request.body["stream_options"] == {"include_usage": True}
    assert request.outcome == "answered"


async def test_pipecat_runs_both_tools(emulator: OpenAIChat) -> None:
    async with serve([emulator]) as address:
        agent = Agent(address)
        async with running(agent.service) as line:
            await line.put(agent.asked("the weather"))
            await line.down.wait(FunctionCallResultFrame, 2)
            results = {frame.arguments["city"]: frame.result for frame in line.down.all(FunctionCallResultFrame)}
        await agent.service._client.close()
    assert results == {"Paris": "sunny", "Rome": "rainy"}


async def test_results_of_several_tools_are_heard_together(emulator: OpenAIChat) -> None:
    results: list[Any] = []
    for name, text in (("a", "Paris sunny"), ("b", "Rome rainy")):
        results += [called(name), {"role": "tool", "tool_call_id": name, "content": text}]
    async with client(emulator) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4o", messages=results)
    assert answer.choices[0].message.content == "Sun in Paris, rain in Rome."


async def test_pipecat_leaves_when_it_is_interrupted(emulator: OpenAIChat) -> None:
    emulator.faults = iter([Break("hang", after=3)])
    async with serve([emulator]) as address:
        agent = Agent(address)
        async with running(agent.service) as line:
            await line.put(agent.asked("hello"))
            await line.down.wait(LLMTextFrame)
            await line.put(InterruptionFrame())
            await until(lambda: emulator.received[0].outcome == "left")
        await agent.service._client.close()


async def test_pipecat_reports_a_wrong_key(emulator: OpenAIChat) -> None:
    async with serve([emulator]) as address:
        agent = Agent(address, "wrong")
        async with running(agent.service) as line:
            await line.put(agent.asked("hello"))
            error = await line.up.wait(ErrorFrame)
        await agent.service._client.close()
    assert "Incorrect API key provided." in error.error
