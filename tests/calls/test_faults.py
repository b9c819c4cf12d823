"""What a caller hears, and what the operator reads, of each fault of each emulated provider.

What depends on how soon a client tries again, as after a refusal with 500, has no row. A row that ends in `nothing` is
a silence: nothing of ours watches an asr or a voice that hangs.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.emulators.sound import quiet, tone
from tests.runtime.memory_line import Caller, calling
from tests.services.embedded import needs_flite
from voicekit.calls.scene import Scene
from voicekit.calls.stage import Stage, stage_variables, staged
from voicekit.config.loader import load
from voicekit.emulators.elevenlabs_stream import ElevenLabsStream
from voicekit.emulators.script import Reply, Script
from voicekit.emulators.side_channel import fault_of
from voicekit.records.events import AgentFilled, AgentSaid, Trouble

pytestmark = [
    pytest.mark.long,
    needs_flite,
    # The SDK of Deepgram still connects with the names that websockets is going to drop.
    pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning"),
]

CASCADE: Final = "asr: deepgram/nova-3\nllm: {llm}\ntts: {{provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}}\n"
FILES: Final[Mapping[str, str]] = {
    "deepgram": CASCADE.format(llm="openai/gpt-4o-mini"),
    "openai": CASCADE.format(llm="openai/gpt-4o-mini"),
    "anthropic": CASCADE.format(llm="anthropic/claude-haiku-4-5"),
    "elevenlabs": CASCADE.format(llm="openai/gpt-4o-mini"),
    "openai-realtime": "realtime: openai/gpt-realtime\n",
}
HEAD: Final = "version: 1\nname: desk\nprompt: Be brief.\nfailure: {say: That did not work.}\n"
LINE: Final = "That did not work."
ANSWER: Final = "And a very good day to you."
SPEECH_SECS: Final = 0.6
# For how long a silence is waited for, and anything else; then, how long nothing more may come.
BUDGET_SECS: Final = 3.5
LIMIT_SECS: Final = 15.0
CALM_SECS: Final = 1.2
STEP_SECS: Final = 0.1
AT_ONCE: Final = 5


@dataclass(frozen=True)
class Row:
    """A fault, and what comes of it.

    Attributes:
        emulator: Whose fault.
        fault: As in a file of tests.
        heard: `answer`, `part` of it, a `filler`, `line` for the line of `failure`, or `nothing`.
        told: The troubles that are told, with `#` for what differs.
    """

    emulator: str
    fault: object
    heard: str
    told: tuple[str, ...] = ()


async def outcome(row: Row, folder: Path) -> tuple[str, tuple[str, ...]]:
    """Hold one call with a fault; return what was heard and what was told."""
    data = (HEAD + FILES[row.emulator]).encode()
    loaded = load(folder / "desk.yaml", stage_variables({}), running=True, data=data)
    assert loaded.agent is not None, loaded.problems
    # A session that has died takes with it what was announced, and the next hears the same speech.
    known = "Good day." if row.emulator == "openai-realtime" else ""
    faults = {row.emulator: [fault_of(row.fault)]}
    scene = Scene(Script({"good day": Reply(ANSWER)}), faults=faults, unannounced=known)
    async with staged(loaded.agent, scene) as stage, calling(stage.agent, folder) as caller:
        stage.announce("Good day.", SPEECH_SECS)
        caller.speak(quiet(0.2) + tone(SPEECH_SECS))
        await settled(caller, stage, row)
        return heard_by(caller, stage), told_by(caller)


async def settled(caller: Caller, stage: Stage, row: Row) -> None:
    """Wait until what the row says has come and it has been calm since; a silence is waited for to its end."""
    heard, calm = 0.0, 0.0
    limit = BUDGET_SECS if row.heard == "nothing" else LIMIT_SECS
    for _ in range(int(limit / STEP_SECS)):
        await asyncio.sleep(STEP_SECS)
        now = caller.transport.out.heard_secs
        calm = calm + STEP_SECS if now == heard and now else 0.0
        heard = now
        if calm >= CALM_SECS and (heard_by(caller, stage), told_by(caller)) == (row.heard, row.told):
            return


def told_by(caller: Caller) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plain(f"{each.source}: {each.text}") for each in caller.of(Trouble)))


def heard_by(caller: Caller, stage: Stage) -> str:
    if caller.transport.out.heard_secs < 0.1:
        return "nothing"
    if ANSWER in [event.text for event in caller.of(AgentSaid)]:
        return "answer"
    voice = stage.emulators.get("elevenlabs")
    if not isinstance(voice, ElevenLabsStream):
        return "part" if caller.of(AgentSaid) else "line"
    spoken = [text for each in voice.speakers for context in each.contexts.values() for text in context.spoken]
    if LINE in spoken:
        return "line"
    return "filler" if caller.of(AgentFilled) else "part"


def plain(text: str) -> str:
    """Return a text of trouble without what is different every time."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=#)\d+|(?<=:)\d{4,5}", "#", text)


