"""A late answer in a whole call: a real model and voice, emulated, and a transport that plays in real time."""

import asyncio
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pipecat.frames.frames import (
    Frame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    UserStartedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.utils.time import time_now_iso8601

from tests.services.embedded import needs_flite, until
from voicekit.config.loader import load
from voicekit.emulators.deepgram_listen import DeepgramListen
from voicekit.emulators.elevenlabs_stream import ElevenLabsStream
from voicekit.emulators.faults import Latency
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.server import serve
from voicekit.emulators.voice import MS_PER_CHARACTER
from voicekit.records.events import AgentFilled, AgentSaid, AnswerBegan, Event, ToolFinished, Trouble
from voicekit.runtime.call import Call
from voicekit.runtime.line import Line
from voicekit.runtime.renderings import Renderings
from voicekit.runtime.resources import Resources
from voicekit.runtime.tools import Toolbox
from voicekit.runtime.values import values_of

# The SDK of Deepgram still connects with the names that websockets is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning")

FILE = """\
version: 1
name: late
prompt: Be brief.
asr: {provider: deepgram, endpoint: "ws://${ADDRESS}", api_key: "${KEY}"}
llm: {provider: openai, model: gpt-4o-mini, endpoint: "http://${ADDRESS}/v1", api_key: "${KEY}"}
turn: {end: fixed, wait_ms: 250}
"""
ELEVENLABS = '{provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM, endpoint: "ws://${ADDRESS}", api_key: "${KEY}"}'
TOOLS = """
    import asyncio

    async def find() -> str:
        await asyncio.sleep(0.6)
        return "sent"

    async def lose() -> str:
        raise RuntimeError
"""
FILLER = "One moment please, I am going to have a very close look at that."
FILLER_SECS = len(FILLER) * MS_PER_CHARACTER / 1000


class Mouth(BaseOutputTransport):
    """Takes as long for a sound as it lasts, and keeps what it was."""

    def __init__(self) -> None:
        super().__init__(TransportParams(audio_out_enabled=True))
        self.answer_secs = self.aside_secs = 0.0
        self.ready = asyncio.Event()
        self._played_until = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self.ready.set()

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        secs = len(frame.audio) / 2 / frame.sample_rate
        if isinstance(frame, TTSAudioRawFrame):
            self.answer_secs += secs
        else:
            self.aside_secs += secs
        self._played_until = max(self._played_until, time.monotonic()) + secs
        await asyncio.sleep(self._played_until - time.monotonic())
        return True


class Ear(FrameProcessor):
    """Knows when the agent has noticed that the caller speaks."""

    def __init__(self) -> None:
        super().__init__()
        self.noticed = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, UserStartedSpeakingFrame):
            self.noticed.set()
        await self.push_frame(frame, direction)


class Phone(BaseTransport):
    """A caller who says words without a sound."""

    def __init__(self) -> None:
        super().__init__()
        self._register_event_handler("on_client_connected")
        self._register_event_handler("on_client_disconnected")
        self.ear, self.mouth = Ear(), Mouth()

    def input(self) -> FrameProcessor:
        return self.ear

    def output(self) -> FrameProcessor:
        return self.mouth

    async def say(self, text: str, *, into_words: bool = False) -> None:
        """Say something; into the agent's words, it is the words of the caller that begin his turn."""
        self.ear.noticed.clear()
        await self.ear.push_frame(VADUserStartedSpeakingFrame())
        if not into_words:
            await self.ear.noticed.wait()
        await self.ear.push_frame(VADUserStoppedSpeakingFrame(stop_secs=0.2))
        await self.ear.push_frame(TranscriptionFrame(text, "", time_now_iso8601(), finalized=True))


class Live:
    """A call that is held, and what became of it."""

    def __init__(self, model: OpenAIChat, voice: ElevenLabsStream, phone: Phone) -> None:
        self.model, self.voice, self.phone = model, voice, phone
        self.events: list[Event] = []

    def spoken(self) -> list[str]:
        """Return what the voice was asked to say, in order, one text a context."""
        return ["".join(context.spoken).strip() for one in self.voice.speakers for context in one.contexts.values()]

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if type(event) is kind]

    async def event(self, kind: type[Event], count: int = 1) -> None:
        await until(lambda: len(self.of(kind)) >= count)

    def context(self) -> list[object]:
        """Return the words and results that the model was sent last, after the prompt."""
        return [message.get("content") for message in self.model.received[-1].body["messages"][1:]]


