"""A file becomes Pipecat objects: the right classes, with the options where Pipecat wants them."""

import operator
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.anthropic.llm import AnthropicLLMService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.elevenlabs.tts import ElevenLabsTTSService
from pipecat.services.llm_service import LLMService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.base_transport import BaseTransport

from tests.config.files import part
from voicekit.cli.drawing import drawn
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.config.services import Service
from voicekit.problems import Place, Refused
from voicekit.providers.catalog import Kind, catalog
from voicekit.records.cost import Bill
from voicekit.runtime.announcer import Announcer
from voicekit.runtime.construct import construct
from voicekit.runtime.failover_llm import FailoverLLM
from voicekit.runtime.failure import Failure
from voicekit.runtime.limits import Limiter
from voicekit.runtime.meter import Meter
from voicekit.runtime.parting import Parting
from voicekit.runtime.pause import CallClock
from voicekit.runtime.pipeline import Watch, assemble
from voicekit.runtime.realtime import Realtime
from voicekit.runtime.resources import Resources
from voicekit.runtime.transport import transport_params

PIPELINES = Path(__file__).parent.parent.parent / "pipelines"
KEYS = {
    name: f"key of {name}" for name in ("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ELEVENLABS_API_KEY")
}


@pytest_asyncio.fixture
async def resources() -> AsyncIterator[Resources]:
    made = Resources()
    yield made
    await made.close()


def streaming() -> Agent:
    loaded = load(PIPELINES / "streaming.yaml", KEYS, running=True)
    assert [problem.code for problem in loaded.problems] == ["endpointing-is-not-turn-end"]
    assert loaded.agent is not None
    return loaded.agent


def watch(agent: Agent) -> Watch:
    """Return the parts that need a call, of none."""

    async def nobody(*_: object) -> None:
        """Speak into the void."""

    bill = Bill()
    failure = Failure(agent, lambda _: None, nobody, nobody)
    limiter = Limiter(agent, bill, lambda _: None, say=nobody, part=nobody, fail=lambda: None)
    announcer = Announcer(nobody, 16000, lambda _: None)
    return Watch(failure, announcer, Parting(nobody, nobody), limiter, Meter(bill, limiter.spent))


def service(kind: Kind, name: str, **options: object) -> Service:
    provider = catalog().find(kind, name)
    assert provider is not None
    return Service(kind, provider, {**provider.defaults, **options}, Place("test.yaml"))


async def test_streaming_becomes_pipecat_services(resources: Resources) -> None:
    agent = streaming()
    asr = construct(agent, part(agent, "asr"), resources)
    assert isinstance(asr, DeepgramSTTService)
    assert (asr.settings.model, asr.settings.endpointing, asr.settings.interim_results) == ("nova-3", 300, True)  # type: ignore[attr-defined] # Pipecat types the base class
    first, second = (construct(agent, llm, resources) for llm in agent.llm)
    assert isinstance(first, OpenAILLMService)
    assert isinstance(second, AnthropicLLMService)
    assert first.settings.model == "gpt-4o-mini"
    assert first._client.api_key == "key of OPENAI_API_KEY"
    assert second.settings.model == "claude-haiku-4-5"
    assert str(second.settings.system_instruction).startswith("You are a helpful concierge.")  # type: ignore[attr-defined] # as above
    tts = construct(agent, part(agent, "tts"), resources)
    assert isinstance(tts, ElevenLabsTTSService)
    assert (tts.settings.model, tts.settings.voice) == ("eleven_flash_v2_5", "21m00Tcm4TlvDq8ikWAM")  # type: ignore[attr-defined] # as above


async def test_streaming_becomes_a_pipeline_with_failover(resources: Resources) -> None:
    transport = _Nowhere()
    parts = assemble(streaming(), resources, transport, [], lambda _: None, watch=watch(streaming()), clock=CallClock())
    assert isinstance(parts.pipeline, Pipeline)
    [llm] = [part for part in parts.pipeline.processors if isinstance(part, FailoverLLM)]
    assert [type(each) for each in llm.llms] == [OpenAILLMService, AnthropicLLMService]


# What each part of a pipeline is called where `explain` draws it; the others are no part of the file.
DRAWN = {
    "BaseInputTransport": "webrtc",
    "FailoverASR": "asr",
    "LLMUserAggregator": "turn",
    "FailoverLLM": "llm",
    "OpenAIRealtimeLLMService": "realtime",
    "Fillers": "fillers",
    "FailoverTTS": "tts",
    "BaseOutputTransport": "webrtc",
}


