"""What of a call the model sees."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pipecat.frames.frames import LLMContextFrame, LLMMessagesAppendFrame
from pipecat.processors.aggregators.llm_context import LLMContext

from tests.config.files import KEYS, agent_of
from tests.runtime.memory_line import Caller, calling
from tests.services.embedded import running, until
from voicekit.calls.evals import written
from voicekit.emulators.faults import Fault, Refuse
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.script import Reply, Script
from voicekit.emulators.server import serve
from voicekit.records.events import AgentFilled, AgentSaid, Trouble
from voicekit.runtime.memory import Window, forget, remembering

SCRIPT = Script(
    {"^Conversation history": Reply("They counted to two."), "three$": Reply("Three it is.")},
    otherwise=Reply("You said {{heard}}."),
)


def said(role: str, content: Any, **more: Any) -> Any:
    return {"role": role, "content": content, **more}


def user(words: str) -> Any:
    return said("user", words)


def agent(words: str) -> Any:
    return said("assistant", words)


def tool(result: str) -> list[Any]:
    call = {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    return [said("assistant", None, tool_calls=[call]), said("tool", result, tool_call_id="1")]


HISTORY = "Conversation history:"
SUMMARY = "Conversation summary: They counted to two."
GREETING = agent("Hello.")
RULES = said("system", "Be brief.")


@pytest.mark.parametrize(
    ("turns", "before", "after"),
    [
        (2, [GREETING, user("one"), agent("1")], [GREETING, user("one"), agent("1")]),
        (2, [GREETING, user("one"), agent("1"), user("two"), agent("2"), user("three")], slice(3, None)),
        (1, [user("one"), *tool("sent"), agent("1"), user("two")], slice(4, None)),
        # A turn is kept whole, with the tools it has called.
        (2, [user("one"), agent("1"), user("two"), *tool("sent"), agent("2"), user("three")], slice(2, None)),
        # A tool that still runs keeps the turn that called it, and with it those behind.
        (1, [user("one"), user("two"), *tool("IN_PROGRESS"), agent("Wait."), user("three")], slice(1, None)),
        (1, [], []),
    ],
)
@pytest.mark.parametrize("head", [[], [RULES]])
def test_a_window_is_of_whole_turns(turns: int, before: list[Any], after: Any, head: list[Any]) -> None:
    context = LLMContext([*head, *before])
    forget(context, turns)
    kept = before[after] if isinstance(after, slice) else after
    assert context.messages == [*head, *kept]


async def test_a_window_is_drawn_before_the_model_is_asked() -> None:
    async with running(Window(1)) as line:
        await line.put(LLMContextFrame(LLMContext([user("one"), agent("1"), user("two")])))
        frame = await line.down.wait(LLMContextFrame, 1)
        assert frame.context.messages == [user("two")]


@pytest.mark.parametrize(
    ("lines", "tokens"),
    [
        ("memory: summary", 8000),
        ("memory: summary\nlanguage: zh-CN", 3000),
        ("memory: {keep: summary, max_tokens: 500, recent_turns: 2}", 500),
    ],
)
def test_a_summary_is_made_when_the_conversation_is_long_for_its_language(lines: str, tokens: int) -> None:
    params = remembering(agent_of(lines))
    assert params is not None
    config = params.auto_context_summarization_config
    assert config is not None
    assert (config.max_context_tokens, config.max_unsummarized_messages) == (tokens, None)
    assert config.summary_config.target_context_tokens == tokens // 4
    assert config.summary_config.min_messages_after_summary == (4 if tokens == 500 else 8)
    assert remembering(agent_of("")) is None


@asynccontextmanager
async def writing(folder: Path, memory: str, *faults: Fault | None) -> AsyncIterator[tuple[Caller, OpenAIChat]]:
    """Write to an agent whose model is emulated."""
    chat = OpenAIChat(KEYS["OPENAI_API_KEY"], SCRIPT, faults=iter(faults))
    async with serve([chat]) as address:
        model = f'{{provider: openai, endpoint: "http://{address}/v1", api_key: "${{OPENAI_API_KEY}}"}}'
        services = f"asr: deepgram\nllm: {model}\ntts: flite\n"
        async with calling(written(agent_of(memory, services)), folder) as caller:
            yield caller, chat


async def write(caller: Caller, words: str, count: int) -> None:
    frame = LLMMessagesAppendFrame([user(words)], run_llm=True)
    await caller.call._worker.queue_frame(frame)
    await caller.wait(AgentSaid, count)


def asked(chat: OpenAIChat, number: int) -> list[tuple[str, str]]:
    """Return what the model saw of a conversation, without its instructions."""
    talk = [each.body["messages"] for each in chat.received if HISTORY not in str(each.body)]
    messages = talk[number]
    return [(each["role"], each["content"]) for each in messages if each["role"] not in ("system", "developer")]


async def test_the_model_sees_a_window_of_the_call(tmp_path: Path) -> None:
    async with writing(tmp_path, "memory: {keep: window, turns: 2}") as (caller, chat):
        for count, words in enumerate(("one", "two", "three"), 1):
            await write(caller, words, count)
        assert asked(chat, 1) == [("user", "one"), ("assistant", "You said one."), ("user", "two")]
        assert asked(chat, 2) == [("user", "two"), ("assistant", "You said two."), ("user", "three")]


async def test_the_model_sees_a_summary_of_the_call_and_its_last_turns(tmp_path: Path) -> None:
    async with writing(tmp_path, "memory: {keep: summary, max_tokens: 200, recent_turns: 1}") as (caller, chat):
        for count, words in enumerate(("one " * 200, "two", "three", "four"), 1):
            if count == 3:
                # It is made beside the talk.
                await until(lambda: SUMMARY in str(caller.call._user.context.messages))
            await write(caller, words, count)
        assert asked(chat, 1)[0] == ("user", "one " * 200)
        first, *_, last = asked(chat, -1)
        assert first == ("user", SUMMARY)
        assert last == ("user", "four")
        assert ("user", "one " * 200) not in asked(chat, -1)


async def test_a_summary_that_cannot_be_made_costs_the_caller_nothing_and_is_made_with_the_next_answer(
    tmp_path: Path,
) -> None:
    memory = "memory: {keep: summary, max_tokens: 200, recent_turns: 1}"
    async with writing(tmp_path, memory, None, None, Refuse(500)) as (caller, _chat):
        await write(caller, "one " * 200, 1)
        await write(caller, "two", 2)
        await caller.wait(Trouble)
        await write(caller, "three", 3)
        await until(lambda: SUMMARY in str(caller.call._user.context.messages))
        assert [each.source for each in caller.of(Trouble)] == ["llm"]
        assert caller.of(AgentFilled) == []
        assert [each.interrupted for each in caller.of(AgentSaid)] == [False] * 3
