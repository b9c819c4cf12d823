"""Trial: one scenario held with its agent on emulators, and what came of it."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipecat.evals.judge import EvalJudge
from pipecat.evals.results import EvalAssertionFailure, EvalProgress, EvalScriptTurnProgress
from pipecat.evals.script_session import EvalScriptSession
from pipecat.evals.session import EvalSessionParams
from pipecat.processors.frame_processor import FrameProcessor

from voicekit.calls.evals import as_pipecat, speaks, telling, with_mocks, written
from voicekit.calls.outcome import Moment, Outcome
from voicekit.calls.scene import as_scene
from voicekit.calls.stage import Stage, staged
from voicekit.calls.suite import Scenario, Steps, Suite
from voicekit.calls.voice import voice
from voicekit.config.agent import Agent
from voicekit.problems import Place, Problem, Refused
from voicekit.records.events import Event
from voicekit.runtime.construct import service_class
from voicekit.runtime.host import Host
from voicekit.runtime.recorder import recorder
from voicekit.runtime.resources import Resources
from voicekit.server.app import make_app
from voicekit.server.serving import serving

EXPECTED_MS: Final = 10_000
"""Within which what is expected has to happen, where the scenario says nothing else."""
READY_SECS: Final = 15.0


@dataclass
class Trial:
    """One scenario and its agent.

    Attributes:
        suite: The file of tests.
        index: Which of its scenarios.
        agent: The agent's file, checked with the variables of a stage.
        texts: The text of each file that it is made of.
        record: Where the sound of a spoken scenario is kept.
    """

    suite: Suite
    index: int
    agent: Agent
    texts: Mapping[str, str]
    record: Path
    _moments: list[Moment] = field(default_factory=list)
    _began: float = 0.0

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.suite.scenarios[self.index]

    async def hold(self) -> Outcome:
        """Hold the conversation and return what came of it; whatever goes wrong is in the outcome."""
        began = self._began = time.monotonic()
        try:
            problems = await self._held()
        except Refused as refused:
            problems = refused.problems
        sources = {**self.texts, **self.suite.sources} if problems else {}
        recording = self.record if self.record.exists() else None
        secs = round(time.monotonic() - began, 2)
        return Outcome(self.suite, self.scenario.name, secs, sources, tuple(problems), tuple(self._moments), recording)

    async def _held(self) -> tuple[Problem, ...]:
        async with AsyncExitStack() as stack:
            agent = with_mocks(self.agent, self.scenario.emulate)
            agent = agent if speaks(agent, self.scenario) else written(agent)
            stage = await stack.enter_async_context(staged(agent, as_scene(self.scenario.emulate)))
            host = Host(
                stage.agent,
                self.suite.agent.parent,
                mocked=True,
                tap=self._tap,
                told=telling(self.scenario.emulate),
            )
            await host.warm_up()
            address = await stack.enter_async_context(serving(make_app(host, lambda: self._note)))
            resources = Resources()
            stack.push_async_callback(resources.close)
            self._began = time.monotonic()
            result = await self._session(f"ws://{address}/ws", stage, resources).run()
        return tuple(self._problem(failure) for failure in result.failures)

    def _session(self, url: str, stage: Stage, resources: Resources) -> EvalScriptSession:
        scenario = as_pipecat(self.scenario, self.suite.path, speaks=speaks(self.agent, self.scenario))
        judged = any(wanted.eval for turn in self.scenario.turns for wanted in turn.expect)
        spoken = scenario.user_audio
        session = EvalScriptSession(
            scenario,
            url,
            params=EvalSessionParams(default_timeout_ms=EXPECTED_MS, bot_ready_timeout_s=READY_SECS),
            judge=EvalJudge.from_config(scenario.judge) if judged else None,
            user_tts=voice(self.agent.language, resources, stage.announce) if spoken else None,
        )

        async def progress(_session: object, record: EvalProgress) -> None:
            if isinstance(record, EvalScriptTurnProgress) and record.status == "turn" and record.event_name:
                self._note(record.event_name)

        session.add_event_handler("on_progress", progress)
        return session

    def _note(self, what: Event | str) -> None:
        self._moments.append(Moment(round(time.monotonic() - self._began, 2), what))

    def _tap(self) -> FrameProcessor:
        return recorder(self.record)

    def _problem(self, failure: EvalAssertionFailure) -> Problem:
        return Problem(f"{failure.kind.replace('_', '-')}", failure.reason, self._place(failure))

    def _place(self, failure: EvalAssertionFailure) -> Place:
        at: Steps = ("scenarios", self.index)
        if failure.turn_index >= 0:
            at = (*at, "turns", failure.turn_index)
            if failure.expectation_index >= 0:
                return self.suite.places.value(*at, "expect", failure.expectation_index, "event")
            return self.suite.places.value(*at)
        return self.suite.places.value(*at, "name")


async def hold_all(trials: list[Trial], jobs: int, told: Callable[[Outcome], None]) -> list[Outcome]:
    """Hold several at a time and return their outcomes in their own order.

    Args:
        trials: What is held.
        jobs: How many at a time.
        told: Told of each outcome as it comes.
    """
    _import_services(trials)
    free = asyncio.Semaphore(jobs)

    async def one(trial: Trial) -> Outcome:
        async with free:
            outcome = await trial.hold()
            told(outcome)
            return outcome

    return list(await asyncio.gather(*map(one, trials)))


def _import_services(trials: list[Trial]) -> None:
    """Import what the agents are made of: an SDK takes a second, in which none of the callers would be heard."""
    agents = {trial.suite.agent: trial.agent for trial in trials}
    for path, agent in agents.items():
        # What cannot be imported is told of the scenarios that need it.
        with contextlib.suppress(Refused):
            for service in Host(agent, path.parent, mocked=True).agent.services:
                service_class(service)