@asynccontextmanager
async def held(
    more: str, script: dict[str, Reply], think_secs: float, folder: Path, tts: str = ELEVENLABS
) -> AsyncIterator[Live]:
    """Hold a call to FILE with `more` and a voice in it; each answer of the model takes `think_secs`."""
    model = OpenAIChat("right", Script(script), latency=Latency(first_secs=think_secs))
    live = Live(model, ElevenLabsStream("right", latency=Latency(first_secs=0.05)), Phone())
    (folder / "tools.py").write_text(textwrap.dedent(TOOLS), encoding="utf-8")
    (folder / "agent.yaml").write_text(f"{FILE}tts: {tts}\n{textwrap.dedent(more)}", encoding="utf-8")
    async with serve([DeepgramListen("right"), model, live.voice]) as address:
        loaded = load(folder / "agent.yaml", {"ADDRESS": address, "KEY": "right"}, running=True)
        assert loaded.agent is not None, loaded.problems
        resources = Resources()
        toolbox = Toolbox(loaded.agent, folder, resources.network)
        line = Line(live.phone)
        call = Call(
            loaded.agent,
            toolbox=toolbox,
            resources=resources,
            renderings=Renderings(loaded.agent, resources),
            line=line,
            greeting="",
            values=values_of(loaded.agent, line),
            listener=live.events.append,
        )
        running = asyncio.create_task(call.run())
        try:
            await live.phone.mouth.ready.wait()
            yield live
        finally:
            await call.cancel()
            await running
            await resources.close()
    assert live.of(Trouble) == []


async def test_the_answer_cuts_the_filler_off_and_only_it_is_kept(tmp_path: Path) -> None:
    script = {"first": Reply("Yes."), "second": Reply("No.")}
    async with held(f"fillers: {{say: ['{FILLER}'], after_ms: 200}}", script, 0.7, tmp_path) as live:
        await live.phone.say("The first.")
        await live.event(AnswerBegan)
        await live.event(AgentSaid)
        assert live.spoken() == [FILLER, "Yes."]
        assert live.of(AgentFilled) == [AgentFilled(FILLER)]
        # It was heard from 0.2 s to about 0.8 s, and nothing of its other three seconds.
        assert 0.2 < live.phone.mouth.aside_secs < FILLER_SECS / 2
        # The answer's time is that of the answer.
        [began] = live.of(AnswerBegan)
        assert isinstance(began, AnswerBegan)
        assert began.stages.llm is not None
        assert began.stages.tts is not None
        assert began.stages.llm >= 700
        assert began.stages.tts < 700
        assert began.stages.answer is not None
        assert began.stages.answer >= 900
        await live.phone.say("The second.")
        await live.event(AgentSaid, 2)
        assert live.of(AgentSaid) == [AgentSaid("Yes.", False), AgentSaid("No.", False)]
        assert live.context() == ["The first.", "Yes.", "The second."]


@needs_flite
async def test_a_voice_of_this_machine_is_cut_off_as_well(tmp_path: Path) -> None:
    script = {"first": Reply("Yes, it is.")}
    more = f"fillers: {{say: ['{FILLER}'], after_ms: 200}}"
    async with held(more, script, 0.6, tmp_path, tts="flite") as live:
        await live.phone.say("The first.")
        await live.event(AnswerBegan)
        await live.event(AgentSaid)
        assert live.of(AgentFilled) == [AgentFilled(FILLER)]
        assert live.of(AgentSaid) == [AgentSaid("Yes, it is.", False)]
        assert 0.1 < live.phone.mouth.aside_secs < 1


async def test_a_quick_answer_needs_none(tmp_path: Path) -> None:
    async with held("fillers: {after_ms: 1000}", {"first": Reply("Yes.")}, 0.0, tmp_path) as live:
        await live.phone.say("The first.")
        await live.event(AgentSaid)
        assert (live.spoken(), live.of(AgentFilled)) == (["Yes."], [])


