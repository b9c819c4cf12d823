"""Every answer to a word of another system is true of the language as it is: what it says to write can be written."""

from pathlib import Path

import pytest

from voicekit.config.agent import CASCADE, Agent
from voicekit.config.loader import load
from voicekit.config.suggestions import answer, similar
from voicekit.config.vocabulary import KNOWN

# The sections that an example for them is put into, as a file would have them; the last line takes the example.
SECTIONS = {
    "agent": "{}",
    "greeting": "greeting: {{say: Hello., {}}}",
    "transport": "transport: {{{}}}",
    "vad": "vad: {{{}}}",
    "turn": "turn: {{end: fixed, {}}}",
    "tool": "tools: {{one: {{{}}}}}",
    "silence": "silence: {{{}}}",
    "limits": "limits: {{{}}}",
    "fallback": "asr: [deepgram, openai]\nllm: [openai, anthropic]\nfallback: {{{}}}",
    "failure": "failure: {{{}}}",
    "rules": "llm: {{provider: rules, rules: [{{hear: hello, say: Hello.}}], {}}}",
    "rule": "llm: {{provider: rules, rules: [{{hear: hello, say: Hello., {}}}]}}",
    "service": "tts: {{provider: elevenlabs, {}}}",
    "llm": "llm: {{provider: openai, {}}}",
}
BASE = {
    "version": "version: 1",
    "name": "name: agent",
    "prompt": "prompt: Be brief.",
    "asr": "asr: pocketsphinx",
    "llm": "llm: [openai/gpt-4o, anthropic]",
    "tts": "tts: espeak",
}
ROOT = set(Agent.model_fields)
# What an example may lead to besides: a word stands twice, or what it goes with is not there.
BESIDES = {
    "key-not-sent",
    "duplicate-key",
    "unset-variable",
    "unused-tool",
    "missing-tool",
    "missing-key",
    "tool-kind",
    "unused-key",
    "missing-option",
}
IN_WORDS = ("begin ", "move ", "remove ", "leave ")


def examples() -> list[tuple[str, str]]:
    found = {(section, word.example): None for (section, _), word in KNOWN.items()}
    return [(section, example) for section, example in found if not example.startswith(IN_WORDS)]


@pytest.mark.parametrize(("section", "example"), examples())
def test_the_example_can_be_pasted(section: str, example: str, tmp_path: Path) -> None:
    example += "\n  Be brief." if example.endswith("|") else ""
    key = example.partition(":")[0]
    pasted = example if (key in ROOT) or example.startswith("turn:") else ""
    pasted = pasted or SECTIONS[section].format(example)
    written = {line.partition(":")[0] for line in pasted.splitlines()}
    base = [line for key, line in BASE.items() if key not in written and not (key in CASCADE and "realtime" in written)]
    path = tmp_path / "agent.yaml"
    path.write_text("\n".join([*base, pasted, ""]), encoding="utf-8")
    wrong = [problem for problem in load(path, {}).problems if problem.code not in BESIDES]
    assert wrong == []


@pytest.mark.parametrize(("section", "word"), KNOWN)
def test_no_word_of_ours_is_in_the_table(section: str, word: str) -> None:
    assert word == word.lower().replace("-", "_")
    assert section != "agent" or word not in ROOT


def test_the_known_word_comes_before_the_similar_one() -> None:
    assert similar("stt", ("asr", "llm", "tts")) == "tts"
    assert answer("stt", "agent", ["asr", "llm", "tts"], homes={}).meant == "asr"


@pytest.mark.parametrize("word", ["waitMs", "wait-ms", "WAIT_MS"])
def test_another_way_to_write_a_key_is_the_key(word: str) -> None:
    assert answer(word, "turn", ["end", "wait_ms"], homes={}).help == "did you mean 'wait_ms'?"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("stt", "voicekit calls it 'asr'"),
        ("languageModel", "voicekit calls it 'llm'"),
        ("temperature", "an option belongs to its provider"),
        ("rules", "rules belong to 'llm: rules'"),
        ("apiKey", "a key belongs to its provider"),
        ("allow_interruptions", ""),
        ("background_sound", ""),
        ("maxDurationSeconds", "voicekit calls it 'limits.call_secs', in seconds"),
        ("silenceTimeoutSeconds", "voicekit calls it 'silence.after_secs', in seconds"),
        ("user_away_timeout", "voicekit calls it 'silence.after_secs', in seconds"),
        ("endCallMessage", "the last words are 'goodbye' in silence, failure and limits"),
        ("fallbackPlan", "a list of asr, llm or tts is tried in order"),
    ],
)
def test_what_is_said_at_the_top_level(word: str, said: str) -> None:
    assert answer(word, "agent", ROOT, homes={}).said == said
