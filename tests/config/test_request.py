"""Requests of tools, with and without the environment that their files name."""

from pathlib import Path

import pytest

from tests.config.files import write
from voicekit.config.loader import load
from voicekit.config.request import Request

FILE = """
version: 1
name: agent
prompt: Be brief.
asr: pocketsphinx
llm: openai
tts: auto
tools:
  find:
    description: Find it.
    parameters: {id: string, desk: string}
    query: {id: "${SHOP:-}{{id}}", desk: "${DESK}{{desk}}"}
    headers: {X-Token: "${TOKEN}"}
    http: HTTP
"""


def request(folder: Path, http: str, variables: dict[str, str]) -> tuple[Request | None, list[str]]:
    write(folder, {"agent.yaml": FILE.replace("HTTP", http)})
    loaded = load(folder / "agent.yaml", {"OPENAI_API_KEY": "x", **variables})
    return loaded.agent.tools["find"].http if loaded.agent else None, [problem.text for problem in loaded.problems]


SET = {"TOKEN": "t", "DESK": "north "}


@pytest.mark.parametrize(
    ("http", "variables", "found"),
    [
        ("GET https://example.org", {}, Request("GET", "https://example.org", "", "")),
        (
            "GET   http://me:pw@[2600::1]:80/a?b={{id}}",
            {},
            Request("GET", "http://me:pw@[2600::1]:80", "/a", "b={{id}}"),
        ),
        ("PUT ${URL}/a/{{id}}", {"URL": "https://a.b/c"}, Request("PUT", "https://a.b", "/c/a/{{id}}", "")),
        ("${ALL}", {"ALL": "DELETE https://a.b/c"}, Request("DELETE", "https://a.b", "/c", "")),
        ("POST https://a.b/{{id:-?}}?x", {}, Request("POST", "https://a.b", "/{{id:-?}}", "x")),
    ],
)
def test_a_request_is_read(http: str, variables: dict[str, str], found: Request, tmp_path: Path) -> None:
    assert request(tmp_path, http, {**SET, **variables}) == (found, [])


@pytest.mark.parametrize("http", ["GET ${URL}/a/{{id}}", "${URL}", "GET https://${URL}.example.org"])
def test_what_an_unset_variable_would_hold_is_not_judged(http: str, tmp_path: Path) -> None:
    _, problems = request(tmp_path, http, {})
    assert sorted(problems) == ["DESK is not set", "TOKEN is not set", "URL is not set"]


def test_what_the_environment_holds_is_not_told(tmp_path: Path) -> None:
    for value in ("fetch-4711 https://a.b", "fetch https://a.b/4711", "GET 4711.example.org", "4711"):
        _, problems = request(tmp_path, "${ALL}", {**SET, "ALL": value})
        [problem] = problems
        assert "4711" not in problem
        assert "fetch" not in problem