ROWS: Final = [
    Row(
        "deepgram",
        {"refuse": 401},
        "line",
        (
            (
                "asr: Deepgram rejected the connection (status 401): status_code: 401, body: "
                "Websocket initialized with invalid credentials."
            ),
        ),
    ),
    Row(
        "deepgram",
        {"error": 0},
        "line",
        (("asr: received 1011 (internal error) NET-0000; then sent 1011 (internal error) NET-0000"),),
    ),
    Row("deepgram", {"error": 3}, "answer", ()),
    Row("deepgram", {"drop": 0}, "line", ("asr: no close frame received or sent",)),
    Row("deepgram", {"drop": 3}, "answer", ()),
    Row("deepgram", {"hang": 0}, "nothing", ()),
    Row("deepgram", {"hang": 3}, "answer", ()),
    Row("deepgram", {"garbage": 0}, "line", ("asr: Expecting value: line 1 column 10 (char 9)",)),
    Row("deepgram", {"garbage": 3}, "answer", ()),
    Row("deepgram", {"slow_ms": 30}, "answer", ()),
    Row(
        "openai",
        {"refuse": 401},
        "line",
        (
            (
                "llm: it can no longer do its job: Error during completion: Error code: 401 - "
                "The emulator was told to refuse this request."
            ),
        ),
    ),
    Row("openai", {"refuse": 500}, "answer", ()),
    Row(
        "openai",
        {"error": 0},
        "line",
        (("llm: Error during completion: The server had an error while processing your request."),),
    ),
    Row(
        "openai",
        {"error": 3},
        "line",
        (("llm: Error during completion: The server had an error while processing your request."),),
    ),
    Row("openai", {"drop": 0}, "line", ("llm: Error during completion: Connection error.",)),
    Row("openai", {"drop": 3}, "line", ("llm: Error during completion: Connection error.",)),
    Row("openai", {"hang": 0}, "filler", ()),
    Row("openai", {"hang": 3}, "nothing", ()),
    Row(
        "openai",
        {"garbage": 0},
        "line",
        (("llm: Error during completion: Expecting value: line 1 column 14 (char 13)"),),
    ),
    Row(
        "openai",
        {"garbage": 3},
        "line",
        (("llm: Error during completion: Expecting value: line 1 column 14 (char 13)"),),
    ),
    Row("openai", {"slow_ms": 30}, "answer", ()),
    Row(
        "anthropic",
        {"refuse": 401},
        "line",
        (
            (
                "llm: it can no longer do its job: Error code: 401 - {'type': 'error', 'error': "
                "{'type': 'authentication_error', 'message': 'The emulator was told to refuse "
                "this request.'}, 'request_id': 'req_1'}"
            ),
        ),
    ),
    Row("anthropic", {"refuse": 500}, "answer", ()),
    Row(
        "anthropic",
        {"error": 0},
        "line",
        (("llm: {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}"),),
    ),
    Row(
        "anthropic",
        {"error": 3},
        "line",
        (("llm: {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}"),),
    ),
    Row(
        "anthropic",
        {"drop": 0},
        "line",
        (("llm: peer closed connection without sending complete message body (incomplete chunked read)"),),
    ),
    Row(
        "anthropic",
        {"drop": 3},
        "line",
        (("llm: peer closed connection without sending complete message body (incomplete chunked read)"),),
    ),
    Row("anthropic", {"hang": 0}, "filler", ()),
    Row("anthropic", {"hang": 3}, "nothing", ()),
    Row("anthropic", {"garbage": 0}, "line", ("llm: Expecting value: line 1 column 10 (char 9)",)),
    Row("anthropic", {"garbage": 3}, "line", ("llm: Expecting value: line 1 column 10 (char 9)",)),
    Row("anthropic", {"slow_ms": 30}, "answer", ()),
    Row("elevenlabs", {"refuse": 401}, "nothing", ("tts: server rejected WebSocket connection: HTTP 401",)),
    Row("elevenlabs", {"error": 0}, "answer", ("tts: TTS context # completed with no audio",)),
    Row("elevenlabs", {"error": 3}, "answer", ()),
    Row("elevenlabs", {"drop": 0}, "answer", ("tts: TTS context # completed with no audio",)),
    Row("elevenlabs", {"drop": 3}, "answer", ()),
    Row("elevenlabs", {"hang": 0}, "nothing", ()),
    Row("elevenlabs", {"hang": 3}, "part", ()),
    Row("elevenlabs", {"garbage": 3}, "answer", ()),
    Row("elevenlabs", {"slow_ms": 30}, "answer", ()),
    Row(
        "openai-realtime",
        {"refuse": 401},
        "line",
        (("realtime: cannot connect: server rejected WebSocket connection: HTTP 401"),),
    ),
    Row("openai-realtime", {"refuse": 500}, "answer", ()),
    Row("openai-realtime", {"error": 0}, "answer", ()),
    Row("openai-realtime", {"error": 3}, "answer", ()),
    Row("openai-realtime", {"drop": 0}, "answer", ()),
    Row("openai-realtime", {"drop": 3}, "answer", ()),
    Row("openai-realtime", {"hang": 0}, "answer", ()),
    Row("openai-realtime", {"hang": 3}, "answer", ()),
    Row("openai-realtime", {"garbage": 0}, "answer", ()),
    Row("openai-realtime", {"garbage": 3}, "answer", ()),
    Row("openai-realtime", {"slow_ms": 30}, "answer", ()),
]


async def test_what_is_heard_and_told_of_each_fault(tmp_path: Path) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(row: Row) -> Row:
        async with free:
            heard, told = await outcome(row, tmp_path)
        return Row(row.emulator, row.fault, heard, told)

    assert list(await asyncio.gather(*map(one, ROWS))) == ROWS
