"""What the tests of tools that send requests share: a server on this machine, and one tool that calls it."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema

from voicekit.config.loader import load
from voicekit.records.events import Event, Trouble
from voicekit.report import render
from voicekit.runtime.network import Network
from voicekit.runtime.tools import Toolbox

FILE = """
version: 1
name: tools
prompt: Be brief.
asr: pocketsphinx
llm: openai
tts: auto
tools:
  find:
    description: Find it.
"""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk:
    """A server and one tool that calls it. `seen` is what reached the server: method, raw path, headers, body."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._network = Network()
        self._server: TestServer | None = None
        self.seen: list[tuple[str, str, dict[str, str], str]] = []
        self.events: list[Event] = []
        self.function: FunctionSchema | None = None
        self.values: dict[str, Any] = {}

    @property
    def base(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.port}"

    async def open(self, *answers: Handler | web.Response) -> None:
        """Begin to serve these answers in order, the last one again and again."""

        async def serve(request: web.Request) -> web.StreamResponse:
            body = (await request.read()).decode()
            self.seen.append((request.method, request.raw_path, dict(request.headers), body))
            answer = answers[min(len(self.seen), len(answers)) - 1]
            if isinstance(answer, web.Response):
                return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
            return await answer(request)

        app = web.Application()
        app.router.add_route("*", r"/{path:[\s\S]*}", serve)
        self._server = TestServer(app)
        await self._server.start_server()

    async def close(self) -> None:
        await self._network.close()
        if self._server:
            await self._server.close()

    def tool(self, http: str, private: bool = True, mocked: bool = False, **keys: Any) -> None:
        """Read a file with one tool; `BASE` in its address is the server."""
        keys = {"http": http.replace("BASE", self.base), "private_network": True, **keys}
        path = self._folder / "agent.yaml"
        lines = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in keys.items())
        path.write_text(FILE + lines, encoding="utf-8")
        loaded = load(path, {"OPENAI_API_KEY": "x"}, running=True)
        agent = loaded.agent
        assert agent, render(loaded.problems, loaded.sources)
        if not private:
            # A file is refused at once where such an address can be read in it.
            tool = agent.tools["find"].model_copy(update={"private_network": False})
            agent = agent.model_copy(update={"tools": {"find": tool}})
        toolbox = Toolbox(agent, self._folder, self._network, mocked=mocked)
        [self.function] = toolbox.functions(lambda: None, self.events.append, lambda: self.values)

    async def call(self, **arguments: Any) -> Any:
        results: list[Any] = []

        async def answer(result: Any, **_: Any) -> None:
            results.append(result)

        assert self.function
        handler: Any = self.function.handler
        await handler(SimpleNamespace(arguments=arguments, result_callback=answer))
        [result] = results
        return result

    def trouble(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Trouble)]


def answer(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)


def text(body: str, kind: str = "text/plain", status: int = 200) -> web.Response:
    return web.Response(text=body, content_type=kind, status=status)


def redirect(location: str, status: int) -> web.Response:
    return web.Response(status=status, headers={"Location": location})
