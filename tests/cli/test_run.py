"""`run --emulate`: a file answers with no key, and says what it is."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pipecat.evals.scenario import EvalScenarioFile
from pipecat.evals.session import EvalSession, EvalSessionParams

from tests.cli.command import RULES, run, write
from tests.config.files import agent_of
from voicekit.calls.speech import Speaker
from voicekit.calls.stage import ACCOUNT
from voicekit.calls.talk import Result, Turn, hold
from voicekit.calls.webrtc_caller import WebRtcCaller
from voicekit.cli.run import ways_in
from voicekit.services.tts_embedded import available

KEYED = """\
prompt: Be brief.
greeting: Hello.
asr: deepgram/nova-3
llm: openai/gpt-4o-mini
tts: {provider: elevenlabs, voice: MineMineMineMineMine}
"""


@contextmanager
def started(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "voicekit", "run", "agent.yaml", "--emulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()


def address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("talk at "), process.stderr and process.stderr.read()
    return line.split()[2]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (f"asr: pocketsphinx\n{RULES}tts: auto\n", "agent: emulated: nothing: all of it runs on this machine"),
        pytest.param(
            KEYED,
            'agent: emulated: deepgram, openai, elevenlabs at 127.0.0.1:PORT; whatever is said is heard as "Hello."',
            # Importing three SDKs takes seconds.
            marks=pytest.mark.long,
        ),
    ],
)
def test_it_says_who_is_emulated_and_serves(file: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, file)
    with started(tmp_path) as process:
        assert address(process).startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr is not None
        told = process.stderr.read().splitlines()
    told[0] = re.sub(r":\d+;", ":PORT;", told[0])
    assert told[:2] == [said, "agent: warming up …"]
    assert "agent: ready after" in told[2]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", []),
        ("transport: websocket", ["apps connect to ws://127.0.0.1:7860/ws"]),
        (
            "transport: {type: twilio, hang_up: false}",
            [
                (
                    "no telephone reaches it: set VOICEKIT_PUBLIC_URL to the address, https://…, that leads to "
                    "http://127.0.0.1:7860"
                )
            ],
        ),
        (
            (
                f'transport: {{type: twilio, account_sid: {ACCOUNT}, auth_token: "${{OPENAI_API_KEY}}"}}\n'
                'server: {public_url: "https://voice.example.com/"}'
            ),
            [
                "https://voice.example.com/ must lead to http://127.0.0.1:7860, by a reverse proxy or a tunnel",
                (
                    "in Twilio's console, under your number, 'A call comes in': Webhook, "
                    "https://voice.example.com/twilio, HTTP POST"
                ),
            ],
        ),
    ],
)
def test_it_says_where_a_file_is_called(lines: str, said: list[str]) -> None:
    assert list(ways_in(agent_of(lines), "http://127.0.0.1:7860")) == said


def test_a_provider_without_an_emulator_is_told(tmp_path: Path) -> None:
    write(tmp_path, f"asr: {{provider: gladia, api_key: '${{KEY}}'}}\n{RULES}tts: auto\n")
    done = run("run", "agent.yaml", "--emulate", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "agent.yaml:3:17: error: no emulator stands in for asr 'gladia' [no-emulator]\n" in done.stderr
    assert "agent.yaml:3:34: warning: KEY is not set [unset-variable]\n" in done.stderr


TOOLS = """\
asr: deepgram/nova-3
llm: {provider: rules, rules: [{hear: "order {id:digits}", tool: find, say: "Order {{result.id}}: {{result.status}}."}]}
tts: {provider: elevenlabs, voice: MineMineMineMineMine}
tools:
  find:
    description: Find an order.
    http: GET ${ORDERS_URL}/orders/{{id}}
    parameters: {id: string}
    mock: {id: "{{id}}", status: on its way}
"""
SCENARIO = """\
name: mocks
scenarios:
  - name: order
    turns: [{user: Order four two., expect: [{event: response, text_contains: "Order 42: on its way"}]}]
"""


async def test_its_tools_answer_with_their_mocks(tmp_path: Path) -> None:
    write(tmp_path, TOOLS)
    (tmp_path / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    [scenario] = EvalScenarioFile.load(str(tmp_path / "scenario.yaml"))
    with started(tmp_path) as process:
        url = f"{address(process).replace('http', 'ws')}/ws"
        done = await EvalSession.from_scenario(scenario, url, params=EvalSessionParams(default_timeout_ms=5000)).run()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    assert done.passed, done.failures


@pytest.mark.long
@pytest.mark.skipif(available("flite") != "", reason=available("flite"))
async def test_a_caller_is_answered(tmp_path: Path) -> None:
    write(tmp_path, KEYED)
    results: list[Result] = []
    speaker = Speaker()
    try:
        with started(tmp_path) as process:
            async with await WebRtcCaller.call(address(process)) as caller:
                await caller.ear.sound(0.0, 15)
                await caller.ear.silence(15)
                right = await hold(caller, speaker, [Turn("Anything at all.", r"I heard: Hello\.$")], results.append)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 130
    finally:
        await speaker.close()
    assert right, results
    assert results[0].heard == "Hello."


def test_emulated_it_says_what_is_wrong_with_its_tests(tmp_path: Path) -> None:
    write(tmp_path, KEYED)
    (tmp_path / "agent.test.yaml").write_text("name: agent\nscenarios: []\n", encoding="utf-8")
    done = run("run", "agent.yaml", "--emulate", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "agent.test.yaml:2:12: error: 'scenarios' is an empty list [empty-list]\n" in done.stderr
