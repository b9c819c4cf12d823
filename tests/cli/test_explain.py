"""`voicekit explain`: the file in full, the origin of each value, and a file again."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.config.files import write
from voicekit.cli.explain import command
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.config.origins import in_full
from voicekit.problems import Refused, has_errors
from voicekit.providers.catalog import KINDS

ROOT = Path(__file__).parent.parent.parent
FILES = [*sorted((ROOT / "pipelines").glob("*[!t].yaml")), *sorted((ROOT / "tests" / "config" / "good").glob("*.yaml"))]

BASE = """
prompt: !include prompt.md
llm: [openai/gpt-4o, {provider: anthropic, temperature: 0.2}]
tts: {provider: elevenlabs, voice: "0123"}
turn: {end: fixed, wait_ms: 700}
"""
AGENT = """
version: 1
name: agent
description: Costs $$5
extends: base.yaml
language: de-DE
asr: {provider: soniox, endpoint: "wss://me:pass@example.org/v1", api_key: "${MINE}"}
tools: {now: {builtin: current_time}}
greeting: ["Guten Tag: hier Acme.", Hallo]
"""
SHOWN = """\
version: 1                                  # agent.yaml:2
name: agent                                 # agent.yaml:3
description: Costs $$5                      # agent.yaml:4
language: de-DE                             # agent.yaml:6
prompt: |-                                  # base.yaml:2
  You are {{agent.name}}.
  It costs $$5 in $${SHOPS}.
greeting:
  say:
    - "Guten Tag: hier Acme."               # agent.yaml:9
    - Hallo                                 # agent.yaml:9
  interruptible: true                       # default
  delay_ms: 200                             # --set 2
transport:
  type: webrtc                              # default
server:
  host: 127.0.0.1                           # default
  port: 7860                                # default
  drain_secs: 300                           # default
vad:
  provider: silero                          # default
  confidence: 0.7                           # default
  start_secs: 0.2                           # default
  stop_secs: 0.2                            # default
  min_volume: 0.6                           # default
turn:
  end: fixed                                # base.yaml:5
  wait_ms: 900                              # --set 1
  give_up_secs: 5                           # default
  duplex: full                              # default
  interruption:
    min_words: 1                            # default
    min_ms: 0                               # default
    never:
      - builtin                             # phrases/de
    always:
      - builtin                             # phrases/de
    resume_ms: 1500                         # default
    backoff_ms: 0                           # default
asr:
  provider: soniox                          # agent.yaml:7
  endpoint: "wss://*******@example.org/v1"  # agent.yaml:7
  api_key: "${MINE}"                        # agent.yaml:7
  language: de-DE                           # language
  model: stt-rt-v5                          # Pipecat
  timeout_secs: 5                           # default
llm:
  - provider: openai                        # base.yaml:3
    model: gpt-4o                           # base.yaml:3
    api_key: ${OPENAI_API_KEY}              # environment
    timeout_secs: 10                        # default
  - provider: anthropic                     # base.yaml:3
    temperature: 0.2                        # base.yaml:3
    model: claude-haiku-4-5                 # voicekit
    api_key: ${ANTHROPIC_API_KEY}           # environment
    timeout_secs: 10                        # default
tts:
  provider: elevenlabs                      # base.yaml:4
  voice: "0123"                             # base.yaml:4
  api_key: ${ELEVENLABS_API_KEY}            # environment
  language: de-DE                           # language
  model: eleven_flash_v2_5                  # Pipecat
  timeout_secs: 5                           # default
tools:
  now:
    builtin: current_time                   # agent.yaml:8
    timeout_secs: 10                        # default
    max_result_bytes: 16384                 # default
    cancel_on_interruption: true            # default
memory:
  keep: everything                          # default
fillers:
  say:
    - "Einen Moment, bitte."                # phrases/de
    - Einen Augenblick.                     # phrases/de
    - Ich schaue kurz nach.                 # phrases/de
    - Mal sehen.                            # phrases/de
    - Kleinen Moment.                       # phrases/de
  after_ms: 900                             # default
  again_ms: 4000                            # default
  per_turn: 2                               # default
silence:
  after_secs: 10                            # default
  nudges:
    - "Sind Sie noch dran?"                 # phrases/de
    - "Hallo? Lassen Sie sich ruhig Zeit, ich höre zu."  # phrases/de
  goodbye:
    - "Ich höre Sie leider nicht und lege jetzt auf. Auf Wiederhören."  # phrases/de
  hang_up: true                             # default
fallback:
  errors: 1                                 # default
  llm_ms: 2000                              # default
  cool_down_secs: 60                        # default
  return: true                              # default
failure:
  say:
    - "Entschuldigung, bei uns ist etwas schiefgegangen. Könnten Sie das noch einmal sagen?"  # phrases/de
    - Das hat leider nicht geklappt. Bitte versuchen Sie es noch einmal.  # phrases/de
  within_ms: 4000                           # default
  tries: 2                                  # default
  goodbye:
    - "Es tut mir leid, ich kann Ihnen im Moment nicht helfen. Bitte rufen Sie später noch einmal an. \
Auf Wiederhören."  # phrases/de
limits:
  call_secs: 600                            # default
  warn_secs: 30                             # default
  warn_say:
    - "Wir müssen gleich zum Ende kommen."  # phrases/de
  goodbye:
    - "Unsere Zeit ist leider um. Vielen Dank für den Anruf, auf Wiederhören."  # phrases/de
  concurrent_calls: 10                      # default
  calls_per_min: 60                         # default
  turns: 200                                # default
  tool_calls: 50                            # default
  tool_calls_per_turn: 8                    # default
