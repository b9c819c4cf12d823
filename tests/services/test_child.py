import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from tests.services.embedded import DIES_WHEN_ASKED, LIMIT_SECS, script, until
from voicekit.services.child import (
    Child,
    ChildLost,
    ChildRefused,
    worker,
)
from voicekit.services.frames import AUDIO, END, REFUSED, TEXT
from voicekit.services.pool import Pool

ECHO = script(
    "os.write(1, b'what a C library prints')\n"
    "pipe.send(READY)\n"
    "while frame := pipe.receive():\n"
    "    if frame[0] != TEXT:\n"
    "        pipe.send(READY if frame[0] == RESET else frame[0], frame[1])"
)
"""Sends back what it gets, except TEXT, which it leaves unanswered."""


@pytest.fixture
async def child() -> AsyncIterator[Child]:
    child = await Child.start(ECHO, answer_secs=LIMIT_SECS)
    yield child
    child.kill()
    await child.ended()


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(ECHO)
    yield pool
    await pool.close()


async def lost(child: Child) -> str:
    with pytest.raises(ChildLost) as caught:
        await child.receive()
    return str(caught.value)


async def test_frames_go_there_and_back(child: Child) -> None:
    long = os.urandom(300_000)
    for payload in (b"", b"one", long):
        sending = asyncio.create_task(child.send(AUDIO, payload))
        assert await child.receive() == (AUDIO, payload)
        await sending


async def test_a_cancelled_receive_does_not_lose_its_place(child: Child) -> None:
    async def half_a_frame() -> None:
        await child.receive()

    waiting = asyncio.create_task(half_a_frame())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await child.send(AUDIO, b"later")
    assert await child.receive() == (AUDIO, b"later")


async def test_reset_drops_what_was_under_way(child: Child) -> None:
    for _ in range(100):
        await child.send(AUDIO, bytes(1000))
    await child.reset()
    await child.send(END)
    assert await child.receive() == (END, b"")


async def test_a_refusal_is_an_answer(child: Child) -> None:
    await child.send(REFUSED, b"there is no such voice")
    with pytest.raises(ChildRefused, match="^there is no such voice$"):
        await child.receive()
    assert child.alive


async def test_a_child_that_is_killed_is_noticed(child: Child) -> None:
    os.kill(child.pid, signal.SIGKILL)
    assert await lost(child) == "it was ended by SIGKILL"
    assert not child.alive
    with pytest.raises(ChildLost, match="^it was ended by SIGKILL$"):
        await child.send(AUDIO)


async def test_a_child_that_ends_is_noticed() -> None:
    child = await Child.start(DIES_WHEN_ASKED)
    await child.send(AUDIO)
    assert await lost(child) == "it ended with exit code 7"


async def test_a_child_that_fails_says_why_and_ends() -> None:
    child = await Child.start(script("pipe.send(READY)\npipe.receive()\nraise OSError('the data is gone')"))
    await child.send(AUDIO)
    with pytest.raises(ChildRefused, match="^OSError: the data is gone$"):
        await child.receive()
    assert await lost(child) == "it ended with exit code 1"


async def test_a_child_that_hangs_is_killed() -> None:
    child = await Child.start(ECHO, answer_secs=0.1)
    os.kill(child.pid, signal.SIGSTOP)
    await child.send(AUDIO)
    assert await lost(child) == "it did not answer within 0.1 s"
    await child.ended()


async def test_a_child_that_does_not_read_is_killed() -> None:
    child = await Child.start(ECHO, answer_secs=0.1)
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ChildLost, match=r"^it did not answer within 0\.1 s$"):
        await child.send(AUDIO, bytes(1 << 20))
    await child.ended()


async def test_a_child_out_of_step_is_killed() -> None:
    child = await Child.start(script("pipe.send(READY)\npipe._out.write(b'!' * 100)\npipe.receive()"))
    assert await lost(child) == "its answers were out of step"
    await child.ended()


async def test_a_child_that_cannot_start_says_why() -> None:
    with pytest.raises(ChildLost, match="^ModuleNotFoundError: No module named 'nothing'$"):
        await Child.start(script("import nothing"))


