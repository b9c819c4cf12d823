"""`tts: auto` is the first engine that the machine has, and what is missing is said with what to type."""

from pathlib import Path

import pytest

from tests.config.files import part
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.problems import Refused
from voicekit.runtime.embedded import settle
from voicekit.services import asr_pocketsphinx, tts_embedded

FLITE = "flite's library is not here: apt-get install flite"
ESPEAK = "espeak-ng is not here: pip install espeakng-loader==0.2.4"


def agent(tmp_path: Path, language: str = "en", asr: str = "pocketsphinx") -> Agent:
    path = tmp_path / "agent.yaml"
    rules = "llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}"
    text = f"version: 1\nname: agent\nlanguage: {language}\nasr: {asr}\n{rules}\ntts: auto\n"
    path.write_text(text, encoding="utf-8")
    loaded = load(path, {"DEEPGRAM_API_KEY": "x"})
    assert loaded.agent is not None
    return loaded.agent


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    missing = {"pocketsphinx": "", "flite": "", "espeak": ""}
    monkeypatch.setattr(tts_embedded, "available", lambda name: missing[name])
    return missing


@pytest.mark.parametrize(
    ("language", "asr", "absent", "chosen"),
    [
        ("en", "pocketsphinx", {}, "flite"),
        ("en-GB", "pocketsphinx", {}, "flite"),
        ("en", "pocketsphinx", {"flite": FLITE}, "espeak"),
        ("zh-CN", "deepgram", {}, "espeak"),
    ],
)
def test_auto_is_the_first_engine_there_is(
    language: str, asr: str, absent: dict[str, str], chosen: str, engines: dict[str, str], tmp_path: Path
) -> None:
    engines.update(absent)
    assert part(settle(agent(tmp_path, language, asr)), "tts").provider.name == chosen


def test_a_machine_without_a_voice_is_told_what_to_type(engines: dict[str, str], tmp_path: Path) -> None:
    engines.update({"flite": FLITE, "espeak": ESPEAK})
    with pytest.raises(Refused) as caught:
        settle(agent(tmp_path))
    [problem] = caught.value.problems
    assert (problem.code, problem.text) == ("missing-extra", "espeak-ng is not here")
    assert problem.help == "pip install espeakng-loader==0.2.4"
    assert problem.place is not None
    assert problem.place.line == 6


def test_a_machine_without_the_recogniser_is_told_what_to_type(
    engines: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(asr_pocketsphinx, "find_spec", lambda name: None)
    settled = agent(tmp_path)
    with pytest.raises(Refused) as caught:
        settle(settled)
    assert caught.value.problems[0].help == "pip install pocketsphinx==5.1.1"
