"""Trials: several held at a time do not disturb each other."""

import sys
from pathlib import Path
from typing import Final

import pytest

from voicekit.calls.outcome import Outcome
from voicekit.calls.stage import stage_variables
from voicekit.calls.suite import read_suite
from voicekit.calls.trial import Trial, hold_all
from voicekit.config.loader import load

FILE: Final = b"""\
version: 1
name: desk
prompt: Be brief.
llm: anthropic
tts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}
asr: deepgram
"""
TESTS: Final = """\
name: desk
scenarios:
  - name: one
    turns:
      - user: Hello
        expect: [{event: response}]
"""


async def test_nothing_is_imported_while_somebody_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "desk.yaml"
    path.write_bytes(FILE)
    tests = tmp_path / "desk.test.yaml"
    tests.write_text(TESTS, encoding="utf-8")
    loaded = load(path, stage_variables({}), running=True)
    assert loaded.agent, loaded.problems
    modules = {service.provider.module for service in loaded.agent.services}
    for module in modules:
        monkeypatch.delitem(sys.modules, module, raising=False)
    missing: list[set[str]] = []

    async def hold(trial: Trial) -> Outcome:
        missing.append(modules - sys.modules.keys())
        return Outcome(trial.suite, "", 0, {}, (), (), None)

    monkeypatch.setattr(Trial, "hold", hold)
    await hold_all([Trial(read_suite(tests), 0, loaded.agent, {}, tmp_path / "one.wav")], 1, lambda _outcome: None)
    assert missing == [set()]
