"""`class: package.module:Class`: a service of the user's, read and built as the catalogue's are."""

from pathlib import Path

import pytest

from tests.config.files import part, refused, write
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.problems import Refused
from voicekit.report import render
from voicekit.runtime.construct import construct
from voicekit.runtime.own import with_own_classes
from voicekit.runtime.resources import Resources
from voicekit.services.llm_rules import RulesLLMService

VOICE = """
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from pipecat.frames.frames import Frame, TTSSpeakFrame
from pipecat.services.settings import NOT_GIVEN, TTSSettings
from pipecat.services.tts_service import TTSService


@dataclass
class RobotSettings(TTSSettings):
    pitch: float = field(default_factory=lambda: NOT_GIVEN)


class Robot(TTSService):
    Settings = RobotSettings

    def __init__(self, *, arms: int = 2, api_key: str = "", settings: RobotSettings | None = None, **kwargs):
        complete = RobotSettings(model="tin", voice="bender", language=None, pitch=1.0)
        if settings is not None:
            complete.apply_update(settings)
        super().__init__(settings=complete, **kwargs)
        self.arms = arms

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        yield TTSSpeakFrame(f"{self._settings.voice} at {self._settings.pitch}")
"""
FILE = """
version: 1
name: a
asr: pocketsphinx
llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}
tts: {class: "robots.voice:Robot", arms: 4, pitch: 0.5, voice: calculon}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"agent.yaml": FILE, "robots/voice.py": VOICE})
    return tmp_path


def checked(folder: Path, *overrides: str) -> Agent:
    found = load(folder / "agent.yaml", {}, running=True, overrides=overrides)
    assert found.agent is not None, render(found.problems, found.sources)
    assert [problem.code for problem in found.problems] == ["class-at-run"]
    return found.agent


async def test_it_is_built_with_its_options(folder: Path) -> None:
    agent = with_own_classes(checked(folder), folder)
    voice = construct(agent, part(agent, "tts"), Resources())
    assert type(voice).__name__ == "Robot"
    assert voice.arms == 4  # type: ignore[attr-defined] # a class of the test's file
    settings = voice._settings  # type: ignore[attr-defined] # as above
    assert (settings.pitch, settings.voice, settings.model) == (0.5, "calculon", "tin")


def test_checking_a_file_imports_nothing(folder: Path) -> None:
    write(folder, {"robots/voice.py": "raise SystemExit('imported')"})
    checked(folder)


def test_a_file_without_one_stays_as_it_is(folder: Path) -> None:
    agent = load(folder / "agent.yaml", {}, overrides=["tts=flite"]).agent
    assert agent is not None
    assert with_own_classes(agent, folder) is agent


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("tts.arms=many", "--set 1:10: error: 'arms' is a whole number, not 'many' [wrong-type]"),
        ("tts.legs=4", "--set 1:5: error: robots.voice:Robot has no option 'legs' [unknown-key]"),
        ("tts.api_key=secret", "--set 1:13: error: a secret is written in the file [secret-in-file]"),
        ("tts.class=robots.voice:Tin", "--set 1:11: error: the module 'robots.voice' has no class 'Tin' [bad-class]"),
        (
            "tts.class=robots.voice:RobotSettings",
            "--set 1:11: error: 'robots.voice:RobotSettings' is not a tts service of Pipecat's [bad-class]",
        ),
        (
            f"tts.class={RulesLLMService.__module__}:RulesLLMService",
            (
                f"--set 1:11: error: '{RulesLLMService.__module__}:RulesLLMService' is not a tts service of Pipecat's"
                " [bad-class]"
            ),
        ),
        ("tts.class=nowhere:Robot", "--set 1:11: error: no module 'nowhere' beside the file, and none is installed"),
    ],
)
def test_what_is_wrong_with_it_is_told_when_it_runs(override: str, told: str, folder: Path) -> None:
    found = load(folder / "agent.yaml", {}, running=True, overrides=[override])
    assert found.agent is not None
    with pytest.raises(Refused) as caught:
        with_own_classes(found.agent, folder)
    assert render(caught.value.problems, found.sources).startswith(told)


@pytest.mark.parametrize("name", ["Robot", "robots/voice.py:Robot", "robots.voice:", "robots.voice:Robot()"])
def test_its_name_has_a_form(name: str, folder: Path) -> None:
    assert "[wrong-form]" in refused(folder, f'tts.class="{name}"')


async def test_a_service_that_does_all_three_may_be_ones_own(tmp_path: Path) -> None:
    base = "OpenAIRealtimeLLMService"
    live = f"from pipecat.services.openai.realtime.llm import {base}\n\n\nclass Live({base}):\n    pass\n"
    text = (
        'version: 1\nname: a\nprompt: Be brief.\nrealtime: {class: "robots.live:Live", model: x, api_key: "${KEY}"}\n'
    )
    write(tmp_path, {"agent.yaml": text, "robots/live.py": live})
    found = load(tmp_path / "agent.yaml", {"KEY": "k"}, running=True)
    assert found.agent is not None
    agent = with_own_classes(found.agent, tmp_path)
    service = part(agent, "realtime")
    assert (service.kind, dict(service.options)) == ("realtime", {"model": "x", "api_key": "k"})
    made = construct(agent, service, Resources())
    assert type(made).__name__ == "Live"
    assert made.settings.system_instruction == "Be brief."  # type: ignore[attr-defined] # Pipecat types the base class
