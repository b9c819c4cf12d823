"""Our emulators of models beside a stranger's, `@copilotkit/aimock`: the same requests, answers of the same shape.

It knows the protocols independently of us; neither has seen the vendor. Where they differ:

- it leaves `refusal` out of the first chunk of a chat, we send null, as OpenAI's reference shows it;
- it counts no tokens of Anthropic's messages, we do;
- it refuses nothing: any key, no version, unknown models and parameters, results of tools that nobody asked for.
"""

import asyncio
import itertools
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from voicekit.emulators.anthropic_messages import AnthropicMessages
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.server import serve

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not shutil.which("npx"), reason="needs Node's npx"),
]

PACKAGE = "@copilotkit/aimock@1.43.0"
HELLO = "Good day. What can I do?"
CITIES = ("Paris", "Rome")
SCRIPT = Script(
    {
        "hello": Reply(HELLO),
        "weather": Reply(calls=tuple(ToolCall("weather", {"city": city}) for city in CITIES)),
    }
)
FIXTURES = {
    "fixtures": [
        {"match": {"userMessage": "hello"}, "response": {"content": HELLO}},
        {
            "match": {"userMessage": "weather"},
            "response": {
                "toolCalls": [{"name": "weather", "arguments": json.dumps({"city": city})} for city in CITIES]
            },
        },
    ]
}
HEADERS = {"authorization": "Bearer k", "x-api-key": "k", "anthropic-version": "2023-06-01"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
# What these say is compared, not only what kind of thing they are.
SAID = {"type", "object", "role", "finish_reason", "stop_reason", "name", "index"}


@pytest.fixture
async def stranger(tmp_path: Path) -> AsyncIterator[str]:
    """Run the other one; skip where npm cannot fetch it."""
    (tmp_path / "fixtures.json").write_text(json.dumps(FIXTURES), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *("npx", "--yes", "--package", PACKAGE, "llmock", "-p", str(port), "-f", "fixtures.json"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(90):
            while (line := await process.stdout.readline()) and b"listening" not in line:
                pass
        if not line:
            pytest.skip(f"{PACKAGE} cannot be fetched")
        yield f"127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            # npx, the shell that it starts, and the server.
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()


def chat(text: str, stream: bool) -> tuple[str, dict[str, Any]]:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], "tools": tools, "stream": stream}
    return "/v1/chat/completions", body | ({"stream_options": {"include_usage": True}} if stream else {})


def message(text: str, stream: bool) -> tuple[str, dict[str, Any]]:
    tools = [{"name": "weather", "input_schema": SCHEMA}]
    body = {"model": "claude-haiku-4-5", "max_tokens": 99, "messages": [{"role": "user", "content": text}]}
    return "/v1/messages", body | {"tools": tools, "stream": stream}


def shape(value: Any, key: str = "") -> Any:
    """Return what kind of thing a value is; texts of the protocol stay, numbers and other texts do not."""
    if isinstance(value, dict):
        return {name: shape(each, name) for name, each in value.items() if name != "refusal"}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return value if key in SAID or value is None else type(value).__name__


def events(answer: httpx.Response) -> Iterator[Any]:
    """Yield an answer's shapes in order; one that is repeated, as a word after another, once."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        yield shape(answer.json())
        return
    lines = [line.partition("data: ")[2] for line in answer.text.splitlines() if line.startswith("data: ")]
    shapes = [shape(json.loads(line)) if line.startswith("{") else line for line in lines]
    yield from (each for each, _ in itertools.groupby(shapes))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", ["hello", "weather"])
@pytest.mark.parametrize("request_of", [chat, message])
async def test_both_answer_in_one_shape(request_of: Any, text: str, stream: bool, stranger: str) -> None:
    path, body = request_of(text, stream)
    async with (
        serve([OpenAIChat("k", SCRIPT), AnthropicMessages("k", SCRIPT)]) as ours,
        httpx.AsyncClient(headers=HEADERS) as http,
    ):
        one, other = [await http.post(f"http://{address}{path}", json=body) for address in (ours, stranger)]
    assert list(events(one)) == list(events(other))
