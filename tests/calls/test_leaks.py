"""Calls, two at a time, leave nothing behind: no task, socket, thread or process."""

import asyncio
import gc
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.calls.faults import FILES, HEAD
from tests.emulators.sound import tone
from tests.runtime.memory_line import called
from voicekit.calls.scene import Scene
from voicekit.calls.stage import stage_variables, staged
from voicekit.config.loader import load
from voicekit.emulators.script import Reply, Script
from voicekit.records.events import AgentSaid, CallEnded
from voicekit.runtime.call import Call
from voicekit.runtime.host import Host

pytestmark = [
    pytest.mark.long,
    # On a busy machine the event loop's own threads become more, up to as many as it may have.
    pytest.mark.alone,
    # The SDK of Deepgram still connects with the names that websockets is going to drop.
    pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning"),
]

# Of each kind, in pairs.
PAIRS = 7
WARM = 2
SCRIPT = Script({"good day": Reply("And a good day to you."), "story": Reply("It was a long time ago. " * 9)})


async def one_call(host: Host, announce: object, *, leaves_early: bool) -> None:
    """Hold a call: an answer is heard, or the caller leaves in the middle of one."""
    async with called(host) as caller:
        announce("Tell me a story." if leaves_early else "Good day.", 0.4)  # type: ignore[operator] # of the stage
        caller.speak(tone(0.4))
        if leaves_early:
            while caller.transport.out.heard_secs < 0.2:  # noqa: ASYNC110 - nothing tells of the first sound
                await asyncio.sleep(0.01)
        else:
            await caller.wait(AgentSaid)
    assert caller.of(CallEnded)


async def two_calls(host: Host, announce: object, *, leaves_early: bool) -> None:
    """Hold two calls at once in which the same is said: whose speech is heard first takes the first announcement."""
    await asyncio.gather(*(one_call(host, announce, leaves_early=leaves_early) for _ in range(2)))


def kept() -> dict[str, int]:
    """Count what a call could leave behind."""
    gc.collect()
    links = Counter(kind(link) for link in Path("/proc/self/fd").iterdir())
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "children": len(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()),
        "sockets": links["socket"],
        "pipes": links["pipe"],
        "calls": sum(isinstance(each, Call) for each in gc.get_objects()),
    }


def kind(link: Path) -> str:
    try:
        return str(link.readlink()).partition(":")[0]
    except OSError:
        return "gone"


@pytest.mark.parametrize("emulator", ["openai", "openai-realtime"])
async def test_nothing_is_left_of_calls(emulator: str, tmp_path: Path) -> None:
    data = (HEAD + FILES[emulator][0]).encode()
    agent = load(tmp_path / "desk.yaml", stage_variables({}), running=True, data=data).agent
    assert agent is not None
    async with staged(agent, Scene(SCRIPT)) as stage:
        host = Host(stage.agent, tmp_path)
        await host.warm_up()
        for number in range(WARM):
            await two_calls(host, stage.announce, leaves_early=number % 2 == 1)
        await asyncio.sleep(0.3)
        before = kept()
        for number in range(PAIRS):
            await two_calls(host, stage.announce, leaves_early=number % 3 == 2)
        await asyncio.sleep(0.3)
        after = kept()
        await host.close()
    assert before["calls"] <= 1
    assert {name: count for name, count in after.items() if count > before[name]} == {}
