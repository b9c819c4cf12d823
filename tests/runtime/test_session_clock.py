"""A session in virtual time: when it is tried again, asked for a sign of life, renewed, and given up."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from websockets.asyncio.client import ClientConnection
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from tests.runtime.clock import Clock
from voicekit.records.events import Event, Restarted, Trouble
from voicekit.runtime.session import Session

LIMIT_SECS = 8.0
TRIES = 2
EPOCH = 1_800_000_000.0
PROBE = {"type": "session.update", "session": {"type": "realtime"}}
REFUSED = InvalidStatus(Response(401, "Unauthorized", Headers()))


class Connection:
    """One that a test speaks through."""

    def __init__(self, *, begins: bool = True, lasts: float = 3600.0) -> None:
        self.sent: list[dict[str, Any]] = []
        self._waiting: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        if begins:
            self.say({"type": "session.created", "session": {"expires_at": EPOCH + lasts}})
            self.say({"type": "session.updated"})

    def say(self, event: dict[str, Any] | None) -> None:
        self._waiting.put_nowait(event)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (event := await self._waiting.get()) is not None:
            yield json.dumps(event)

    async def send(self, message: str) -> None:
        self.sent.append(json.loads(message))

    async def close(self) -> None:
        self.say(None)


class Model:
    """As much of Pipecat's service as a session asks for."""

    def __init__(self) -> None:
        self._websocket: Any = None
        self._receive_task: asyncio.Task[None] | None = None
        self._current_audio_response = None
        self._response_active = self._response_create_owed = self._run_llm_when_api_session_ready = False
        self._open_function_calls: set[str] = set()
        self.got: list[str] = []

    create_task = staticmethod(asyncio.create_task)

    async def cancel_task(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait({task})

    async def _receive_task_handler(self) -> None:
        async for message in self._websocket:
            self.got.append(json.loads(message)["type"])


class Heard:
    """What a caller hears, and when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.lines: list[tuple[str, float]] = []

    async def bridge(self) -> None:
        if len(self.lines) < TRIES and not any(line == "filler" for line, _ in self.lines):
            self.lines.append(("filler", self._clock.time))

    async def unanswerable(self) -> bool:
        self.fail()
        return sum(line == "sorry" for line, _ in self.lines) < TRIES

    def fail(self) -> None:
        self.lines.append(("sorry", self._clock.time))


class Bench:
    def __init__(self, *ends: Connection | Exception) -> None:
        self.clock = Clock()
        self.model, self.heard = Model(), Heard(self.clock)
        self.events: list[Event] = []
        self.dialled: list[float] = []
        self._ends = list(ends)
        self.session = Session(
            cast("Any", self.model),
            cast("Any", SimpleNamespace(timeout_secs=LIMIT_SECS)),
            self.events.append,
            cast("Any", self.heard),
            dial=self._dial,
            sleep=self.clock.sleep,
            now=self.clock.now,
            epoch=lambda: EPOCH + self.clock.time,
        )

    async def _dial(self, _service: object, _limit_secs: float) -> ClientConnection:
        self.dialled.append(self.clock.time)
        end = self._ends.pop(0) if len(self._ends) > 1 else self._ends[0]
        if isinstance(end, Exception):
            raise end
        return cast("ClientConnection", end)

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def wait(self, secs: float) -> None:
        end = self.clock.time + secs
        await self.settle()
        while self.clock.wake_by(end):
            await self.settle()

    async def send(self, event: dict[str, Any]) -> None:
        await cast("Any", self.model)._ws_send(event)


@asynccontextmanager
async def bench(*ends: Connection | Exception) -> AsyncIterator[Bench]:
    made = Bench(*ends)
    await cast("Any", made.model)._connect()
    await made.settle()
    try:
        yield made
    finally:
        await made.session.close()
        assert made.model._receive_task is not None
        await made.model.cancel_task(made.model._receive_task)


async def test_what_cannot_be_reached_is_tried_for_as_long_as_the_limit_says() -> None:
    async with bench(OSError("refused")) as line:
        await line.wait(30)
    # Twice: after the first line another round begins, after the second the call ends.
    assert line.dialled == [0.0, 1.0, 3.0, 7.0, 7.0, 8.0, 10.0, 14.0]
    assert line.heard.lines == [("filler", 1.25), ("sorry", 7.0), ("sorry", 14.0)]
    assert line.events == [Trouble("realtime", "cannot connect: refused")] * 2


async def test_a_refused_key_is_not_tried_again() -> None:
    async with bench(REFUSED) as line:
        await line.wait(30)
    assert line.dialled == [0.0]
    assert line.heard.lines == [("sorry", 0.0), ("sorry", 0.0)]


async def test_one_that_does_not_begin_is_left_for_another() -> None:
    async with bench(Connection(begins=False), Connection()) as line:
        await line.wait(10)
        assert line.model.got == ["session.created", "session.updated"]
    [restarted] = line.events
    assert isinstance(restarted, Restarted)
    assert restarted.reason == "it has not begun within 8 s"
    assert line.heard.lines == [("filler", 1.25)]


async def test_one_from_which_nothing_comes_is_asked_for_a_sign_and_left() -> None:
    first, second = Connection(), Connection()
    async with bench(first, second) as line:
        await line.wait(3.5)
        assert first.sent == [PROBE]
        first.say({"type": "session.updated"})
        await line.wait(4)
        assert first.sent == [PROBE, PROBE]
        assert line.dialled == [0.0]
        await line.wait(2)
    [restarted] = line.events
    assert restarted == Restarted("realtime", "it has given no sign of life for 1.5 s", 0.0)
    assert line.heard.lines == []


def sound(secs: float, level: int) -> dict[str, Any]:
    audio = base64.b64encode(level.to_bytes(2, "little") * int(secs * 24000)).decode()
    return {"type": "input_audio_buffer.append", "audio": audio}


async def test_one_that_hangs_is_noticed_sooner_by_a_caller_who_speaks() -> None:
    async with bench(*[Connection() for _ in range(3)]) as line:
        await line.wait(2)
        await line.send(sound(0.4, 3000))
        await line.wait(9)
    # The second hangs as well: what was said has not been noticed yet.
    assert line.dialled[:3] == [0.0, 4.0, 8.0]
    assert line.heard.lines[:1] == [("filler", 3.5)]


async def test_a_noise_of_which_nothing_comes_is_no_reason_to_say_anything() -> None:
    connection = Connection()
    async with bench(connection) as line:

        async def signs() -> None:
            answered = 0
            while True:
                await line.clock.sleep(0.1)
                if connection.sent.count(PROBE) > answered:
                    answered += 1
                    connection.say({"type": "session.updated"})

        alive = asyncio.create_task(signs())
        for _ in range(20):
            await line.send(sound(0.4, 3000))
            await line.wait(0.4)
        asked = connection.sent.count(PROBE)
        for _ in range(20):
            await line.send(sound(0.4, 300))
            await line.wait(0.4)
        alive.cancel()
    # Once a second while it is loud, and then every three seconds.
    assert (asked, connection.sent.count(PROBE) - asked) == (6, 3)
    assert (line.dialled, line.heard.lines, line.events) == ([0.0], [], [])


async def test_an_answer_that_does_not_come_is_asked_for_again_and_then_given_up() -> None:
    connections = [Connection() for _ in range(3)]
    ask = {"type": "response.create", "event_id": "e1"}
    async with bench(*connections) as line:
        await line.send(ask)

        async def signs() -> None:
            while True:
                await line.clock.sleep(1)
                for each in connections:
                    each.say({"type": "session.updated"})

        alive = asyncio.create_task(signs())
        await line.wait(20)
        alive.cancel()
    assert [event.reason for event in line.events if isinstance(event, Restarted)] == [
        "no answer has come within 8 s",
        "no answer has come within 8 s",
    ]
    assert [[each for each in connection.sent if each == ask] for connection in connections] == [[ask], [ask], []]
    assert [line for line, _ in line.heard.lines] == ["sorry"]


async def test_one_that_is_about_to_expire_is_renewed_when_nobody_waits() -> None:
    first, second = Connection(lasts=660), Connection()
    async with bench(first, second) as line:

        async def signs() -> None:
            while True:
                await line.clock.sleep(1)
                first.say({"type": "session.updated"})

        alive = asyncio.create_task(signs())
        await line.wait(359)
        first.say({"type": "input_audio_buffer.speech_started", "item_id": "u1"})
        await line.wait(5)
        assert line.dialled == [0.0]
        first.say({"type": "input_audio_buffer.speech_stopped", "item_id": "u1"})
        first.say({"type": "response.created"})
        first.say({"type": "response.output_text.delta", "item_id": "a1", "delta": "Yes."})
        await line.wait(2)
        assert line.dialled == [0.0]
        first.say({"type": "response.done", "response": {"status": "completed"}})
        await line.wait(1)
        alive.cancel()
    assert line.events == [Restarted("realtime", "it is about to expire", 0.0)]
    assert [each["item"]["id"] for each in second.sent] == ["a1"]


async def test_a_caller_who_waits_for_a_session_hears_a_filler() -> None:
    first = Connection()
    async with bench(first, *[OSError("gone")] * 3, Connection()) as line:
        await line.send({"type": "response.create", "event_id": "e1"})
        first.say(None)
        await line.wait(8)
    assert line.dialled == [0.0, 0.0, 1.0, 3.0, 7.0]
    assert line.heard.lines == [("filler", 1.0)]
    assert line.events == [Restarted("realtime", "it was closed", 7.0)]
