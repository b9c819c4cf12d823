"""Pipeline: the order in which a call's frames pass its parts.

transport in → asr (failover) → keypad → user aggregator (vad, turn) → gate → memory → llm (failover, tools) → fillers
→ tts (failover) → asides → failure → limiter → announcer → pause → transport out → assistant aggregator
                                                           (realtime stands for asr..asides, behind the user aggregator)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMAssistantAggregator,
    LLMContextAggregatorPair,
    LLMUserAggregator,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport

from voicekit.config.agent import CASCADE, Agent
from voicekit.records.events import Listener
from voicekit.runtime.announcer import Announcer
from voicekit.runtime.asides import Asides
from voicekit.runtime.captions import Captions
from voicekit.runtime.construct import construct
from voicekit.runtime.failover_asr import FailoverASR
from voicekit.runtime.failover_llm import FailoverLLM
from voicekit.runtime.failover_tts import FailoverTTS
from voicekit.runtime.failure import Failure
from voicekit.runtime.fillers import Fillers
from voicekit.runtime.interruption import InterruptionStrategy
from voicekit.runtime.keypad import keypads
from voicekit.runtime.limits import Gate, Limiter
from voicekit.runtime.memory import remembering, windows
from voicekit.runtime.meter import Meter
from voicekit.runtime.mute import DuringLine, mute_strategies
from voicekit.runtime.parting import Parting
from voicekit.runtime.pause import CallClock, Pause
from voicekit.runtime.realtime import Bypass, Realtime, ToolVoice
from voicekit.runtime.resources import Resources
from voicekit.runtime.session import Session
from voicekit.runtime.succession import Terms
from voicekit.runtime.turns import Turns
from voicekit.runtime.vad import vad_analyzer
from voicekit.runtime.wire import supervised
from voicekit.services.llm_rules import Values


@dataclass(frozen=True, slots=True)
class Watch:
    """The parts that see to it that the caller hears something, whatever fails; they know the call."""

    failure: Failure
    announcer: Announcer
    parting: Parting
    limiter: Limiter
    meter: Meter
    ends: Callable[[], bool] = lambda: False
    """Says whether the call is about to end: the model may then leave out the last words."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One call's pipeline, and the parts of it that others ask something of."""

    pipeline: Pipeline
    user: LLMUserAggregator
    assistant: LLMAssistantAggregator
    realtime: Realtime | None


def assemble(
    agent: Agent,
    resources: Resources,
    transport: BaseTransport,
    functions: list[FunctionSchema],
    listener: Listener,
    *,
    watch: Watch,
    clock: CallClock,
    values: Values = dict,
    tap: FrameProcessor | None = None,
) -> Parts:
    """Build a call's pipeline.

    Args:
        agent: The file, with its prompt as the call has it.
        resources: What calls share.
        transport: Carries the sound.
        functions: The tools.
        listener: Told of what happens.
        watch: The parts of the call that see to it that the caller hears something.
        clock: The clock of the call's worker.
        values: Gives what the answers of rules may name of the call.
        tap: What hears both sides.

    Raises:
        Refused: A service cannot be built.
    """
    pause = Pause(cast("BaseOutputTransport", transport.output()), clock)
    turns = Turns(agent, InterruptionStrategy(agent.turn.interruption, pause))
    before, behind = _services(agent, resources, listener, values, watch=watch, turns=turns)
    if agent.realtime and supervised(behind[0]):
        Session(behind[0], agent.realtime, listener, watch.failure)
    context = LLMContext(tools=list(functions)) if functions else LLMContext()
    keypad = keypads(agent)
    realtime = Realtime(cast("LLMService", behind[0]), context, keypad) if agent.realtime else None
    before += keypad
    before += [Bypass(cast("LLMService", behind[0]))] if agent.realtime else []
    user, assistant = LLMContextAggregatorPair(
        context,
        user_params=_user_params(agent, realtime, watch, turns),
        assistant_params=remembering(agent),
        realtime_service_mode=True if realtime else None,
    )
    # A realtime service asks itself.
    gates = [] if realtime else [Gate(watch.limiter.turn), *windows(agent)]
    taps = [tap] if tap else []
    out = [watch.failure, watch.limiter, watch.announcer, pause, transport.output(), *taps]
    pipeline = Pipeline([transport.input(), *before, user, *gates, *behind, *out, assistant])
    return Parts(pipeline, user, assistant, realtime)


def _services(
    agent: Agent, resources: Resources, listener: Listener, values: Values, *, watch: Watch, turns: Turns
) -> tuple[list[FrameProcessor], list[FrameProcessor]]:
    """Return the services before the user aggregator, and those behind it."""
    of: dict[str, list[FrameProcessor]] = {"asr": [], "llm": [], "tts": [], "realtime": []}
    for service in agent.services:
        made = construct(agent, service, resources, values)
        watch.meter.watch(made, service)
        of[service.kind].append(made)
    terms = {kind: Terms(kind, getattr(agent, kind), agent.fallback, listener) for kind in CASCADE}
    if of["llm"] and not agent.rules:
        of["llm"] = [FailoverLLM(cast("list[LLMService]", of["llm"]), terms["llm"], watch.ends)]
    if of["asr"]:
        settle = turns.settled if turns.depend else None
        of["asr"] = [FailoverASR(of["asr"], terms["asr"], agent.failure.within_ms / 1000, settle)]
    # Without a voice, the words of a conversation that is written go the same way.
    voices = of["tts"] or ([Captions()] if of["llm"] else [])
    if of["tts"]:
        voices = [FailoverTTS(cast("list[TTSService]", of["tts"]), terms["tts"])]
        asides = Asides(listener)
        voices = [Fillers(agent, asides, values), *voices, asides]
    if of["realtime"]:
        voices = [*of["realtime"], ToolVoice(cast("LLMService", of["realtime"][0]), values)]
    return of["asr"], [*of["llm"], *voices]


def _user_params(agent: Agent, realtime: Realtime | None, watch: Watch, turns: Turns) -> LLMUserAggregatorParams:
    mutes = [watch.parting, DuringLine(lambda: watch.announcer.unbroken), *mute_strategies(agent)]
    params = LLMUserAggregatorParams(user_mute_strategies=mutes)
    params.user_turn_stop_timeout = turns.give_up_secs
    if agent.silence and (agent.tts or agent.realtime):
        params.user_idle_timeout = agent.silence.after_secs
    if not (realtime and realtime.tells_turns):
        params.vad_analyzer = vad_analyzer(agent.vad)
        params.user_turn_strategies = turns.of_realtime() if realtime else turns.of_cascade()
    return params
