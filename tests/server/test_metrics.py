"""What Prometheus reads, by its own parser."""

import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.served import served
from voicekit.calls.exchange import greeted
from voicekit.calls.websocket_caller import WebSocketCaller
from voicekit.records.events import (
    AgentFilled,
    AgentSaid,
    AnswerBegan,
    CallEnded,
    CallerSaid,
    CallStarted,
    Event,
    LimitReached,
    Restarted,
    Stages,
    TakenOver,
    ToolFinished,
    Trouble,
)
from voicekit.server.metrics import CONTENT_TYPE, Metrics
from voicekit.services.tts_embedded import available

EVENTS: tuple[Event, ...] = (
    CallStarted(),
    CallerSaid("My card is 4711."),
    ToolFinished("find", failed=False, ms=20),
    ToolFinished("find", failed=True, ms=20),
    AnswerBegan(Stages(answer=700, turn=200, llm=300, tts=200)),
    AgentFilled("One moment."),
    AgentSaid("Thank you, Ann.", interrupted=True),
    AgentSaid("Thank you.", interrupted=False),
    Trouble("asr deepgram", "refused 4711"),
    TakenOver("asr", "deepgram", "openai", "it hangs"),
    Restarted("realtime", "it hangs", 1.0),
    LimitReached("turns", 2),
    CallEnded("limit", 12.0, 0.25),
    CallStarted(),
    CallEnded("caller", 3.0, None),
)


def read(text: str) -> Mapping[tuple[str, ...], float]:
    """Return each sample by its name and its labels in their order, but for those that are 0 and when it was made."""
    return {
        (sample.name, *(label for _, label in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value and not sample.name.endswith("_created")
    }


def test_what_happens_is_counted_and_what_is_said_is_not() -> None:
    metrics = Metrics("desk", lambda: 3)
    told: list[Event] = []
    listener = metrics.listening(lambda: told.append)()
    for event in EVENTS:
        listener(event)
    assert tuple(told) == EVENTS
    text = metrics.text().decode()
    assert "4711" not in text
    assert "Ann" not in text
    samples = read(text)
    assert {sample: value for sample, value in samples.items() if not sample[0].endswith("_bucket")} == {
        ("voicekit_calls_live", "desk"): 3,
        ("voicekit_calls_started_total", "desk"): 2,
        ("voicekit_calls_ended_total", "desk", "limit"): 1,
        ("voicekit_calls_ended_total", "desk", "caller"): 1,
        ("voicekit_call_seconds_count", "desk"): 2,
        ("voicekit_call_seconds_sum", "desk"): 15,
        ("voicekit_cost_usd_total", "desk"): 0.25,
        ("voicekit_answer_seconds_count", "desk", "answer"): 1,
        ("voicekit_answer_seconds_count", "desk", "turn"): 1,
        ("voicekit_answer_seconds_count", "desk", "llm"): 1,
        ("voicekit_answer_seconds_count", "desk", "tts"): 1,
        ("voicekit_answer_seconds_sum", "desk", "answer"): 0.7,
        ("voicekit_answer_seconds_sum", "desk", "turn"): 0.2,
        ("voicekit_answer_seconds_sum", "desk", "llm"): 0.3,
        ("voicekit_answer_seconds_sum", "desk", "tts"): 0.2,
        ("voicekit_interruptions_total", "desk"): 1,
        ("voicekit_tool_calls_total", "desk", "false", "find"): 1,
        ("voicekit_tool_calls_total", "desk", "true", "find"): 1,
        ("voicekit_troubles_total", "desk", "asr deepgram"): 1,
        ("voicekit_failovers_total", "desk", "asr"): 1,
        ("voicekit_restarts_total", "desk", "realtime"): 1,
        ("voicekit_limits_reached_total", "desk", "turns"): 1,
    }
    assert samples["voicekit_answer_seconds_bucket", "desk", "0.8", "answer"] == 1
    assert ("voicekit_answer_seconds_bucket", "desk", "0.6", "answer") not in samples


FILE = """
version: 1
name: desk
greeting: Hello.
transport: websocket
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}
tts: flite
"""


@pytest.mark.skipif(available("flite") != "", reason=available("flite"))
async def test_the_numbers_are_for_this_machine(tmp_path: Path) -> None:
    async with served(FILE, tmp_path) as (address, _, host), aiohttp.ClientSession() as session:
        url = f"http://{address}/metrics"
        async with await WebSocketCaller.call(f"http://{address}", "rtvi") as caller:
            await greeted(caller, time.monotonic())
            async with session.get(url) as response:
                assert (response.status, response.headers["Content-Type"]) == (200, CONTENT_TYPE)
                assert read(await response.text())["voicekit_calls_live", "desk"] == 1
        await host.drain(5)
        async with session.get(url) as response:
            samples = read(await response.text())
        assert samples["voicekit_calls_ended_total", "desk", "caller"] == 1
        assert ("voicekit_calls_live", "desk") not in samples
        async with session.get(url, headers={"X-Forwarded-For": "203.0.113.7"}) as response:
            assert response.status == 403
