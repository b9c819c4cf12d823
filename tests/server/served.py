"""A file, served inside of the test, and what is told of its calls."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from voicekit.config.loader import load
from voicekit.records.events import Event
from voicekit.runtime.host import Host
from voicekit.server.app import make_app
from voicekit.server.serving import serving


@asynccontextmanager
async def served(
    text: str, folder: Path, variables: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[str, list[Event], Host]]:
    """Serve a file in this process; give its address, what is told of its calls, and its host."""
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = load(path, variables or {}, running=True)
    assert loaded.agent, loaded.problems
    events: list[Event] = []
    host = Host(loaded.agent, folder)
    async with serving(make_app(host, lambda: events.append)) as address:
        yield address, events, host
