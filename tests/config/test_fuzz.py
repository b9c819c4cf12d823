"""Whatever a file holds: it is read in time, something printable is said of it, and no secret is shown."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from voicekit.config.document import MAX_BYTES
from voicekit.config.loader import load
from voicekit.report import render
from voicekit.report.columns import visible

HERE = Path(__file__).parent
PIPELINES = HERE.parent.parent / "pipelines"
# No part of a secret that a mutation leaves whole is shorter than this.
SECRETS = {
    "environment": "zq7-environment-4711",
    "file": "sk-live-zq7file4711zq7file4711",
    "address": "zq7-address-4711",
    "header": "zq7-header-4711",
}
PLANTED = f"""\
version: 1
name: planted
prompt: Be brief.
asr: {{provider: deepgram, model: nova-3, api_key: {SECRETS["file"]}, endpoint: "wss://me:{SECRETS["address"]}@host/v1"}}
llm:
  - provider: openai
    model: gpt-4o
    api_key: "${{KEY}}"
  - provider: anthropic
    api_key:
      {SECRETS["file"]}
tts:
  provider: elevenlabs
  voice: ${{KEY}}
tools:
  one:
    python: tools:one
    headers:
      Authorization: Bearer {SECRETS["header"]}
"""
VALID = [
    *(path.read_text(encoding="utf-8") for path in (*PIPELINES.glob("*.yaml"), *(HERE / "good").glob("*.yaml"))),
    PLANTED,
]
PIECES: list[str] = [
    *"\t\r\n\x00\x1b\ufeff\x85\u2028\u200b\u3000:#-?,[]{}&*!|>'\"%@`\\$~=<é語🎙 ",
    *(
        "${KEY}",
        "{{x}}",
        "${",
        "<<: *a",
        "&a ",
        "*a",
        "!!python/object:os.system ",
        "---\n",
        "...\n",
        "\r\n",
        "- ",
        ": ",
    ),
    *(
        "api_key: ",
        "stt: ",
        "null",
        "yes",
        "<<<<<<< HEAD\n",
        '"\\d"',
        "[[[[",
        "}}}}",
        "1e999",
        "asr:\n",
        "  ",
        "x" * 300,
    ),
]
SECONDS = 2.0


def check(data: bytes, folder: Path) -> str:
    """Load and render a file, hold what is promised of both, and return what was shown."""
    path = folder / "agent.yaml"
    path.write_bytes(data)
    begun = time.process_time()
    loaded = load(path, {"KEY": SECRETS["environment"], "OPENAI_API_KEY": SECRETS["environment"]})
    assert time.process_time() - begun < SECONDS
    shown = render(loaded.problems, loaded.sources)
    wrong = any(problem.severity == "error" for problem in loaded.problems)
    # A file whose provider is a variable that is not set is no agent yet, and not wrong.
    unset = any(problem.code == "unset-variable" for problem in loaded.problems)
    assert wrong or unset if loaded.agent is None else not wrong
    assert not [char for char in shown if not (char.isprintable() or char == "\n" or visible(char) == char)]
    assert all(problem.text.isprintable() and problem.help.isprintable() for problem in loaded.problems)
    return shown


def hidden(shown: str, *names: str) -> None:
    # A word that was glued to what stood before it is no longer one that anybody knows for a secret.
    shown = re.sub(r"[\w-]+", lambda match: match[0] if match[0] in SECRETS.values() else "", shown)
    assert [name for name in names or SECRETS if SECRETS[name] in shown] == []


def line_change(text: str, draw: Callable[[st.SearchStrategy[int]], int]) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at, to = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    match draw(st.integers(0, 4)):
        case 0:
            del lines[at]
        case 1:
            lines.insert(to, lines[at])
        case 2:
            lines[at] = " " * draw(st.integers(1, 5)) + lines[at]
        case 3:
            lines[at] = lines[at].removeprefix(" " * draw(st.integers(1, 3)))
        case _:
            lines[at] = lines[at].rstrip("\n") + lines[to]
    return "".join(lines)


def sign_change(text: str, draw: Callable[[st.SearchStrategy[int]], int]) -> str:
    at = draw(st.integers(0, max(0, len(text) - 1)))
    if draw(st.booleans()):
        return text[:at] + text[at + draw(st.integers(1, 4)) :]
    return text[:at] + PIECES[draw(st.integers(0, len(PIECES) - 1))] + text[at:]


@st.composite
def mutated(draw: st.DrawFn, texts: list[str]) -> str:
    text: str = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        text = (line_change if draw(st.booleans()) else sign_change)(text, draw)
    return text


yaml_text = st.lists(st.sampled_from([*PIECES, "a", "turn", "llm", "wait_ms", "provider", "\n", "\n  "]), max_size=40)


def times(number: int) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize=number < 1000,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )


def mutations(folder: Path, number: int) -> None:
    @times(number)
    @given(mutated(VALID))
    def run(text: str) -> None:
        hidden(check(text.encode("utf-8", "surrogatepass"), folder), "environment")

    run()


def random_text(folder: Path, number: int) -> None:
    @times(number)
    @given(st.one_of(yaml_text.map("".join), st.text(max_size=60)))
    def run(text: str) -> None:
        check(f"version: 1\n{text}\n".encode("utf-8", "surrogatepass"), folder)

    run()


def random_bytes(folder: Path, number: int) -> None:
    @times(number)
    @given(st.binary(max_size=80))
    def run(data: bytes) -> None:
        check(data, folder)

    run()


def planted_lines(folder: Path, number: int) -> None:
    """Lines come, go and move, and signs are put in between: wherever a secret is still whole, it is not shown."""

    @times(number)
    @given(mutated([PLANTED]))
    def run(text: str) -> None:
        hidden(check(text.encode("utf-8", "surrogatepass"), folder), "environment", "file")

    run()


FUZZ = [mutations, random_text, random_bytes, planted_lines]


@pytest.mark.parametrize("fuzz", FUZZ)
def test_fuzz(fuzz: Callable[[Path, int], None], tmp_path: Path) -> None:
    fuzz(tmp_path, 150)


@pytest.mark.long
@pytest.mark.parametrize("fuzz", FUZZ)
def test_fuzz_at_length(fuzz: Callable[[Path, int], None], tmp_path: Path) -> None:
    fuzz(tmp_path, 5000)


def test_the_planted_secrets_are_not_shown(tmp_path: Path) -> None:
    shown = check(PLANTED.encode(), tmp_path)
    assert "a secret is written in the file" in shown
    hidden(shown)


@pytest.mark.parametrize("at", range(len(PLANTED.splitlines())))
@pytest.mark.parametrize(
    "change", ["{line}@", "{line} : x", "{line}\t: [", " {line}", "{line}\n{line}", "zzz: {line}", ""]
)
def test_no_line_with_a_mistake_shows_a_planted_secret(at: int, change: str, tmp_path: Path) -> None:
    lines = PLANTED.splitlines()
    lines[at] = change.format(line=lines[at])
    hidden(check("\n".join(lines).encode(), tmp_path))


HEAD = "version: 1\nname: a\n"
ODD = {
    "many keys": "a: b\n" * 170_000,
    "many items": "a:\n" + "- a\n" * 250_000,
    "many unknown keys": HEAD + "".join(f"aaa{index}: b\n" for index in range(9000)),
    "many unknown options": HEAD
    + "asr:\n  provider: deepgram\n"
    + "".join(f"  aaa{index}: b\n" for index in range(9000)),
    "many services": HEAD + "llm:\n" + "".join(f"- {{provider: openai, aa{index}: b}}\n" for index in range(3000)),
    "deep lists": "a: " + "[" * 500_000,
    "deep mappings": "a: " + "{" * 500_000,
    "deep blocks": "".join(f"{' ' * depth}a:\n" for depth in range(1200)),
    "a long quote": 'a: "' + "\\n" * 500_000,
    "a long word": HEAD + f"language: {'a-' * 400_000}",
    "a long number": HEAD + f"turn: {{wait_ms: {'9' * 900_000}}}",
    "a long alias": "a: *" + "x" * 1_000_000,
    "tabs": "\t" * 1_000_000,
    "returns": "\r" * 1_000_000,
    "questions": "? " * 500_000,
    "variables": HEAD + "description: " + "${A}" * 200_000,
    "braces": HEAD + "greeting: " + "{{" * 500_000,
    "phrases": HEAD + "llm: {provider: rules, rules: [{hear: '" + "(a|" * 300_000 + "', say: x}]}",
    "secrets": HEAD + "{api_key: x, " * 80_000,
    "indents": "".join(f"k{index}:\n  a: 1\n" for index in range(60_000)) + " x: 1\n",
    "aliases": "a: &a [x,x,x,x,x,x,x,x]\n"
    + "".join(f"b{at}: &b{at} [{','.join(['*a' if at == 0 else f'*b{at - 1}'] * 9)}]\n" for at in range(9)),
    "merges": HEAD + "x-a: &a {a: b, c: d}\nasr: {" + ",".join(["<<: *a"] * 40_000) + "}",
    "ten megabytes": "x" * (10 * MAX_BYTES),
}


@pytest.mark.parametrize("name", ODD)
def test_a_file_of_any_size_and_shape_is_answered_in_time(name: str, tmp_path: Path) -> None:
    assert len(check(ODD[name].encode(), tmp_path)) > 50


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("many keys", "the file has more than 20000 values"),
        ("aliases", "aliases make this more than 20000 values"),
        ("deep lists", "values are nested more than 64 deep"),
        ("ten megabytes", "the file is larger than 1 MiB"),
    ],
)
def test_what_is_too_much_is_said(name: str, text: str, tmp_path: Path) -> None:
    assert text in check(ODD[name].encode(), tmp_path)


def test_a_file_is_read_no_further_than_it_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert [problem.code for problem in load(path, {}).problems] == ["too-large"]
