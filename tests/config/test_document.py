"""What PyYAML would lose or guess is kept: every key, every place, every value as it is written."""

from pathlib import Path

import pytest

from voicekit.config.document import Mapping, Scalar, read
from voicekit.config.loader import load
from voicekit.report import render

REST = "name: agent\nasr: pocketsphinx\nllm: {provider: rules, rules: [{hear: hello, say: Hello.}]}\ntts: espeak\n"


def problems(text: str, folder: Path) -> list[str]:
    path = folder / "agent.yaml"
    path.write_text(f"version: 1\n{REST}{text}", encoding="utf-8")
    loaded = load(path, {})
    shown = render(loaded.problems, loaded.sources).replace(f"{path}:", "")
    return [line for line in shown.splitlines() if line[:1].isdigit()]


@pytest.mark.parametrize(
    "text", ["no", "yes", "012", "1:30", "1e3", "2026-11-24", "0x1f", "1_000", "3.10", "~", "null"]
)
def test_a_value_stays_as_it_is_written(text: str) -> None:
    root, found = read(f"a: {text}\n", "f")
    assert found == []
    assert isinstance(root, Mapping)
    value = root.entries["a"]
    assert isinstance(value, Scalar)
    assert (value.text, value.plain) == (text, True)


def test_the_first_of_two_equal_keys_is_kept_and_the_second_told() -> None:
    root, found = read("a: 1\nb: 2\na: 3\n", "f")
    assert isinstance(root, Mapping)
    assert [(key, node.text) for key, node in root.entries.items() if isinstance(node, Scalar)] == [
        ("a", "1"),
        ("b", "2"),
    ]
    assert [(problem.code, problem.place and problem.place.line) for problem in found] == [("duplicate-key", 3)]


def test_what_is_wrong_with_a_merged_key_stands_where_it_is_written(tmp_path: Path) -> None:
    assert problems("x-turn: &turn\n  end: fixed\n  wait_ms: many\nturn:\n  <<: *turn\n", tmp_path) == [
        "8:12: error: 'wait_ms' is a whole number, not 'many' [wrong-type]"
    ]


def test_what_is_wrong_with_an_alias_stands_at_its_anchor(tmp_path: Path) -> None:
    assert problems("x-wait: &wait many\nturn: {end: fixed, wait_ms: *wait}\n", tmp_path) == [
        "6:15: error: 'wait_ms' is a whole number, not 'many' [wrong-type]"
    ]


def test_a_key_beside_a_merge_wins() -> None:
    root, _ = read("x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}\n", "f")
    assert isinstance(root, Mapping)
    merged = root.entries["y"]
    assert isinstance(merged, Mapping)
    assert {key: node.text for key, node in merged.entries.items() if isinstance(node, Scalar)} == {"a": "3", "b": "2"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("arsr: pocketsphinx", "2:1: error: no key 'arsr' [unknown-key]"),
        ("stt: pocketsphinx", "2:1: error: no key 'stt': voicekit calls it 'asr' [unknown-key]"),
        ("turn: {asr: pocketsphinx}", "2:8: error: no key 'asr' in turn: it belongs at the top level [unknown-key]"),
        ("asr: {vendor: deepgram}", "2:7: error: no key 'vendor' in asr: voicekit calls it 'provider' [unknown-key]"),
        ("asr: deepgam", "2:6: error: no asr provider is named 'deepgam' [unknown-provider]"),
        ("asr:", "2:5: error: 'asr' has no value [no-value]"),
        ("asr: # pocketsphinx", "2:6: error: 'asr' has no value: '#' begins a comment [no-value]"),
    ],
)
def test_one_mistake_with_a_required_key_is_one_problem(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(f"version: 1\n{text}\n{REST.replace('asr: pocketsphinx', '')}", encoding="utf-8")
    loaded = load(path, {})
    shown = render(loaded.problems, loaded.sources).replace(f"{path}:", "")
    assert [line for line in shown.splitlines() if line[:1].isdigit()] == [problem]