@pytest.mark.parametrize("realtime", [False, True])
async def test_explain_draws_the_order_of_the_pipeline(realtime: bool, tmp_path: Path, resources: Resources) -> None:
    agent = talking(tmp_path, "openai/gpt-realtime") if realtime else streaming()
    parts = assemble(agent, resources, _Nowhere(), [], lambda _: None, watch=watch(agent), clock=CallClock())
    names = [DRAWN.get(type(part).__name__) for part in parts.pipeline.processors]
    drawing = [line.split()[0] for line in drawn(agent) if line.strip() != "│"]
    assert [name for name in names if name] == drawing


async def test_nested_options_become_pipecats_own_classes(resources: Resources) -> None:
    options = {"api_key": "x", "voice": "marin", "transcription_model": "gpt-4o-transcribe"}
    llm = construct(streaming(), service("realtime", "openai", **options), resources)
    assert isinstance(llm, OpenAIRealtimeLLMService)
    audio = llm.settings.session_properties.audio  # type: ignore[attr-defined] # Pipecat types the base class
    assert audio.output.voice == "marin"
    assert audio.input.transcription.model == "gpt-4o-transcribe"


def talking(tmp_path: Path, realtime: str, more: str = "") -> Agent:
    """Return the agent of a file with a speech-to-speech service."""
    path = tmp_path / "agent.yaml"
    text = f"version: 1\nname: one\nlanguage: de-AT\nprompt: Be brief.\nrealtime: {realtime}\n{more}"
    path.write_text(text, encoding="utf-8")
    keys = {name: "x" for provider in catalog().providers() for name in provider.environment.values()}
    agent = load(path, keys, running=True).agent
    assert agent is not None
    return agent


async def test_realtime_becomes_a_service_with_a_session(tmp_path: Path, resources: Resources) -> None:
    agent = talking(tmp_path, "{provider: openai, model: gpt-realtime, eagerness: high, speed: 1.1}")
    made = construct(agent, part(agent, "realtime"), resources)
    assert isinstance(made, OpenAIRealtimeLLMService)
    assert made.base_url == "wss://api.openai.com/v1/realtime?model=gpt-realtime"
    properties = made.settings.session_properties  # type: ignore[attr-defined] # Pipecat types the base class
    assert (properties.model, properties.instructions) == ("gpt-realtime", "Be brief.")
    assert (properties.audio.input.turn_detection.type, properties.audio.input.turn_detection.eagerness) == (
        "semantic_vad",
        "high",
    )
    assert properties.audio.input.transcription.model == "gpt-4o-mini-transcribe"
    assert properties.audio.input.transcription.language == "de"
    assert properties.audio.output.speed == 1.1


@pytest.mark.parametrize("name", ["openai", "azure", "azure-voice-live"])
async def test_a_timer_of_ours_switches_the_detection_of_the_provider_off(
    name: str, tmp_path: Path, resources: Resources
) -> None:
    own = talking(tmp_path, name)
    theirs = construct(own, part(own, "realtime"), resources)
    assert Realtime(cast("LLMService", theirs), LLMContext()).tells_turns
    assert not own.detects_speech
    timed = talking(tmp_path, name, "turn: fixed\n")
    ours = construct(timed, part(timed, "realtime"), resources)
    assert not Realtime(cast("LLMService", ours), LLMContext()).tells_turns
    assert timed.detects_speech


async def test_a_realtime_pipeline_is_one_service_between_the_aggregators(tmp_path: Path, resources: Resources) -> None:
    agent = talking(tmp_path, "openai/gpt-realtime")
    transport = _Nowhere()
    parts = assemble(agent, resources, transport, [], lambda _: None, watch=watch(agent), clock=CallClock())
    every = parts.pipeline.processors
    between = every[every.index(parts.user) + 1 : every.index(parts.assistant)]
    assert [type(each).__name__ for each in between] == [
        "OpenAIRealtimeLLMService",
        "ToolVoice",
        "Failure",
        "Limiter",
        "Announcer",
        "Pause",
        "BaseOutputTransport",
    ]
    assert parts.user._params.vad_analyzer is None


async def test_an_endpoint_reaches_whatever_the_class_calls_it(resources: Resources) -> None:
    url = "http://127.0.0.1:1/v1"
    agent = streaming()
    openai = construct(agent, service("llm", "openai", api_key="x", endpoint=url), resources)
    claude = construct(agent, service("llm", "anthropic", api_key="x", endpoint=url), resources)
    assert str(openai._client.base_url) == f"{url}/"  # type: ignore[attr-defined] # of OpenAILLMService
    assert str(claude._client.base_url) == f"{url}/"  # type: ignore[attr-defined] # of AnthropicLLMService


