"""`!include`: what stands in the file's place, where its mistakes are told, and what it cannot reach."""

import os
from pathlib import Path

import pytest

from tests.config.files import loaded, refused, write

FILE = "version: 1\nname: a\nasr: pocketsphinx\ntts: flite\n"
RULES = "llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}\n"


def test_a_text_is_taken_as_it_is(tmp_path: Path) -> None:
    text = "You are\n  {{agent.name}} of ${NOBODY}: \\{{ # no comment\n"
    write(tmp_path, {"agent.yaml": f"{FILE}llm: openai\nprompt: !include p/prompt.md\n", "p/prompt.md": text})
    assert loaded(tmp_path).prompt == text.rstrip("\n")


@pytest.mark.parametrize("name", ["rules.yaml", "rules.yml", "rules.json"])
def test_a_value_stands_where_it_is_included_and_reads_the_environment(name: str, tmp_path: Path) -> None:
    rules = '[{"hear": "hello", "say": "${WORDS:-Good day.}"}]'
    write(tmp_path, {"agent.yaml": f"{FILE}llm:\n  provider: rules\n  rules: !include {name}\n", name: rules})
    book = loaded(tmp_path).llm[0].rules
    assert book is not None
    assert book.rules[0].say == ("Good day.",)


def test_an_included_value_may_include(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "agent.yaml": f"{FILE}llm: !include llm/main.yaml\n",
            "llm/main.yaml": "provider: openai\ntemperature: !include ../numbers/t.yaml\n",
            "numbers/t.yaml": "0.3",
        },
    )
    write(tmp_path, {"agent.yaml": f"{FILE}prompt: Be kind.\nllm: !include llm/main.yaml\n"})
    assert loaded(tmp_path).llm[0].options["temperature"] == 0.3


def test_a_mistake_in_it_is_told_there(tmp_path: Path) -> None:
    write(
        tmp_path, {"agent.yaml": f"{FILE}{RULES}turn: !include turn.yaml\n", "turn.yaml": "end: fixed\nwait_ms: 6s\n"}
    )
    assert refused(tmp_path) == (
        "turn.yaml:2:10: error: 'wait_ms' is a whole number, not '6s' [wrong-type]\n"
        "   |\n"
        " 2 | wait_ms: 6s\n"
        "   |          ^^\n"
        "  = help: wait_ms: 6000"
    )


def test_no_link_leads_out_of_the_project(tmp_path: Path) -> None:
    write(tmp_path, {"secret.txt": "s3cret", "in/agent.yaml": f"{FILE}llm: openai\nprompt: !include near.txt\n"})
    (tmp_path / "in" / "near.txt").symlink_to(tmp_path / "secret.txt")
    printed = refused(tmp_path / "in")
    assert "error: 'near.txt' lies outside the project's folder [outside-project]" in printed
    assert "s3cret" not in printed


def test_the_project_is_the_nearest_folder_that_is_marked(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": "",
            "shared/prompt.md": "Be kind.",
            "bots/agent.yaml": f"{FILE}llm: openai\nprompt: !include ../shared/prompt.md\n",
        },
    )
    assert loaded(tmp_path / "bots").prompt == "Be kind."


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, {"agent.yaml": f"{FILE}llm: openai\nprompt: !include pipe.md\n"})
    os.mkfifo(tmp_path / "pipe.md")
    assert "error: 'pipe.md' is not a file [no-file]" in refused(tmp_path)


def test_files_that_include_each_other_a_million_times_are_refused(tmp_path: Path) -> None:
    ten = "[" + ", ".join(["!include {}.yaml"] * 10) + "]"
    files = {f"f{number}.yaml": ten.replace("{}", f"f{number + 1}") for number in range(6)}
    write(tmp_path, {**files, "f6.yaml": "1", "agent.yaml": f"{FILE}{RULES}x-many: !include f0.yaml\n"})
    assert "more than 1000 files are included [too-large]" in refused(tmp_path)
