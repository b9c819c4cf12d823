"""Evals: a scenario of a suite as Pipecat's own, and its agent as it is held with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipecat.evals.scenario import (
    EvalExpectation,
    EvalFunctionCall,
    EvalScriptScenario,
    EvalScriptTurn,
    EvalSendAfter,
)

from voicekit.calls.emulate import Emulate
from voicekit.calls.suite import Expectation, Scenario, Turn
from voicekit.config.agent import Agent
from voicekit.runtime.line import Line

CALLER_HZ = 16000
"""The rate at which a caller's sound is sent in an eval."""


class Spoken(EvalScriptScenario):
    """A scenario in which the agent speaks. What it says is sent to the caller, who records it, and not transcribed."""

    def wants_response(self) -> bool:
        """Ask for the agent's sound: Pipecat sends it to whoever wants to transcribe it."""
        return True


def as_pipecat(scenario: Scenario, path: Path, *, speaks: bool) -> EvalScriptScenario:
    """Return a scenario as Pipecat's session takes it.

    Args:
        scenario: The scenario.
        path: The file it is from; its recordings are beside it.
        speaks: Whether the agent is heard, and its words are those of its voice.
    """
    spoken = scenario.user.modality == "audio"
    given: dict[str, Any] = {"judge": scenario.judge.eval} if scenario.judge.eval else {}
    return (Spoken if speaks else EvalScriptScenario)(
        name=scenario.name,
        turns=[_turn(turn, path.parent, speaks=speaks) for turn in scenario.turns],
        context=[dict(message) for message in scenario.context],
        bot_audio=speaks,
        user_audio=spoken,
        user_speech={"sample_rate": CALLER_HZ} if spoken else None,
        stop_on_failure=scenario.stop_on_failure,
        source_path=path,
        **given,
    )


def _turn(turn: Turn, folder: Path, *, speaks: bool) -> EvalScriptTurn:
    parts = [part if isinstance(part, str) else part.pause_ms for part in turn.user or ()]
    after = turn.send_after
    return EvalScriptTurn(
        user=turn.text,
        parts=parts if any(isinstance(part, int) for part in parts) else None,
        audio=str((folder / turn.audio).resolve()) if turn.audio else None,
        dtmf=turn.dtmf,
        send_after=EvalSendAfter(after.event, after.delay_ms) if after else None,
        expect=[_expectation(wanted, speaks=speaks) for wanted in turn.expect],
    )


def _expectation(wanted: Expectation, *, speaks: bool) -> EvalExpectation:
    # With nobody to transcribe the agent's sound, its voice says what it speaks.
    response = "tts_response" if speaks else "llm_response"
    calls = [EvalFunctionCall(call.name, call.args) for call in wanted.calls or ()]
    if wanted.event.startswith("function_call") and not calls and not wanted.absent:
        calls = [EvalFunctionCall(wanted.name, wanted.args)]
    return EvalExpectation(
        event=response if wanted.event == "response" else wanted.event,
        calls=calls or None,
        **wanted.model_dump(exclude={"event", "calls", "name", "args"}),
    )


def with_mocks(agent: Agent, emulate: Emulate) -> Agent:
    """Return a file whose tools answer as a scenario says; one that is not there is left out."""
    tools = {
        name: tool.model_copy(update={"mock": emulate.tools[name]}) if name in emulate.tools else tool
        for name, tool in agent.tools.items()
    }
    return agent.model_copy(update={"tools": tools})


def telling(emulate: Emulate) -> Callable[[Line], Line]:
    """Return what gives a line the caller and the values that a scenario says it brings."""
    return lambda line: replace(line, caller=line.caller or emulate.caller, given={**emulate.vars, **line.given})


def speaks(agent: Agent, scenario: Scenario) -> bool:
    """Say whether an agent speaks in a scenario: a realtime one does even where it is written to."""
    return agent.realtime is not None or scenario.judge.modality == "audio"


def written(agent: Agent) -> Agent:
    """Return a file without ears and voice, for a conversation that is written: it needs neither, and is quick.

    A realtime provider is both at once, and stays. Who writes may take his time: nobody is nudged.
    """
    gone = {} if agent.realtime else {"asr": (), "tts": ()}
    return agent.model_copy(update={"silence": None, **gone})