async def test_an_own_endpoint_never_gets_the_key_of_the_environment(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    made = construct(streaming(), service("llm", "openai-compatible", endpoint="http://127.0.0.1:1"), resources)
    assert made._client.api_key == "none"  # type: ignore[attr-defined] # of OpenAILLMService


async def test_what_a_constructor_refuses_is_a_problem_with_a_place(resources: Resources) -> None:
    place = Place("agent.yaml", 3, 6, 9)
    refused = replace(service("tts", "flite", language="de"), place=place)
    with pytest.raises(Refused) as caught:
        construct(streaming(), refused, resources)
    [problem] = caught.value.problems
    assert (problem.code, problem.place) == ("service-refused", place)
    assert problem.text.startswith("flite cannot be built: ")


async def test_a_missing_package_is_a_problem_with_the_line_that_installs_it(resources: Resources) -> None:
    with pytest.raises(Refused) as caught:
        construct(streaming(), service("asr", "whisper"), resources)
    [problem] = caught.value.problems
    assert problem.code == "missing-extra"
    assert problem.help == 'pip install "pipecat-ai[whisper]"'


def checked(tmp_path: Path, asr: str = "pocketsphinx", llm: str = "openai/gpt-4o") -> Agent:
    """Return the agent of a file with these services in it; its problems are warnings at most."""
    path = tmp_path / "agent.yaml"
    path.write_text(f"version: 1\nname: one\nprompt: Be brief.\nasr: {asr}\nllm: {llm}\ntts: flite\n", encoding="utf-8")
    keys = dict.fromkeys(("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "SONIOX_API_KEY", "SMALLEST_API_KEY"), "x")
    agent = load(path, keys | {"GLADIA_API_KEY": "x"}, running=True).agent
    assert agent is not None
    return agent


@pytest.mark.parametrize(
    ("name", "reached", "value"),
    [
        ("deepgram", "keyterm", ["Acme", "Zumtobel"]),
        ("smallest", "keywords", "Acme:2,Zumtobel:2"),
        ("soniox", "context.terms", ["Acme", "Zumtobel"]),
        ("gladia", "realtime_processing.custom_vocabulary_config.vocabulary", ["Acme", "Zumtobel"]),
        ("gladia", "realtime_processing.custom_vocabulary", True),
    ],
)
async def test_keyterms_reach_every_provider_in_its_own_spelling(
    name: str, reached: str, value: object, tmp_path: Path, resources: Resources
) -> None:
    agent = checked(tmp_path, asr=f"{{provider: {name}, keyterms: [Acme, Zumtobel]}}")
    asr = construct(agent, part(agent, "asr"), resources)
    assert operator.attrgetter(reached)(asr.settings) == value  # type: ignore[attr-defined] # Pipecat types the base class


async def test_extra_is_sent_as_it_is_written(tmp_path: Path, resources: Resources) -> None:
    agent = checked(tmp_path, llm="{provider: openai, model: qwen, extra: {extra_body: {enable_thinking: false}}}")
    llm = construct(agent, agent.llm[0], resources)
    assert isinstance(llm, OpenAILLMService)
    sent = llm.build_chat_completion_params(cast("Any", {"messages": [], "tools": [], "tool_choice": "auto"}))
    assert sent["extra_body"] == {"enable_thinking": False}


async def test_a_package_that_needs_a_newer_python_says_so(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 11))
    with pytest.raises(Refused) as caught:
        construct(streaming(), service("realtime", "aws-nova"), resources)
    [problem] = caught.value.problems
    assert problem.help == 'pip install "pipecat-ai[aws-nova-sonic]", with Python 3.12 or newer'


class _Nowhere(BaseTransport):
    """A transport that carries nothing."""

    def __init__(self) -> None:
        super().__init__()
        from pipecat.transports.base_input import BaseInputTransport  # noqa: PLC0415 - only here
        from pipecat.transports.base_output import BaseOutputTransport  # noqa: PLC0415 - only here

        self._in, self._out = BaseInputTransport(transport_params()), BaseOutputTransport(transport_params())

    def input(self):  # type: ignore[no-untyped-def] # as Pipecat's own
        return self._in

    def output(self):  # type: ignore[no-untyped-def] # as Pipecat's own
        return self._out