#
# webrtc     the caller's sound comes in
#   │
# asr        soniox
#   │
# turn       silero: speech after 0.2 s, silence after 0.2 s, ends 900 ms after the last speech, a word stops the agent
#   │
# llm        openai/gpt-4o, then anthropic/claude-haiku-4-5 after an error or 2000 ms without a word
#   │
# tools      now
#   │
# fillers    after 900 ms of waiting, at most 2 in a turn
#   │
# tts        elevenlabs
#   │
# webrtc     the agent's sound goes out
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("MINE", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ELEVENLABS_API_KEY"):
        monkeypatch.setenv(name, "sk-live-0123")
    prompt = "You are {{agent.name}}.\nIt costs $5 in ${SHOPS}.\n"
    write(tmp_path, {"agent.yaml": AGENT, "base.yaml": BASE, "prompt.md": prompt})
    return tmp_path


def test_everything_is_shown_with_its_origin(folder: Path) -> None:
    done = CliRunner().invoke(command, ["agent.yaml", "--set", "turn.wait_ms=900", "--set", "greeting.delay_ms=200"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == SHOWN
    assert "sk-live" not in done.stdout


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("turn.end", "fixed  # base.yaml:5\n"),
        ("llm[1].temperature", "0.2  # base.yaml:3\n"),
        ("greeting.say", '- "Guten Tag: hier Acme."  # agent.yaml:9\n- Hallo                    # agent.yaml:9\n'),
    ],
)
def test_a_key_shows_a_part(key: str, shown: str, folder: Path) -> None:
    done = CliRunner().invoke(command, ["agent.yaml", key])
    assert (done.exit_code, done.stdout) == (0, shown)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_what_is_shown_is_the_same_agent(path: Path, tmp_path: Path) -> None:
    keys = (
        "OPENAI_API_KEY",
        "OPENROUTER_API_KEY",
        "ANTHROPIC_API_KEY",
        "DEEPGRAM_API_KEY",
        "ELEVENLABS_API_KEY",
        "KEY",
    )
    environment = dict.fromkeys(keys, "x")
    done = CliRunner(env=environment).invoke(command, [str(path)])
    assert done.exit_code == 0
    (tmp_path / "again.yaml").write_text(done.stdout, encoding="utf-8")
    first, again = load(path, environment).agent, load(tmp_path / "again.yaml", environment)
    assert first is not None
    assert not has_errors(again.problems)
    assert again.agent is not None
    assert facts(again.agent) == facts(first)


def facts(agent: Agent) -> dict[str, Any]:
    """Return what an agent says; the language that a provider is told and its default model are said anyway."""
    values = {name: getattr(agent, name) for name in Agent.model_fields if name not in KINDS}
    values |= {"turn": in_full(agent)}
    services = {
        f"{service.kind} {number}": (service.provider.name, service.rules, _options(service.options))
        for number, service in enumerate(agent.services)
    }
    return values | services


def _options(options: Any) -> dict[str, object]:
    return {key: value for key, value in options.items() if key not in ("language", "model", "voice")}


@pytest.mark.parametrize(
    ("key", "hint"), [("turn.wait", "did you mean 'wait_ms'?"), ("llm[2].model", "see voicekit schema llm.model")]
)
def test_a_key_where_nothing_is_is_told(key: str, hint: str, folder: Path) -> None:
    with pytest.raises(Refused) as caught:
        CliRunner().invoke(command, ["agent.yaml", key], catch_exceptions=False)
    (problem,) = caught.value.problems
    assert (problem.text, problem.help) == (f"nothing is at '{key}'", hint)


def test_a_file_that_is_wrong_is_not_explained(folder: Path) -> None:
    (folder / "agent.yaml").write_text("version: 1\nname: A\n", encoding="utf-8")
    done = CliRunner().invoke(command, ["agent.yaml"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "error: 'name' cannot be 'A' [wrong-form]" in done.stderr


@pytest.mark.parametrize("key", ["llm..model", "turn.", "[0]", "a b"])
def test_what_is_no_path_is_told(key: str, folder: Path) -> None:
    with pytest.raises(Refused) as caught:
        CliRunner().invoke(command, ["agent.yaml", key], catch_exceptions=False)
    (problem,) = caught.value.problems
    assert (problem.code, problem.text) == ("bad-path", f"'{key}' is no path of keys")


def test_an_empty_mapping_in_a_list_stays(folder: Path) -> None:
    request = "{description: d, http: POST https://example.org, body: [{}, {a: []}, []]}"
    shown = CliRunner().invoke(command, ["agent.yaml", "tools.note.body", "--set", f"tools.note={request}"])
    assert [line.partition("  #")[0].rstrip() for line in shown.stdout.splitlines()] == ["- {}", "- a: []", "- []"]