async def test_the_caller_interrupts_it_and_asks_again(tmp_path: Path) -> None:
    script = {"first": Reply("Yes."), "second": Reply("No.")}
    async with held(f"fillers: {{say: ['{FILLER}', Hm.], after_ms: 200}}", script, 0.6, tmp_path) as live:
        await live.phone.say("The first.")
        await live.event(AgentFilled)
        await until(lambda: live.phone.mouth.aside_secs > 0)
        await live.phone.say("The second.", into_words=True)
        heard = live.phone.mouth.aside_secs
        await live.event(AgentSaid, 2)
        assert live.of(AgentSaid) == [AgentSaid("", True), AgentSaid("No.", False)]
        assert live.spoken() == [FILLER, "Hm.", "No."]
        assert live.phone.mouth.aside_secs - heard < FILLER_SECS / 2
        assert live.model.received[0].outcome == "left"
        assert live.context() == ["The first.", "The second."]


async def test_an_interrupted_answer_is_kept_as_far_as_it_was_heard(tmp_path: Path) -> None:
    answer = "It is on its way to you, and will be there tomorrow."
    script = {"first": Reply(answer), "second": Reply("No.")}
    async with held(f"fillers: {{say: ['{FILLER}'], after_ms: 200}}", script, 0.4, tmp_path) as live:
        await live.phone.say("The first.")
        await until(lambda: live.phone.mouth.answer_secs > 1)
        await live.phone.say("The second.", into_words=True)
        await live.event(AgentSaid)
        [said] = live.of(AgentSaid)
        assert isinstance(said, AgentSaid)
        assert said.interrupted
        assert said.text.startswith("It is on its")
        assert len(said.text) < len(answer) * 2 / 3


ASKS = {"sent": Reply("It is on its way."), "error": Reply("It is lost."), "order": Reply(calls=(ToolCall("order"),))}


async def test_the_line_of_a_tool_holds_nothing_up(tmp_path: Path) -> None:
    more = f"""
        fillers: {{say: [Hm.], after_ms: 200}}
        tools:
          order: {{python: "tools:find", description: Find it., say: '{FILLER}'}}
    """
    async with held(more, ASKS, 0.0, tmp_path) as live:
        await live.phone.say("My order.")
        await live.event(AgentSaid)
        assert live.spoken() == [FILLER, "It is on its way."]
        assert live.of(AgentFilled) == [AgentFilled(FILLER)]
        # The model was asked as soon as the tool had answered, and its answer was heard.
        assert 0.4 < live.phone.mouth.aside_secs < FILLER_SECS / 2
        assert live.context()[-1] == '"sent"'


async def test_a_tool_is_late_fails_and_is_done_with_a_line_for_each(tmp_path: Path) -> None:
    more = """
        fillers: false
        tools:
          order: {python: "tools:find", description: Find it., say: {late: Wait., done: Ah.}, late_ms: 300}
    """
    async with held(more, ASKS, 0.3, tmp_path) as live:
        await live.phone.say("My order.")
        await live.event(AgentSaid)
        assert live.spoken() == ["Wait.", "Ah.", "It is on its way."]
        assert live.of(AgentFilled) == [AgentFilled("Wait."), AgentFilled("Ah.")]


async def test_a_filler_and_then_a_tool_is_one_silence(tmp_path: Path) -> None:
    more = """
        fillers: {say: [One., Two.], after_ms: 300, again_ms: 5000}
        tools:
          order: {python: "tools:find", description: Find it.}
    """
    async with held(more, ASKS, 0.5, tmp_path) as live:
        await live.phone.say("My order.")
        await live.event(AgentSaid)
        assert live.of(ToolFinished) != []
        assert live.spoken() == ["One.", "It is on its way."]


async def test_words_of_the_model_before_a_tool_announce_it(tmp_path: Path) -> None:
    more = """
        tools:
          order: {python: "tools:find", description: Find it., say: I am looking.}
    """
    script = ASKS | {"order": Reply("I look.", (ToolCall("order"),))}
    async with held(more, script, 0.0, tmp_path) as live:
        await live.phone.say("My order.")
        await live.event(AgentSaid, 2)
        assert live.spoken() == ["I look.", "It is on its way."]