async def test_signals_of_the_terminal_leave_it_alone(child: Child) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM):
        os.kill(child.pid, ignored)
    await child.send(AUDIO, b"still here")
    assert await child.receive() == (AUDIO, b"still here")
    assert os.getpgid(child.pid) != os.getpgid(0)


async def test_a_child_ends_when_its_parent_is_gone() -> None:
    code = (
        "import asyncio, os, sys\nfrom voicekit.services.child import Child\n"
        f"child = asyncio.run(Child.start({ECHO!r}))\n"
        "print(child.pid, flush=True)\nsys.stdin.read()\nos._exit(0)\n"
    )
    pipe = asyncio.subprocess.PIPE
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe, stdout=pipe)
    assert parent.stdout
    handle = os.pidfd_open(int(await parent.stdout.readline()))
    await parent.communicate(b"")
    ended, _, _ = await asyncio.to_thread(select.select, [handle], [], [], LIMIT_SECS)
    os.close(handle)
    assert ended


async def test_a_spare_is_kept_warm(pool: Pool) -> None:
    first = await pool.acquire()
    await until(lambda: pool.idle == 1)
    second = await pool.acquire()
    assert first.pid != second.pid
    await until(lambda: pool.idle == 1)
    assert len(pool.pids) == 3
    for child in (first, second):
        pool.release(child)
    await until(lambda: pool.idle == 3)


async def test_a_child_comes_back_clean(pool: Pool) -> None:
    child = await pool.acquire()
    await child.send(AUDIO, b"of another caller")
    pool.release(child)
    await until(lambda: pool.idle == 2)
    for again in [await pool.acquire(), await pool.acquire()]:
        await again.send(END)
        assert await again.receive() == (END, b"")


async def test_a_spare_that_dies_is_replaced_before_it_is_needed(pool: Pool) -> None:
    await pool.warm()
    await until(lambda: pool.idle >= 1)
    before = pool.pids
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: pool.idle == 1 and not set(before) & set(pool.pids))


async def test_a_dead_child_is_never_handed_out(pool: Pool) -> None:
    child = await pool.acquire()
    os.kill(child.pid, signal.SIGKILL)
    pool.release(child)
    other = await pool.acquire()
    assert other.pid != child.pid
    await until(lambda: child.pid not in pool.pids)


async def test_cancelling_an_acquire_loses_nothing(pool: Pool) -> None:
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await until(lambda: pool.idle == len(pool.pids) > 0)


async def test_the_limit_holds_and_who_waits_is_served() -> None:
    pool = Pool(ECHO, limit=1)
    child = await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    pool.release(child)
    assert await waiting is child
    assert pool.pids == [child.pid]
    await pool.close()


async def test_unused_children_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicekit.services.pool.IDLE_SECS", 0.05)
    pool = Pool(ECHO)
    for child in [await pool.acquire(), await pool.acquire()]:
        pool.release(child)
    await until(lambda: pool.idle == len(pool.pids) == 1)
    await pool.close()


async def test_close_ends_everything() -> None:
    pool = Pool(ECHO)
    child = await pool.acquire()
    await child.send(TEXT)
    waiting = asyncio.create_task(child.receive())
    await pool.close()
    assert pool.pids == []
    with pytest.raises(ChildLost, match="^it was ended by SIGKILL$"):
        await waiting
    with pytest.raises(ChildLost, match="^the pool is closed$"):
        await pool.acquire()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_pool_whose_children_cannot_start_says_why() -> None:
    pool = Pool(script("raise OSError('no library')"))
    for _ in range(2):
        with pytest.raises(ChildLost, match="^OSError: no library$"):
            await pool.acquire()
    await pool.close()


@pytest.mark.parametrize("name", ["pocketsphinx_worker", "flite_worker", "espeak_worker"])
async def test_workers_load_neither_pipecat_nor_asyncio(name: str) -> None:
    code = f"import sys, voicekit.services.{name}\nprint({{'pipecat', 'asyncio', 'numpy'}} & set(sys.modules))"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=pipe)
    out, _ = await process.communicate()
    assert out == b"set()\n"
    assert worker(name)[-1] == f"voicekit.services.{name}"
