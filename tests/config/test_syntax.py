"""Text that is not YAML: one answer whichever parser gave up, and every secret of the line stays black."""

from pathlib import Path

import pytest
import yaml

from voicekit.config import document
from voicekit.config.loader import load
from voicekit.report import render

BAD = Path(__file__).parent / "bad"
# Two words of the parser are handed on as they are: here the parsers differ.
HANDED_ON = {"yaml-syntax-other"}
PARSERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]


def told(text: str, folder: Path) -> str:
    path = folder / "agent.yaml"
    path.write_bytes(text.encode())
    loaded = load(path, {})
    return render(loaded.problems, loaded.sources).replace(f"{folder}/", "")


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("name", sorted({path.stem for path in BAD.glob("yaml-syntax*.yaml")} - HANDED_ON))
def test_both_parsers_give_one_answer(name: str, parser: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    monkeypatch.setattr(document, "_FAST", parser)
    loaded = load(Path(f"{name}.yaml"), {})
    assert render(loaded.problems, loaded.sources) + "\n" == (BAD / f"{name}.txt").read_text(encoding="utf-8")


def test_a_question_mark_in_a_list_is_told_by_the_parser_that_refuses_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(document, "_FAST", yaml.SafeLoader)
    assert told("greeting: [Are you there?, Hello]\n", tmp_path) == (
        "agent.yaml:1:25: error: this list cannot be read: '?' before ',' or ']' [yaml-syntax]\n"
        "   |\n"
        " 1 | greeting: [Are you there?, Hello]\n"
        "   |                         ^\n"
        "  = help: put each sentence on its own line, after '- '"
    )


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(ending: str, tmp_path: Path) -> None:
    text = ending.join(["version: 1", "name: agent", "turn: {end: fixed, wait_ms: 60x}", ""])
    assert "agent.yaml:3:29: error: 'wait_ms' is a whole number, not '60x' [wrong-type]" in told(text, tmp_path)


def test_a_mark_at_the_start_of_the_file_is_no_mistake(tmp_path: Path) -> None:
    assert told("\ufeffversion: 2\n", tmp_path).startswith("agent.yaml:1:1: error: 'asr', 'llm' and 'tts' are missing")


@pytest.mark.parametrize(
    "text",
    [
        "description: 語音: x\n",
        "🎙: &\n",
        "description: [ü, ${A}]\n",
        'description: "ü" 語\n',
    ],
)
def test_the_caret_stands_under_the_sign_in_any_script(text: str, tmp_path: Path) -> None:
    shown = told(text, tmp_path).splitlines()
    assert "^" in shown[3]
    assert text.rstrip() in shown[2]


@pytest.mark.parametrize(
    "line",
    [
        "api_key: @SECRET",
        "api_key: SECRET: x",
        'api_key: "SECRET" x',
        'api_key: "SECRET',
        "api_key: {{SECRET}} x",
        "api_key: {{SECRET}}",
        "api_key: >SECRET",
        "api_key: | SECRET",
        "api_key: 'it's SECRET'",
        "api_key:SECRET",
        "api_key: *SECRET",
        "api_key: [SECRET",
        'api_key: "C:\\SECRET"',
        "api_key:\n  -SECRET",
        "api_key:\n    SECRET\n   x: 1",
        "- api_key: SECRET: x",
        "headers: {Authorization: Bearer SECRET, x}}",
        "headers: {authorization: SECRET x: 1}",
        "url: https://me:SECRET@host: x",
        "SECRET\nname: x",
        "SECRET: x\nSECRET: y",
        "x: SECRET: y",
        "x: *SECRET",
        "x: !SECRET y",
        "llm: SECRET",
        "asr: {provider: SECRET}",
        "turn: SECRET",
        "vad: {confidence: SECRET}",
        "name: SECRET",
    ],
)
def test_no_correction_repeats_a_secret(line: str, tmp_path: Path) -> None:
    secret = "sk-live-" + "0123456789abcdef"
    shown = told(f"version: 1\n{line.replace('SECRET', secret)}\n", tmp_path)
    assert "error" in shown
    assert secret not in shown
