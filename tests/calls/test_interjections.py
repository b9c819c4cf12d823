"""What a caller says into the agent's words, in whole calls: real speech, a real detector, emulated providers."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runtime.memory_line import Caller, calling
from tests.services.embedded import needs_flite, speech
from voicekit.calls.scene import Scene
from voicekit.calls.stage import Stage, stage_variables, staged
from voicekit.config.loader import load
from voicekit.emulators.faults import Latency
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.side_channel import fault_of
from voicekit.records.events import AgentFilled, AgentSaid, CallerSaid, TakenOver, ToolFinished
from voicekit.runtime.construct import service_class

pytestmark = [
    pytest.mark.long,
    needs_flite,
    # The SDK of Deepgram still connects with the names that websockets is going to drop.
    pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning"),
]

HEAD = "version: 1\nname: desk\nprompt: Be brief.\n"
NO_FILLERS = "fillers: false\n"
SERVICES = "asr: deepgram\nllm: openai\ntts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}\n"
FIXED = "turn: {end: fixed, wait_ms: 500%s}\n"
QUESTION = "What time is it?"
LONG = "It is late, and this is a rather long answer, so that somebody can say something into it before it ends."
SHORT = "That is all right."
QUIET = 300
"""Softer than this, of 32767, is silence in what flite says."""


TOOL = """
import asyncio

async def find() -> str:
    await asyncio.sleep(2.5)
    return "sent"
