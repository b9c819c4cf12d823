"""A caller who says nothing: nudges in their order, counted from the end of what is heard, then goodbye."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.emulators.sound import quiet, tone
from tests.runtime.memory_line import Caller, calling
from tests.services.embedded import SILENCE as SILENCE_BYTES
from tests.services.embedded import needs_flite, speech
from voicekit.calls.scene import Scene
from voicekit.calls.stage import Stage, stage_variables, staged
from voicekit.config.loader import load
from voicekit.config.silence import Silence as Section
from voicekit.emulators.script import Reply, Script
from voicekit.records.events import AgentFilled, AgentSaid, CallEnded, Event, Trouble
from voicekit.runtime.silence import Silence

pytestmark = [
    needs_flite,
    # The SDK of Deepgram still connects with the names that websockets is going to drop.
    pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning"),
]

SECTION: Final = Section(nudges=("One?", "Two?"), goodbye=("Bye {{name}}.",))


class Held:
    """What a silence says to a call."""

    def __init__(self, section: Section = SECTION) -> None:
        self.said: list[str] = []
        self.owed = False
        self.silence = Silence(section, self.say, self.part, lambda: {"name": "Ann"}, lambda: self.owed)

    async def say(self, words: str) -> None:
        self.said.append(words)

    async def part(self, words: str, reason: str) -> None:
        self.said.append(f"{words} [{reason}]")


async def test_each_nudge_once_and_then_goodbye() -> None:
    held = Held()
    for _ in range(3):
        await held.silence.lasts()
    assert held.said == ["One?", "Two?", "Bye Ann. [silence]"]


async def test_whoever_speaks_is_nudged_anew() -> None:
    held = Held()
    await held.silence.lasts()
    held.silence.broken()
    await held.silence.lasts()
    assert held.said == ["One?", "One?"]


async def test_who_waits_for_an_answer_is_not_silent() -> None:
    held = Held()
    held.owed = True
    await held.silence.lasts()
    assert held.said == []


async def test_a_line_that_is_not_hung_up_stays_open_without_a_word() -> None:
    held = Held(SECTION.model_copy(update={"hang_up": False}))
    for _ in range(4):
        await held.silence.lasts()
    assert held.said == ["One?", "Two?"]


HEAD: Final = "version: 1\nname: desk\nprompt: Be brief.\n"
CASCADE: Final = (
    "asr: deepgram\nllm: openai\ntts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}\nfillers: false\n"
)
REALTIME: Final = "realtime: openai/gpt-realtime\n"
SILENCE: Final = "silence: {nudges: [Hello?, Still there?], goodbye: Goodbye then.}\n"
GREETING: Final = "greeting: Good day.\n"
SCRIPT: Final = Script(
    {"hello?": Reply("Hello?"), "still there": Reply("Still there?"), "good day": Reply("Good day.")}
)


@asynccontextmanager
async def silent(folder: Path, *parts: str, after_secs: float = 0.4) -> AsyncIterator[tuple[Caller, Stage]]:
    """Hold a call to a file whose caller is silent, for a time that no file may say."""
    data = "".join((HEAD, *parts)).encode()
    loaded = load(folder / "desk.yaml", stage_variables({}), running=True, data=data)
    assert loaded.agent is not None, loaded.problems
    async with staged(loaded.agent, Scene(SCRIPT)) as stage:
        section = stage.agent.silence and stage.agent.silence.model_copy(update={"after_secs": after_secs})
        agent = stage.agent.model_copy(update={"silence": section})
        async with calling(agent, folder) as caller:
            yield caller, stage


def words(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, AgentSaid | AgentFilled)]


@pytest.mark.parametrize("services", [CASCADE, REALTIME], ids=["cascade", "realtime"])
@pytest.mark.parametrize("greeting", [GREETING, ""], ids=["greeted", "awaited"])
async def test_a_silent_caller_is_nudged_and_hung_up_on(services: str, greeting: str, tmp_path: Path) -> None:
    async with silent(tmp_path, services, SILENCE, greeting) as (caller, _):
        ended = await caller.wait(CallEnded)
    said = ["Good day."] if greeting else []
    assert words(caller.events) == [*said, "Hello?", "Still there?", "Goodbye then."]
    assert ended.reason == "silence"
    assert caller.of(Trouble) == []


async def test_a_caller_who_answers_is_nudged_anew(tmp_path: Path) -> None:
    async with silent(tmp_path, CASCADE, SILENCE, GREETING) as (caller, stage):
        await caller.wait(AgentSaid, 2)
        stage.announce("Good day.", 0.6)
        caller.speak(quiet(0.1) + tone(0.6))
        await caller.wait(CallEnded)
    assert words(caller.events) == ["Good day.", "Hello?", "Good day.", "Hello?", "Still there?", "Goodbye then."]


async def test_a_cough_is_no_answer(tmp_path: Path) -> None:
    cough = (await speech("Hm."))[len(SILENCE_BYTES) :][:9600]
    async with silent(tmp_path, CASCADE, SILENCE, GREETING) as (caller, _):
        await caller.wait(AgentSaid, 2)
        caller.speak(cough)
        await caller.wait(CallEnded)
    assert words(caller.events) == ["Good day.", "Hello?", "Still there?", "Goodbye then."]


async def test_without_the_section_nobody_is_nudged(tmp_path: Path) -> None:
    async with silent(tmp_path, CASCADE, "silence: false\n", GREETING) as (caller, _):
        await caller.wait(AgentSaid)
        params = caller.call._user._params
    assert params.user_idle_timeout == 0
