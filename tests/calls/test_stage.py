"""A file on a stage: which providers are emulated, what of the file changes, and what a scene does."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pipecat.frames.frames import LLMContextFrame, LLMFullResponseEndFrame, LLMTextFrame, TranscriptionFrame
from pipecat.processors.aggregators.llm_context import LLMContext

from tests.emulators.sound import quiet, tone
from tests.services.embedded import running
from voicekit.calls.scene import TALK, Scene
from voicekit.calls.stage import ACCOUNT, KEY, stage_variables, staged
from voicekit.calls.stand_ins import EMBEDDED, STAND_INS
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.emulators.deepgram_listen import DeepgramListen
from voicekit.emulators.faults import Latency, Refuse
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.script import Reply, Script
from voicekit.problems import Problem, Refused
from voicekit.providers.catalog import catalog
from voicekit.runtime.construct import construct
from voicekit.runtime.resources import Resources

# The SDK of Deepgram still connects with the names that websockets is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning")

FILE = """\
version: 1
name: desk
prompt: Be brief.
asr: deepgram/nova-3
llm:
  - {provider: openai, model: gpt-4o-mini, temperature: 0.5}
  - {provider: openai-compatible, endpoint: "http://127.0.0.1:1/v1", model: qwen3}
tts: {provider: elevenlabs, voice: MineMineMineMineMine, speed: 0.9}
"""
LOCAL = """\
version: 1
name: local
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}
tts: auto
"""
MEMBERS = "deepgram, openai, openai-compatible, elevenlabs"


def read(folder: Path, text: str, **variables: str) -> Agent:
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = load(path, stage_variables(variables))
    assert loaded.agent is not None, loaded.problems
    return loaded.agent


async def test_a_file_needs_no_key_and_reaches_the_emulators(tmp_path: Path) -> None:
    async with staged(read(tmp_path, FILE)) as stage:
        agent, address = stage.agent, stage.address
    assert list(stage.emulators) == MEMBERS.split(", ")
    assert [service.options["endpoint"] for service in agent.services] == [
        f"ws://{address}",
        f"http://{address}/v1",
        f"http://{address}/compatible/v1",
        f"ws://{address}",
    ]
    assert {service.options["api_key"] for service in agent.services} == {KEY}


async def test_nothing_else_of_the_file_changes(tmp_path: Path) -> None:
    before = read(tmp_path, FILE)
    async with staged(before) as stage:
        after = stage.agent
    for one, other in zip(before.services, after.services, strict=True):
        changed = {"endpoint", "api_key"}
        assert {key: value for key, value in other.options.items() if key not in changed} == {
            key: value for key, value in one.options.items() if key not in changed
        }
        assert replace(other, options=one.options) == one
    services = {"asr": before.asr, "llm": before.llm, "tts": before.tts}
    assert after.model_copy(update=services) == before


def test_a_real_key_is_replaced_and_nothing_else_is() -> None:
    assert stage_variables({"OPENAI_API_KEY": "sk-real", "ORDERS_TOKEN": "t"}) == {
        "ANTHROPIC_API_KEY": KEY,
        "DEEPGRAM_API_KEY": KEY,
        "ELEVENLABS_API_KEY": KEY,
        "OPENAI_API_KEY": KEY,
        "ORDERS_TOKEN": "t",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_API_KEY": KEY,
        "TWILIO_API_SECRET": KEY,
        "TWILIO_AUTH_TOKEN": KEY,
    }


async def test_a_key_that_a_file_names_itself_does_not_leave(tmp_path: Path) -> None:
    text = FILE.replace("asr: deepgram/nova-3", 'asr: {provider: deepgram, api_key: "${MINE}"}')
    async with staged(read(tmp_path, text, MINE="real")) as stage:
        assert stage.agent.services[0].options["api_key"] == KEY


async def test_a_voice_whose_variable_is_unset_is_a_public_one(tmp_path: Path) -> None:
    async with staged(read(tmp_path, FILE.replace("MineMineMineMineMine", '"${VOICE}"'))) as stage:
        assert stage.agent.services[-1].options["voice"] == "21m00Tcm4TlvDq8ikWAM"


async def test_a_telephone_s_carrier_is_emulated_and_never_reached(tmp_path: Path) -> None:
    text = LOCAL.replace("asr:", "transport: {type: twilio, region: ie1, edge: dublin}\nasr:")
    real = {"TWILIO_ACCOUNT_SID": f"AC{'9' * 32}", "TWILIO_API_KEY": "SK9", "TWILIO_API_SECRET": "real"}
    async with staged(read(tmp_path, text, **real)) as stage:
        line = stage.agent.transport
        assert list(stage.emulators) == ["twilio"]
        assert (line.endpoint, line.region, line.edge) == (f"http://{stage.address}", "", "")
    assert (line.account_sid, line.auth_token, line.api_key, line.api_secret) == (ACCOUNT, KEY, "", "")


async def test_what_runs_on_this_machine_stays_as_it_is(tmp_path: Path) -> None:
    agent = read(tmp_path, LOCAL)
    async with staged(agent) as stage:
        assert (stage.agent, stage.emulators, stage.hears) == (agent, {}, False)
        stage.announce("Nobody needs to know.")


async def test_a_provider_without_an_emulator_is_told_with_its_place(tmp_path: Path) -> None:
    text = LOCAL.replace("asr: pocketsphinx", "asr: gladia").replace("tts: auto", "tts: {class: 'mine:Speech'}")
    with pytest.raises(Refused) as refused:
        async with staged(read(tmp_path, text, GLADIA_API_KEY="k")):
            pass
    hint = (
        "there are emulators for asr deepgram, deepgram-flux, openai; llm openai, openai-compatible, anthropic; "
        "tts elevenlabs, openai; realtime openai; "
        "pocketsphinx, rules, auto, espeak, flite need none"
    )
    told = [(problem.code, problem.text, problem.help) for problem in refused.value.problems]
    assert told == [
        ("no-emulator", "no emulator stands in for asr 'gladia'", hint),
        ("no-emulator", "no emulator stands in for the class 'mine:Speech'", hint),
    ]
    assert [str(problem.place).rpartition("agent.yaml:")[2] for problem in refused.value.problems] == ["3:6", "5:14"]


@pytest.mark.parametrize("scene", [Scene(latency={"opanai": Latency(1)}), Scene(faults={"opanai": [Refuse(429)]})])
async def test_a_scene_for_an_emulator_that_is_not_there_is_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        async with staged(read(tmp_path, FILE), scene):
            pass
    text = "no emulator here is named 'opanai'"
    assert refused.value.problems == (Problem("unknown-emulator", text, help="did you mean 'openai'?"),)


async def test_a_scene_says_what_the_emulators_do(tmp_path: Path) -> None:
    latency = Latency(0.3, spread=0.5)
    scene = Scene(latency={"deepgram": latency}, faults={"openai": [None, Refuse(401)]}, seed=7)
    drawn = []
    for _ in range(2):
        async with staged(read(tmp_path, FILE), scene) as stage:
            drawn.append([stage.emulators["deepgram"].latency.draw(1) for _ in range(5)])
            assert list(stage.emulators["openai"].faults) == [None, Refuse(401)]
            assert stage.emulators["elevenlabs"].latency.draw(0) == 0
    assert drawn[0] == drawn[1] == [replace(latency, seed=7).draw(1), *drawn[0][1:]]


async def test_both_models_answer_from_one_script_and_each_has_its_own_emulator(tmp_path: Path) -> None:
    scene = Scene(Script({"good (day|night)": Reply("I heard: {{heard}}")}), faults={"openai": [Refuse(401)]})
    async with staged(read(tmp_path, FILE), scene) as stage, httpx.AsyncClient() as http:
        answers = [
            await http.post(
                f"{service.options['endpoint']}/chat/completions",
                json={"model": service.model, "messages": [{"role": "user", "content": "Good night."}]},
                headers={"Authorization": f"Bearer {service.options['api_key']}"},
            )
            for service in stage.agent.llm
        ]
        assert [answer.status_code for answer in answers] == [401, 200]
        assert answers[1].json()["choices"][0]["message"]["content"] == "I heard: Good night."
        received = [stage.emulators[name].exchanges() for name in ("openai", "openai-compatible")]
    assert [[request.body["model"] for request in requests] for requests in received] == [["gpt-4o-mini"], ["qwen3"]]


async def test_who_talks_himself_is_heard_and_quoted(tmp_path: Path) -> None:
    resources = Resources()
    async with staged(read(tmp_path, FILE), TALK) as stage:
        assert stage.hears
        stage.announce("Where is my order?")
        async with running(construct(stage.agent, stage.agent.services[0], resources)) as line:
            await line.say(tone(0.5) + quiet(0.5))
            await line.say(tone(0.5) + quiet(0.5))
            await line.down.wait(TranscriptionFrame, 2)
            heard = [frame.text for frame in line.down.all(TranscriptionFrame)]
        llm = construct(stage.agent, stage.agent.llm[0], resources)
        async with running(llm) as line:
            await line.put(LLMContextFrame(LLMContext([{"role": "user", "content": heard[-1]}])))
            await line.down.wait(LLMFullResponseEndFrame)
            said = "".join(frame.text for frame in line.down.all(LLMTextFrame))
        await llm._client.close()  # type: ignore[attr-defined] # as the service does at the end of a call
        assert isinstance(stage.emulators["deepgram"], DeepgramListen)
        assert isinstance(stage.emulators["openai"], OpenAIChat)
    await resources.close()
    assert heard == ["Where is my order?", "Hello."]
    assert said == "I am an emulator and no model, but all of this works. I heard: Hello."


async def test_anthropic_is_reached_through_its_client(tmp_path: Path) -> None:
    resources = Resources()
    text = FILE.replace("  - {provider: openai, model: gpt-4o-mini, temperature: 0.5}", "  - anthropic")
    async with staged(read(tmp_path, text), Scene(Script({"hello": Reply("Good day.")}))) as stage:
        llm = construct(stage.agent, stage.agent.llm[0], resources)
        async with running(llm) as line:
            await line.put(LLMContextFrame(LLMContext([{"role": "user", "content": "hello"}])))
            await line.down.wait(LLMFullResponseEndFrame)
            said = "".join(frame.text for frame in line.down.all(LLMTextFrame))
        await llm._client.close()  # type: ignore[attr-defined] # as the service does at the end of a call
        [exchange] = stage.emulators["anthropic"].exchanges()
    assert said == "Good day."
    assert exchange.body["system"] == "Be brief."


def test_the_table_names_providers_of_the_catalogue() -> None:
    for each in STAND_INS:
        assert {"endpoint", "api_key"} <= each.entry().options.keys()
    for kind, names in EMBEDDED.items():
        assert [name for name in names if catalog().find(kind, name) is None] == []
