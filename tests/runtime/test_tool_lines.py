"""What is said about a tool: when it starts, is late, has failed or has answered."""

import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.frames.frames import Frame

from voicekit.config.loader import load
from voicekit.runtime.network import Network
from voicekit.runtime.tool_lines import ToolLine
from voicekit.runtime.tools import Toolbox

TOOLS = '''
    import asyncio

    async def slow() -> str:
        """Take a while."""
        await asyncio.sleep(0.3)
        return "there"

    async def quick() -> str:
        """Take no time."""
        return "here"

    async def fails() -> str:
        """Raise."""
        raise RuntimeError
'''

FILE = """
version: 1
name: tools
prompt: Be brief.
asr: pocketsphinx
llm: {provider: openai, api_key: "${KEY}"}
tts: auto
tools:
  tool: {python: "tools:FUNCTION", late_ms: 200, say: {start: [One., Two.], late: Late., failed: Failed., done: Done.}}
"""


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("quick", ["One.", "Done.", "answer", "Two.", "Done.", "answer"]),
        ("slow", ["One.", "Late.", "Done.", "answer", "Two.", "Late.", "Done.", "answer"]),
        ("fails", ["One.", "Failed.", "answer", "Two.", "Failed.", "answer"]),
    ],
)
async def test_each_moment_has_its_line(function: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(textwrap.dedent(TOOLS), encoding="utf-8")
    (tmp_path / "agent.yaml").write_text(FILE.replace("FUNCTION", function), encoding="utf-8")
    agent = load(tmp_path / "agent.yaml", {"KEY": "0123456789abc"}).agent
    assert agent is not None
    [schema] = Toolbox(agent, tmp_path, Network()).functions(lambda: None, lambda _: None)
    handler: Any = schema.handler
    heard: list[str] = []

    class Model:
        async def push_frame(self, frame: Frame) -> None:
            assert isinstance(frame, ToolLine)
            assert frame.opening == (frame.line in ("One.", "Two."))
            heard.append(frame.line)
            frame.begun.set()

    async def answer(_: Any) -> None:
        heard.append("answer")

    for _ in range(2):
        await handler(SimpleNamespace(arguments={}, result_callback=answer, llm=Model()))
    assert heard == said
