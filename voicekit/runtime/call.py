"""Call: one call's life, from the open line to the last word."""

import asyncio
import contextlib
import time
from typing import Any

from pipecat.frames.frames import ErrorFrame, TTSSpeakFrame
from pipecat.observers.base_observer import BaseObserver
from pipecat.observers.user_bot_latency_observer import LatencyBreakdown
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_response_universal import (
    AssistantTurnStoppedMessage,
    UserTurnStoppedMessage,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.processors.frameworks.rtvi import RTVIFunctionCallReportLevel, RTVIObserverParams
from pipecat.processors.frameworks.rtvi.frames import RTVIServerMessageFrame
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner

from voicekit.config.agent import Agent
from voicekit.config.lines import said as filled
from voicekit.records.cost import Bill
from voicekit.records.events import (
    AgentFilled,
    AgentSaid,
    AnswerBegan,
    CallEnded,
    CallerSaid,
    CallStarted,
    Event,
    Listener,
    Trouble,
)
from voicekit.runtime.announcer import Announcer, Playout
from voicekit.runtime.asides import ASIDE
from voicekit.runtime.clients import close_clients
from voicekit.runtime.failure import Failure
from voicekit.runtime.farewell import Farewell
from voicekit.runtime.latency import AnswerLatency, stages
from voicekit.runtime.limits import Limiter
from voicekit.runtime.line import Line
from voicekit.runtime.meter import Meter
from voicekit.runtime.parting import Parting
from voicekit.runtime.pause import CallClock
from voicekit.runtime.pipeline import Parts, Watch, assemble
from voicekit.runtime.realtime_latency import RealtimeLatency, known_wait
from voicekit.runtime.renderings import Renderings
from voicekit.runtime.resources import Resources
from voicekit.runtime.secrets import Mask
from voicekit.runtime.silence import Silence
from voicekit.runtime.tools import Toolbox
from voicekit.runtime.values import with_values
from voicekit.services.llm_rules import Values

# How long the model may take to its last words after it has ended the call, and how long they may be.
FAREWELL_BEGINS_SECS = 3.0
FAREWELL_SECS = 10.0
# How long a call may take to end once all has been said, with two seconds of silence that a transport sends.
END_SECS = 5.0
# How long a line may take to hear that the server ends: a carrier is asked to hang up.
CANCEL_SECS = 6.0


class Call:
    """One call to an agent.

    Args:
        agent: The file; the call keeps it even when the file changes.
        toolbox: The file's tools.
        resources: What calls share.
        renderings: The lines that must be heard whatever fails.
        line: Whom it is held with.
        greeting: The first words, to be filled in, or empty when the caller speaks first.
        values: Gives what placeholders stand for.
        listener: Told of what happens.
        known: What the model is told of the caller.
        tap: What hears both sides.

    Raises:
        Refused: A service of the file cannot be built.
    """

    def __init__(
        self,
        agent: Agent,
        *,
        toolbox: Toolbox,
        resources: Resources,
        renderings: Renderings,
        line: Line,
        greeting: str,
        values: Values,
        listener: Listener,
        known: str = "",
        tap: FrameProcessor | None = None,
    ) -> None:
        self._agent = agent
        self._greeting = greeting
        self._values = values
        self._listener = listener
        self._ended_by = ""
        self._mask = Mask(agent)
        self._began = time.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._announcer = Announcer(lambda words: renderings.sound(words, line.out_hz), line.out_hz, self._tell)
        self._parting = Parting(self._say_last, self._end)
        self._failure = Failure(agent, self._tell, self._say, self._parting.part, values, ends=self._ends)
        self._bill = Bill()
        self._limiter = Limiter(
            agent,
            self._bill,
            self._tell,
            say=self._say,
            part=self._parting.part,
            fail=self._failure.fail,
            values=values,
            ends=self._ends,
        )
        meter = Meter(self._bill, self._limiter.spent)
        functions = toolbox.functions(self.hang_up, self._tell, values, self._limiter.admit_tool)
        watch = Watch(self._failure, self._announcer, self._parting, self._limiter, meter, self._ends)
        clock = CallClock()
        parts = assemble(
            with_values(agent, values(), known),
            resources,
            line.transport,
            functions,
            self._tell,
            watch=watch,
            clock=clock,
            values=values,
            tap=tap,
        )
        self._realtime, self._farewell, self._pipeline = parts.realtime, Farewell(), parts.pipeline
        latency = self._latency(agent)
        self._worker = PipelineWorker(
            parts.pipeline,
            params=PipelineParams(
                audio_in_sample_rate=line.in_hz,
                audio_out_sample_rate=line.out_hz,
                enable_metrics=True,
                enable_usage_metrics=True,
            ),
            clock=clock,
            observers=[latency, self._farewell, Playout()],
            # Silence is no reason to end a call without a word.
            idle_timeout_secs=None,
            cancel_on_idle_timeout=False,
            rtvi_observer_params=RTVIObserverParams(
                function_call_report_level={"*": RTVIFunctionCallReportLevel.NAME},
                # They would be shown as words of the answer.
                skip_text_types=[ASIDE],
            ),
        )
        self._user = parts.user
        self._silence = (
            Silence(agent.silence, self._nudge, self._parting.part, values, lambda: self._failure.answer_owed)
            if agent.silence
            else None
        )
        self._listen(line.transport, parts)

    async def run(self) -> None:
        """Hold the call until somebody ends it. What goes wrong in it is told and stays in it."""
        runner = WorkerRunner(handle_sigint=False)
        try:
            await runner.add_workers(self._worker)
            await runner.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other calls go on
            self._ended_by = "error"
            self._tell(Trouble("call", f"{type(error).__name__}: {error}"))
        finally:
            for task in self._tasks:
                task.cancel()
            await close_clients(self._pipeline)
            secs = round(time.monotonic() - self._began, 1)
            self._tell(CallEnded(self._ended_by or "error", secs, self._bill.total))
            self._over.set()

    def hang_up(self) -> None:
        """End the call once the answer under way has been said."""
        if self._ended_by != "agent":
            self._ended_by = "agent"
            self._farewell.expect()
            self._do(self._hang_up())

    async def cancel(self) -> None:
        """End the call at once, because the server ends, and wait until its line has been told."""
        self._ended_by = self._ended_by or "server"
        await self._worker.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), CANCEL_SECS)

    async def _hang_up(self) -> None:
        if not await self._farewell.said(FAREWELL_BEGINS_SECS, FAREWELL_SECS):
            self._tell(Trouble("call", "no last words came; the call ends without them"))
            # A model that hangs would hold up what comes behind it.
            await self._end("agent")
            return
        await self._worker.queue_frame(RTVIServerMessageFrame(data={"type": "ended", "reason": "agent"}))
        await self._worker.stop_when_done()

    async def _greet(self) -> None:
        greeting, self._greeting = self._greeting, ""
        if self._realtime:
            await self._realtime.open()
        if greeting and self._agent.greeting:
            await asyncio.sleep(self._agent.greeting.delay_ms / 1000)
        words = filled(greeting, self._values()) if greeting else ""
        if self._realtime:
            await self._realtime.begin(words)
        elif words:
            await self._worker.queue_frame(TTSSpeakFrame(words))
        if not words:
            # Nobody has spoken: who calls is awaited from now on.
            await self._user._user_idle_controller.wait_for_user()

    async def _say(self, words: str, stop: bool) -> None:
        """Say a line past model and voice; by them where nobody else can."""
        if not await self._announcer.say(words, stop=stop):
            await self._say_live(words)

    async def _say_last(self, words: str, stop: bool) -> None:
        """Say the last words; what the voice has to say of them is heard before the line is closed."""
        if not await self._announcer.say(words, stop=stop, last=True):
            await self._say_live(words)

    async def _say_live(self, words: str) -> None:
        if self._realtime:
            await self._realtime.say(words)
        else:
            await self._worker.queue_frame(TTSSpeakFrame(words, append_to_context=False))

    async def _nudge(self, words: str) -> None:
        """Say words of which the model knows."""
        if self._realtime:
            await self._realtime.say(words)
        else:
            await self._worker.queue_frame(TTSSpeakFrame(words))

    def _ends(self) -> bool:
        """Say whether the last words are being said, or the line is closed."""
        return bool(self._ended_by) or self._parting.begun

    async def _end(self, reason: str) -> None:
        """Close the line. A part that hangs does not keep it open."""
        self._ended_by = self._ended_by or reason
        await self._worker.queue_frame(RTVIServerMessageFrame(data={"type": "ended", "reason": "agent"}))
        await self._worker.stop_when_done()
        try:
            async with asyncio.timeout(END_SECS):
                await self._over.wait()
        except TimeoutError:
            await self._worker.cancel()

    def _latency(self, agent: Agent) -> BaseObserver:
        """Return what tells how long each answer took."""
        if agent.realtime:
            return RealtimeLatency(self._tell, known_wait(agent.realtime))
        latency = AnswerLatency()

        async def measured(_observer: object, breakdown: LatencyBreakdown) -> None:
            if (found := stages(breakdown)) is not None:
                self._tell(AnswerBegan(found))

        latency.add_event_handler("on_latency_breakdown", measured)
        return latency

    def _listen(self, transport: BaseTransport, parts: Parts) -> None:
        async def connected(_transport: BaseTransport, _client: object) -> None:
            self._tell(CallStarted())
            self._limiter.opened()
            await self._greet()

        async def disconnected(_transport: BaseTransport, _client: object) -> None:
            self._ended_by = self._ended_by or "caller"
            await self._worker.cancel()

        async def heard(_user: object, _strategy: object, message: UserTurnStoppedMessage) -> None:
            # Of a turn of realtime there are no words here.
            if message.content:
                self._caller_said(message.content)
                self._failure.turn_ended()

        async def said(_assistant: object, message: AssistantTurnStoppedMessage) -> None:
            if message.content or message.interrupted:
                self._tell(AgentSaid(message.content, bool(message.interrupted)))

        async def failed(_worker: object, error: ErrorFrame) -> None:
            await self._failure.on_error(error)

        transport.add_event_handler("on_client_connected", connected)
        transport.add_event_handler("on_client_disconnected", disconnected)
        parts.user.add_event_handler("on_user_turn_stopped", heard)
        parts.user.add_event_handler("on_user_turn_idle", self._idle)
        if parts.realtime:
            parts.realtime.on_heard(self._caller_said)
        parts.assistant.add_event_handler("on_assistant_turn_stopped", said)
        self._worker.add_event_handler("on_pipeline_error", failed)

    async def _idle(self, _user: object) -> None:
        if self._silence and not self._ends():
            # In a task of its own: the timer's ends with what it waits for.
            self._do(self._silence.lasts())

    def _caller_said(self, words: str) -> None:
        self._tell(CallerSaid(words))
        if self._silence:
            self._silence.broken()

    def _tell(self, event: Event) -> None:
        """Tell the listener, and the caller's page what it shows."""
        if isinstance(event, Trouble):
            event = Trouble(event.source, self._mask(event.text))
        self._listener(event)
        if (shown := _on_page(event)) is not None:
            self._do(self._worker.queue_frame(RTVIServerMessageFrame(data=shown)))

    def _do(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _on_page(event: Event) -> dict[str, Any] | None:
    if isinstance(event, AnswerBegan):
        spent = event.stages
        names = ("answer", "turn", "asr", "llm", "tts", "realtime")
        return {"type": "turn", **{f"{name}_ms": getattr(spent, name) for name in names}}
    if isinstance(event, AgentFilled):
        return {"type": "filler", "text": event.text}
    if isinstance(event, Trouble):
        return {"type": "problem", "text": f"{event.source}: {event.text}", "help": ""}
    return None
