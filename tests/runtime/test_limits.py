"""Limits of a call: when each is reached, what the caller hears then, and that nothing more is asked of a model."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection

from tests.emulators.sound import quiet, tone
from tests.runtime.clock import Clock, Steps
from tests.runtime.memory_line import Caller, calling
from tests.services.embedded import needs_flite, running
from voicekit.calls.scene import Scene
from voicekit.calls.stage import Stage, stage_variables, staged
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.providers.prices import Price
from voicekit.records.cost import Bill, Usage
from voicekit.records.events import AgentFilled, AgentSaid, CallEnded, Event, LimitReached, ToolFinished, Trouble
from voicekit.runtime.limits import Gate, Limiter

# The SDK of Deepgram still connects with the names that websockets is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning")

HEAD: Final = "version: 1\nname: desk\nprompt: Be brief.\n"
CASCADE: Final = """
asr: deepgram/nova-3
llm: openai/gpt-4o-mini
tts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}
fillers: false
"""
REALTIME: Final = "realtime: openai/gpt-realtime\n"
GOODBYE: Final = "Time is up."
MODEL: Final = "openai/gpt-4o-mini"
# A dollar a token.
DEAR: Final = Price(output=1_000_000)
STEPS: Final[dict[str, Frame]] = {
    "begins": LLMFullResponseStartFrame(),
    "ends": LLMFullResponseEndFrame(),
    "voice begins": TTSStartedFrame(),
    "voice ends": TTSStoppedFrame(),
    "cut off": InterruptionFrame(),
    "speaks": UserStartedSpeakingFrame(),
    "silent": UserStoppedSpeakingFrame(),
    "heard": BotStartedSpeakingFrame(),
    "unheard": BotStoppedSpeakingFrame(),
}


def desk(folder: Path, limits: str, services: str = CASCADE) -> Agent:
    warning = "" if "secs: false" in limits else "warn_say: Soon., "
    data = f"{HEAD}{services}limits: {{goodbye: {GOODBYE}, {warning}{limits}}}\n".encode()
    loaded = load(folder / "desk.yaml", stage_variables({}), running=True, data=data)
    assert loaded.agent is not None, loaded.problems
    return loaded.agent


class Desk:
    """A limiter that a test leads through a call; what is said, and when."""

    def __init__(self, agent: Agent) -> None:
        self.clock = Clock()
        self.bill = Bill()
        self.said: list[tuple[float, str]] = []
        self.events: list[Event] = []
        self.failed = 0
        self.hanging_up = False
        self.limiter = Limiter(
            agent,
            self.bill,
            self.events.append,
            say=self.say,
            part=self.part,
            fail=self.fail,
            ends=lambda: self.hanging_up,
            sleep=self.clock.sleep,
        )

    async def say(self, words: str, stop: bool) -> None:
        self.said.append((round(self.clock.time, 3), f"stop: {words}" if stop else words))

    async def part(self, words: str, reason: str, stop: bool) -> None:
        assert reason == "limit"
        await self.say(words, stop)

    def fail(self) -> None:
        self.failed += 1

    def spend(self, tokens: int) -> None:
        self.bill.add(MODEL, Usage(output=tokens), DEAR)
        self.limiter.spent()

    def reached(self) -> list[tuple[str, float]]:
        return [(each.limit, each.value) for each in self.events if isinstance(each, LimitReached)]

    async def play(self, steps: str) -> list[tuple[float, str]]:
        """Take the steps: a number is seconds, `$` and a number what is spent."""
        async with running(self.limiter) as line:
            at = Steps(line, self.clock)
            for step in steps.split(", "):
                if step in STEPS:
                    await at.put(STEPS[step])
                elif step == "open":
                    self.limiter.opened()
                elif step == "turn":
                    self.limiter.turn()
                elif step.startswith("$"):
                    self.spend(int(step[1:]))
                else:
                    await at.wait(float(step))
                await at.settle()
        return self.said


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("open, 49", []),
        ("open, 50", [(50, "Soon.")]),
        ("open, 61", [(50, "Soon."), (60, f"stop: {GOODBYE}")]),
        # Nobody is interrupted by the warning.
        ("open, 48, speaks, 5, silent, turn, 1, begins, 1, heard, ends, 2, unheard, 1", [(57.5, "Soon.")]),
        ("open, 48, speaks, 20", [(60, f"stop: {GOODBYE}")]),
    ],
)
async def test_the_time(steps: str, said: list[tuple[float, str]], tmp_path: Path) -> None:
    assert await Desk(desk(tmp_path, "call_secs: 60, warn_secs: 10")).play(steps) == said


@pytest.mark.parametrize("limits", ["call_secs: false", "call_secs: 60, warn_secs: false"])
async def test_what_is_lifted_is_not_said(limits: str, tmp_path: Path) -> None:
    assert await Desk(desk(tmp_path, limits)).play("open, 59") == []


async def test_last_words_are_not_cut_off_by_the_time(tmp_path: Path) -> None:
    at = Desk(desk(tmp_path, "call_secs: 60, warn_secs: 10"))
    at.hanging_up = True
    assert await at.play("open, 61") == []
    assert at.reached() == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("turn, begins, $9, ends, 5", []),
        ("turn, begins, $10, 5", []),
        ("turn, begins, $10, 2, ends", [(2, GOODBYE)]),
        # The voice has not handed on all of it.
        ("turn, begins, voice begins, $10, ends, 1, voice ends, 1", [(1, GOODBYE)]),
        ("turn, begins, $10, 2, cut off", [(2, GOODBYE)]),
        ("turn, begins, $5, ends, turn, begins, $5, 1, ends, 1", [(1, GOODBYE)]),
        ("$10, $10, 1", [(0, GOODBYE)]),
    ],
)
@pytest.mark.parametrize("limit", ["tokens: 100", "cost_usd: 10"])
async def test_the_answer_under_way_is_heard_to_its_end(
    limit: str, steps: str, said: list[tuple[float, str]], tmp_path: Path
) -> None:
    name, _, value = limit.partition(": ")
    factor = 10 if name == "tokens" else 1
    at = Desk(desk(tmp_path, "cost_usd: false, tokens: 100" if factor == 10 else limit))
    spent = ", ".join(f"${int(step[1:]) * factor}" if step.startswith("$") else step for step in steps.split(", "))
    assert await at.play(spent) == said
    assert at.reached() == [(name, float(value))] * (said != [] or "$10, 5" in steps)


async def test_nothing_is_asked_after_the_last_answer(tmp_path: Path) -> None:
    at = Desk(desk(tmp_path, "cost_usd: 10"))
    async with running(Pipeline([Gate(at.limiter.turn), at.limiter])) as line:
        steps = Steps(line, at.clock)
        await steps.put(LLMContextFrame(LLMContext()))
        assert len(line.down.all(LLMContextFrame)) == 1
        await at.limiter.queue_frame(LLMContextFrame(LLMContext()), FrameDirection.UPSTREAM)
        await steps.settle()
        assert len(line.up.all(LLMContextFrame)) == 1
        at.spend(10)
        await at.limiter.queue_frame(LLMContextFrame(LLMContext()), FrameDirection.UPSTREAM)
        await line.put(LLMContextFrame(LLMContext()))
        await steps.settle()
        assert (len(line.up.all(LLMContextFrame)), len(line.down.all(LLMContextFrame))) == (1, 1)


async def test_a_turn_too_many_is_answered_with_the_goodbye(tmp_path: Path) -> None:
    at = Desk(desk(tmp_path, "turns: 2"))
    assert await at.play("turn, begins, ends, 1, turn, begins, ends, 1") == []
    at = Desk(desk(tmp_path, "turns: 2"))
    assert await at.play("turn, begins, ends, turn, begins, ends, 1, turn, 1") == [(1, f"stop: {GOODBYE}")]
    assert at.reached() == [("turns", 2)]


async def test_tools_are_refused_by_turn_and_by_call(tmp_path: Path) -> None:
    at = Desk(desk(tmp_path, "tool_calls: 3, tool_calls_per_turn: 2"))
    async with running(at.limiter):
        at.limiter.turn()
        by_turn = "no more tools can be called in this turn; answer now with what you know"
        assert [at.limiter.admit_tool() for _ in range(4)] == ["", "", by_turn, by_turn]
        at.limiter.turn()
        by_call = "no more tools can be called in this call; answer with what you know"
        assert [at.limiter.admit_tool() for _ in range(2)] == ["", by_call]
        assert at.reached() == [("tool_calls_per_turn", 2), ("tool_calls", 3)]


async def test_a_model_that_insists_on_tools_is_not_asked_for_ever(tmp_path: Path) -> None:
    at = Desk(desk(tmp_path, "tool_calls_per_turn: 1"))
    async with running(at.limiter) as line:
        steps = Steps(line, at.clock)
        at.limiter.turn()
        for refused, asked, failed in ((False, 1, 0), (True, 2, 0), (True, 2, 1)):
            assert bool(at.limiter.admit_tool()) == refused
            await at.limiter.queue_frame(LLMContextFrame(LLMContext()), FrameDirection.UPSTREAM)
            await steps.settle()
            assert (len(line.up.all(LLMContextFrame)), at.failed) == (asked, failed)
        assert [each for each in at.events if isinstance(each, Trouble)] == [
            Trouble("llm", "it calls tools again that it may not call, and gives no answer")
        ]


TOOL: Final = "tools: {look: {python: 'look:look'}}\n"
ANSWER: Final = "And a very good day to you."
DAY: Final = Script({"good day": Reply(ANSWER)})
LOOP: Final = Script({"": Reply("", (ToolCall("look"),))})


async def held(folder: Path, limits: str, script: Script, services: str, turns: int) -> tuple[Caller, Stage]:
    """Hold a call until it ends, or so many turns have been answered."""
    agent = desk(folder, limits, services)
    async with staged(agent, Scene(script)) as stage, calling(stage.agent, folder) as caller:
        for number in range(turns):
            stage.announce("Good day.", 0.6)
            caller.speak(quiet(0.2) + tone(0.6))
            answered = [
                asyncio.create_task(caller.wait(AgentSaid, number + 1)),
                asyncio.create_task(caller.wait(CallEnded)),
                asyncio.create_task(caller.wait(Trouble)),
            ]
            await asyncio.wait(answered, return_when=asyncio.FIRST_COMPLETED)
            for task in answered:
                task.cancel()
            await asyncio.sleep(0.5)
        if GOODBYE in [each.text for each in caller.of(AgentFilled)] or not turns:
            await caller.wait(CallEnded)
    return caller, stage


@pytest.mark.long
@needs_flite
@pytest.mark.parametrize("services", [CASCADE, REALTIME])
async def test_calls_end_at_each_limit_and_cost_no_more_than_one_response_above_it(
    services: str, tmp_path: Path
) -> None:
    (tmp_path / "look.py").write_text('def look() -> str:\n    "Look."\n    return "nothing"\n', encoding="utf-8")
    realtime = services == REALTIME
    cost, tokens = (0.006, 120) if realtime else (0.004, 100)
    rows = {
        "turns: 1": ("turns", 1),
        f"cost_usd: {cost}": ("cost_usd", cost),
        f"cost_usd: false, tokens: {tokens}": ("tokens", tokens),
        "call_secs: 10, warn_secs: 9": ("call_secs", 10),
    }

    async def one(limits: str) -> Caller:
        return (await held(tmp_path, limits, DAY, services, 0 if "secs" in limits else 4))[0]

    for (limit, value), caller in zip(rows.values(), await asyncio.gather(*map(one, rows)), strict=True):
        assert caller.of(LimitReached) == [LimitReached(limit, value)]
        said = [each.text for each in caller.of(AgentFilled)]
        assert said == (["Soon.", GOODBYE] if limit == "call_secs" else [GOODBYE])
        [ended] = caller.of(CallEnded)
        assert ended.reason == "limit"
        whole = [each.text for each in caller.of(AgentSaid) if not each.interrupted]
        if limit == "turns":
            assert whole.count(ANSWER) == 1
        elif limit == "cost_usd":
            assert whole
            assert set(whole) == {ANSWER}
            assert ended.cost_usd is not None
            assert cost <= ended.cost_usd < cost + 1.5 * ended.cost_usd / len(whole)


@pytest.mark.long
@needs_flite
@pytest.mark.parametrize("services", [CASCADE, REALTIME])
async def test_a_model_that_calls_tools_without_an_end_is_stopped(services: str, tmp_path: Path) -> None:
    (tmp_path / "look.py").write_text('def look() -> str:\n    "Look."\n    return "nothing"\n', encoding="utf-8")
    caller, stage = await held(tmp_path, "tool_calls_per_turn: 2", LOOP, services + TOOL, 1)
    assert [each.failed for each in caller.of(ToolFinished)] == [False, False, True, True]
    assert caller.of(LimitReached) == [LimitReached("tool_calls_per_turn", 2)]
    assert [each.text for each in caller.of(Trouble)] == [
        "it calls tools again that it may not call, and gives no answer"
    ]
    if services == CASCADE:
        model = stage.emulators["openai"]
        assert isinstance(model, OpenAIChat)
        assert len(model.received) == 4
