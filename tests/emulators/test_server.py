"""The server of the emulators, and the timing that they share."""

import asyncio
import signal

import httpx
import pytest

from tests.services.embedded import until
from voicekit.emulators.faults import Break, Latency
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.server import serve
from voicekit.problems import Problem, Refused


async def test_a_port_that_is_taken_is_refused() -> None:
    async with serve([OpenAIChat("k")]) as address:
        port = int(address.partition(":")[2])
        with pytest.raises(Refused) as refused:
            async with serve([OpenAIChat("k")], port):
                pass
    text = f"port {port} cannot be used: Address already in use"
    assert refused.value.problems == (Problem("port-in-use", text, help="end what uses it, or choose another"),)


async def test_a_port_is_free_again_afterwards() -> None:
    async with serve([OpenAIChat("k")]) as address:
        port = int(address.partition(":")[2])
    async with serve([OpenAIChat("k")], port) as again:
        assert again == address


async def test_signals_stay_with_the_process() -> None:
    before = signal.getsignal(signal.SIGINT)
    async with serve([OpenAIChat("k")]):
        assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("after", [0, 2])
async def test_a_connection_is_lost_without_a_word_in_the_log(after: int, caplog: pytest.LogCaptureFixture) -> None:
    emulator = OpenAIChat("k")
    emulator.faults = iter([Break("drop", after)])
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    lines: list[str] = []

    async def listen() -> None:
        async with (
            httpx.AsyncClient(headers={"Authorization": "Bearer k"}) as http,
            http.stream("POST", f"http://{address}/v1/chat/completions", json=body) as answer,
        ):
            async for line in answer.aiter_lines():
                lines.append(line)  # noqa: PERF401 - what came before the error counts

    async with serve([emulator]) as address:
        with pytest.raises(httpx.RemoteProtocolError):
            await listen()
        await until(lambda: emulator.received[0].outcome == "broken")
    assert len([line for line in lines if line]) == after
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []


async def test_what_hangs_is_given_up_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    emulator = OpenAIChat("k")
    emulator.faults = iter([Break("hang", 1)])
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    async with httpx.AsyncClient(headers={"Authorization": "Bearer k"}) as http:
        async with serve([emulator]) as address:
            asking = asyncio.create_task(http.post(f"http://{address}/v1/chat/completions", json=body))
            await until(lambda: len(emulator.received) == 1)
        with pytest.raises(httpx.TransportError):
            await asking
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_delays_of_one_seed_are_the_same() -> None:
    one, two, other = (Latency(0.3, spread=0.5, seed=seed) for seed in (1, 1, 2))
    drawn = [one.draw(0.3) for _ in range(200)]
    assert drawn == [two.draw(0.3) for _ in range(200)]
    assert drawn != [other.draw(0.3) for _ in range(200)]
    assert 0.2 < sorted(drawn)[100] < 0.4
    assert Latency(0.3).draw(0.3) == 0.3
