"""Keys that a caller presses, in whole calls of Twilio's protocol: an entry is a turn, and half duplex hears it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.server.served import served
from tests.services.embedded import needs_flite, until
from voicekit.calls.exchange import greeted
from voicekit.calls.scene import Scene
from voicekit.calls.stage import stage_variables, staged
from voicekit.calls.twilio_caller import TwilioCaller
from voicekit.config.loader import load
from voicekit.emulators.script import Reply, Script
from voicekit.records.events import AgentSaid, CallerSaid, Event
from voicekit.runtime.host import Host
from voicekit.server.app import make_app
from voicekit.server.serving import serving

pytestmark = pytest.mark.long

GREETING = (
    "Good day, this is the desk, please tell me the number of your order, or key it in and end with the hash key."
)
FILE = f"""
version: 1
name: desk
greeting: {{say: "{GREETING}", interruptible: INTERRUPTIBLE}}
transport: {{type: twilio, hang_up: false}}
telephony: {{dtmf: DTMF}}
turn: TURN
asr: {{provider: pocketsphinx, grammar: rules}}
llm:
  provider: rules
  rules:
    - {{hear: "{{number:digits}}", say: "You pressed {{{{number}}}}."}}
tts: flite
fillers: false
"""
ENDED = ("DTMF: 4711#", "You pressed 4711.")


def file(turn: str, dtmf: str = "true", interruptible: str = "true") -> str:
    return FILE.replace("TURN", turn).replace("DTMF", dtmf, 1).replace("INTERRUPTIBLE", interruptible)


def talk(events: list[Event]) -> list[tuple[str, bool] | str]:
    """Return what both sides said: of the agent, whether it was cut off."""
    said: list[tuple[str, bool] | str] = []
    for event in events:
        if isinstance(event, AgentSaid):
            said.append((event.text, event.interrupted))
        elif isinstance(event, CallerSaid):
            said.append(event.text)
    return said


@asynccontextmanager
async def call(text: str, folder: Path) -> AsyncIterator[tuple[TwilioCaller, list[Event]]]:
    async with served(text, folder) as (address, events, _), await TwilioCaller.call(f"http://{address}") as caller:
        yield caller, events
        assert caller.invalid == []


async def press(caller: TwilioCaller, keys: str) -> None:
    """Press keys as fast as a person may."""
    for key in keys:
        await caller.press(key)
        await asyncio.sleep(0.12)


@needs_flite
@pytest.mark.parametrize("turn", ["fixed", "smart", "{end: fixed, duplex: half}"])
@pytest.mark.parametrize(
    ("dtmf", "keys", "said"),
    [
        ("true", "4711#", ENDED),
        ('{end: "*"}', "47#11*", ("DTMF: 47#11*", "You pressed 4711.")),
        ("{wait_secs: 0.5}", "4711", ("DTMF: 4711", "You pressed 4711.")),
    ],
)
async def test_keys_stop_the_agent_and_are_a_turn(
    turn: str, dtmf: str, keys: str, said: tuple[str, str], tmp_path: Path
) -> None:
    async with call(file(turn, dtmf), tmp_path) as (caller, events):
        await caller.ear.sound(0.0, 5.0)
        pressed = time.monotonic()
        await press(caller, keys)
        await until(lambda: len(talk(events)) > 2)
        greeting, *rest = talk(events)
        assert greeting == (greeting[0], True)
        assert GREETING.startswith(greeting[0])
        assert len(greeting[0]) < len(GREETING) / 2
        assert rest == [said[0], (said[1], False)]
        assert time.monotonic() - pressed < 10


@needs_flite
async def test_who_may_not_interrupt_does_not_with_keys(tmp_path: Path) -> None:
    async with call(file("{end: fixed, duplex: full}", interruptible="false"), tmp_path) as (caller, events):
        await press(caller, "1#")
        await until(lambda: bool(talk(events)))
        assert talk(events) == [(GREETING, False)]
        await press(caller, "4711#")
        await until(lambda: len(talk(events)) > 2)
        assert talk(events)[1:] == [ENDED[0], (ENDED[1], False)]


@needs_flite
async def test_without_dtmf_no_key_is_heard(tmp_path: Path) -> None:
    async with call(file("fixed", "false"), tmp_path) as (caller, events):
        await press(caller, "4711#")
        await until(lambda: bool(talk(events)))
        assert talk(events) == [(GREETING, False)]


REALTIME = """
version: 1
name: desk
greeting: Good day.
transport: {type: twilio, hang_up: false}
prompt: Be brief.
realtime: openai/gpt-realtime
"""


async def test_keys_are_written_to_a_realtime_model(tmp_path: Path) -> None:
    loaded = load(tmp_path / "desk.yaml", stage_variables({}), running=True, data=REALTIME.encode())
    assert loaded.agent is not None, loaded.problems
    script = Script({"4711": Reply("Order four seven eleven.")})
    events: list[Event] = []
    async with staged(loaded.agent, Scene(script)) as stage:
        host = Host(stage.agent, tmp_path)
        async with (
            serving(make_app(host, lambda: events.append)) as address,
            await TwilioCaller.call(f"http://{address}") as caller,
        ):
            await greeted(caller, time.monotonic())
            await until(lambda: len(talk(events)) == 1)
            await press(caller, "4711#")
            await until(lambda: len(talk(events)) > 2)
            assert talk(events)[1:] == [ENDED[0], ("Order four seven eleven.", False)]