"""


@dataclass
class Talk:
    """A call, and what its caller says."""

    stage: Stage
    caller: Caller

    async def say(self, words: str) -> None:
        """Say something, and return when it has been said."""
        samples = np.frombuffer(await speech(words), np.int16)
        loud = np.nonzero(abs(samples.astype(int)) > QUIET)[0]
        said = samples[loud[0] : loud[-1]].tobytes()
        self.stage.announce(words, len(said) / 32000)
        self.caller.speak(said)
        await asyncio.sleep(len(said) / 32000)

    async def heard(self, secs: float) -> None:
        """Wait until so much has been heard of the agent."""
        while self.caller.transport.out.heard_secs < secs:  # noqa: ASYNC110 - nothing tells of each piece of sound
            await asyncio.sleep(0.02)

    @property
    def pauses(self) -> list[float]:
        """How long the agent was silent between two sounds, in seconds, where that was no hitch of a busy machine."""
        sounds = self.caller.transport.out.sounds
        gaps = [begin - end for (_, end), (begin, _) in itertools.pairwise(sounds)]
        return [gap for gap in gaps if gap > 0.4]

    @property
    def said(self) -> list[tuple[str, bool]]:
        return [(event.text, event.interrupted) for event in self.caller.of(AgentSaid)]

    @property
    def turns(self) -> list[str]:
        return [event.text for event in self.caller.of(CallerSaid)]


@asynccontextmanager
async def talk(
    folder: Path, turn: str, lines: Mapping[str, str | Reply], rest: str = NO_FILLERS + SERVICES, **scene: Any
) -> AsyncIterator[Talk]:
    loaded = load(folder / "desk.yaml", stage_variables({}), running=True, data=(HEAD + turn + rest).encode())
    assert loaded.agent is not None, loaded.problems
    for service in loaded.agent.services:
        # An SDK takes a second to import, in which nobody is heard.
        service_class(service)
    script = Script({heard: said if isinstance(said, Reply) else Reply(said) for heard, said in lines.items()})
    async with (
        staged(loaded.agent, Scene(script, **scene)) as stage,
        calling(stage.agent, folder) as caller,
    ):
        yield Talk(stage, caller)


ANSWERS = {"time": LONG, "tuesday": SHORT}


async def test_a_backchannel_pauses_the_agent_and_it_goes_on_where_it_was(tmp_path: Path) -> None:
    async with talk(tmp_path, FIXED % "", ANSWERS) as one:
        await one.say(QUESTION)
        await one.heard(1.5)
        await one.say("Okay, right.")
        await one.caller.wait(AgentSaid)
        assert len(one.pauses) == 1
        assert one.said == [(LONG, False)]
        assert one.turns == [QUESTION]


async def test_words_stop_the_agent_and_it_remembers_only_what_was_heard(tmp_path: Path) -> None:
    async with talk(tmp_path, FIXED % "", ANSWERS) as one:
        await one.say(QUESTION)
        await one.heard(1.5)
        await one.say("What about Tuesday?")
        await one.caller.wait(AgentSaid, 2)
        (cut, interrupted), after = one.said
        assert interrupted
        assert LONG.startswith(cut)
        # What is heard until a voice is noticed is a part of it.
        assert 3 <= len(cut.split()) <= len(LONG.split()) * 0.8
        assert after == (SHORT, False)
        # So that the model can say it again.
        known = [(each["role"], each["content"]) for each in one.caller.call._user.context.messages]
        assert known == [
            ("user", QUESTION),
            ("assistant", cut),
            ("user", "What about Tuesday?"),
            ("assistant", SHORT),
        ]
        assert one.turns == [QUESTION, "What about Tuesday?"]


async def test_in_half_duplex_nothing_is_heard_while_the_agent_speaks(tmp_path: Path) -> None:
    async with talk(tmp_path, FIXED % ", duplex: half", ANSWERS) as one:
        await one.say(QUESTION)
        await one.heard(1.5)
        await one.say("What about Tuesday?")
        await one.caller.wait(AgentSaid)
        assert (one.pauses, one.said, one.turns) == ([], [(LONG, False)], [QUESTION])


@pytest.mark.parametrize("end", ["semantic", "combined"])
async def test_a_caller_whom_the_llm_calls_cut_off_has_time_to_go_on(end: str, tmp_path: Path) -> None:
    lines = {"seven": "Got it.", "number is$": "◐"}
    async with talk(tmp_path, f"turn: {end}\n", lines) as one:
        await one.say("My number is")
        await asyncio.sleep(1.0)
        await one.say("four seven eleven.")
        await one.caller.wait(AgentSaid)
        assert one.turns == ["My number is four seven eleven."]
        assert one.said == [("Got it.", False)]


async def test_a_caller_who_does_not_go_on_is_asked_to(tmp_path: Path) -> None:
    lines = {"paused briefly": "Go ahead.", "number is$": "◐"}
    async with talk(tmp_path, "turn: {end: semantic, short_pause_secs: 1}\n", lines) as one:
        await one.say("My number is")
        await one.caller.wait(AgentSaid)
        assert one.said == [("Go ahead.", False)]


FILLER = "One moment please, I am going to have a very close look at that."


async def test_a_backchannel_into_a_filler_costs_nothing(tmp_path: Path) -> None:
    rest = f"fillers: {{say: ['{FILLER}'], after_ms: 300}}\n{SERVICES}"
    late = {"openai": Latency(first_secs=3.0)}
    async with talk(tmp_path, FIXED % "", ANSWERS, rest, latency=late) as one:
        await one.say(QUESTION)
        await one.heard(0.6)
        await one.say("Okay, right.")
        await one.caller.wait(AgentSaid)
        assert [each.text for each in one.caller.of(AgentFilled)] == [FILLER]
        assert (one.said, one.turns) == ([(LONG, False)], [QUESTION])


async def test_a_backchannel_while_a_tool_runs_leaves_it_running(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(TOOL, encoding="utf-8")
    tool = "tools: {find: {python: 'tools:find', say: One moment please\\, I am going to look for it.}}\n"
    lines: dict[str, str | Reply] = {"time": Reply(calls=(ToolCall("find", {}),)), "sent": SHORT}
    async with talk(tmp_path, FIXED % "", lines, NO_FILLERS + tool.replace("\\,", "") + SERVICES) as one:
        await one.say(QUESTION)
        await one.heard(0.6)
        await one.say("Okay, right.")
        await one.caller.wait(ToolFinished)
        await one.heard(2.0)
        await one.caller.wait(AgentSaid)
        assert one.said[-1] == (SHORT, False)
        assert one.turns == [QUESTION]


async def test_the_voice_that_has_taken_over_pauses_and_goes_on_too(tmp_path: Path) -> None:
    voices = "tts: [{provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}, openai]\n"
    rest = f"{NO_FILLERS}asr: deepgram\nllm: openai\n{voices}"
    faults = {"elevenlabs": [fault_of({"drop": 12})] * 3}
    async with talk(tmp_path, FIXED % "", ANSWERS, rest, faults=faults) as one:
        await one.say(QUESTION)
        await one.heard(1.0)
        await one.say("Okay, right.")
        await one.caller.wait(TakenOver)
        await one.caller.wait(AgentSaid)
        assert (" ".join(text for text, _ in one.said), one.turns) == (LONG, [QUESTION])
