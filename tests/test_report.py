"""How problems are printed, to the letter, in each format."""

import json
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.problems import OVERRIDES, Place, Problem, Severity
from voicekit.report import FORMATS, Findings, render, summary

SOURCE = "version: 1\nasr:\n  provider: deepgam\n名字: 王 😀 x\n"
# A file name, a message and a help that each format has to escape.
ODD = Problem("odd", 'a: 50%, <b> & "c"\x1b[31m\n', Place("a,b:c%.yaml", 1, 2, 1), "do\nthat: <x>")


def problem(line: int, column: int, end: int, text: str = "wrong", severity: Severity = Severity.ERROR) -> Problem:
    return Problem("some-code", text, Place("a.yaml", line, column, end), "do this", severity)


def formatted(name: str, *problems: Problem) -> str:
    return FORMATS[name](Findings({"a.yaml": problems}, {"a.yaml": SOURCE}))


def pointed(source: str, column: int, end: int) -> list[str]:
    """Return the line that is shown and the one with its caret."""
    lines = render([problem(1, column, end)], {"a.yaml": source}).splitlines()[2:4]
    return [line.partition("| ")[2] for line in lines]


def test_a_problem_shows_its_line_and_a_caret() -> None:
    assert render([problem(3, 13, 20)], {"a.yaml": SOURCE}) == (
        "a.yaml:3:13: error: wrong [some-code]\n"
        "   |\n"
        " 3 |   provider: deepgam\n"
        "   |             ^^^^^^^\n"
        "  = help: do this"
    )


def test_a_caret_counts_columns_and_not_characters() -> None:
    assert render([problem(4, 5, 8)], {"a.yaml": SOURCE}).splitlines()[2:4] == [
        " 4 | 名字: 王 😀 x",
        "   |       ^^^^^",
    ]


@pytest.mark.parametrize(
    ("before", "columns"),
    [
        ("é", 1),
        ("e\u0301", 1),  # a combining mark
        ("ก\u0e31\u0e49", 1),  # Thai vowel and tone
        ("한", 2),
        ("\u1112\u1161\u11ab", 2),  # the same, decomposed
        ("\uff58", 2),  # full width
        ("❤", 1),
        ("❤\ufe0f", 2),  # as an emoji
        ("1\ufe0f\u20e3", 2),  # a keycap
        ("👍🏽", 2),  # a skin tone
        ("👩\u200d👩\u200d👧", 2),  # one family
        ("👩🏽\u200d⚕\ufe0f", 2),
        ("🏳\ufe0f\u200d🌈", 2),
        ("🇩🇪", 2),
        ("क्\u200dष", 2),  # a joiner between letters joins no emoji
        ("\ufe0f", 0),
        ("\t", 1),
        ("\x1b", 1),
    ],
)
def test_a_caret_stands_below_what_follows(before: str, columns: int) -> None:
    caret = pointed(f"{before}x", len(before) + 1, len(before) + 2)[1]
    assert caret == " " * columns + "^"


def test_a_caret_stands_after_the_end_of_a_line() -> None:
    assert pointed("a: [", 5, 6) == ["a: [", "    ^"]
    assert pointed("a: [", 9, 9) == ["a: [", "    ^"]


def test_a_long_line_is_cut_around_the_caret() -> None:
    shown, caret = pointed("a" * 5000 + "wrong" + "b" * 5000, 5001, 5006)
    assert shown == "…" + "a" * 60 + "wrong" + "b" * 55 + "…"
    assert caret == " " * 61 + "^^^^^"


@pytest.mark.parametrize(
    ("source", "column", "end", "shown", "carets"),
    [
        ("a" * 120, 120, 121, "a" * 120, " " * 119 + "^"),
        ("a" * 121, 1, 2, "a" * 120 + "…", "^"),
        ("a" * 121, 121, 122, "…" + "a" * 61, " " * 61 + "^"),
        ("a" * 500, 1, 501, "a" * 120 + "…", "^" * 120),
        ("名" * 500, 251, 252, "…" + "名" * 60 + "…", " " * 61 + "^^"),
        ("a\u0301" * 500, 601, 602, "…" + "a\u0301" * 120 + "…", " " * 61 + "^"),
    ],
)
def test_where_a_long_line_is_cut(source: str, column: int, end: int, shown: str, carets: str) -> None:
    assert pointed(source, column, end) == [shown, carets]


def test_many_problems_of_one_huge_line_are_quick() -> None:
    # Without bounds on what is looked at, a thousand problems times a million characters take minutes.
    found = [problem(1, column, column + 1) for column in range(1, 1_000_000, 1000)]
    assert len(render(found, {"a.yaml": "名" * 1_000_000})) < 500_000


def test_what_would_steer_the_terminal_is_replaced() -> None:
    found = Problem("x", "no key '\x1b[31m\n'", Place("a\nb.yaml", 1, 1, 2), "remove\u202eit")
    assert render([found], {"a\nb.yaml": "\x1b]0;title\x07: \udcff"}) == (
        "a\ufffdb.yaml:1:1: error: no key '\ufffd[31m\ufffd' [x]\n"
        "   |\n"
        " 1 | \ufffd]0;title\ufffd: \ufffd\n"
        "   | ^\n"
        "  = help: remove\ufffdit"
    )


def test_problems_come_by_place_and_those_without_one_first() -> None:
    found = [problem(3, 1, 2, "third"), problem(1, 5, 6, "second"), Problem("x", "first")]
    lines = [line for line in render(found, {}).splitlines() if "[" in line]
    assert lines == [
        "error: first [x]",
        "a.yaml:1:5: error: second [some-code]",
        "a.yaml:3:1: error: third [some-code]",
    ]


def test_identical_problems_are_told_once() -> None:
    base = Problem("x", "wrong", Place("base.yaml"))
    findings = Findings({"a.yaml": [base, base], "b.yaml": [base]}, {})
    assert FORMATS["text"](findings) == "base.yaml:1:1: error: wrong [x]"
    assert len(json.loads(FORMATS["json"](findings))) == 1
    assert len(FORMATS["github"](findings).splitlines()) == 1
    # Each file that extends the base fails for itself.
    assert 'tests="2" failures="2"' in FORMATS["junit"](findings)


def test_an_override_is_named_by_its_number_and_column() -> None:
    found = Problem("x", "wrong", Place(OVERRIDES, 2, 5, 8))
    assert render([found], {OVERRIDES: "name=a\nllm=gpt"}) == (
        "--set 2:5: error: wrong [x]\n   |\n 2 | llm=gpt\n   |     ^^^"
    )
    assert formatted("github", found) == "::error title=x::--set 2:5: wrong"


def test_colour_marks_the_severity() -> None:
    shown = render([Problem("x", "y", severity=Severity.WARNING)], {}, colour=True)
    assert shown == "\x1b[1;33mwarning\x1b[0m: y [x]"


def test_the_summary_counts_what_is_printed() -> None:
    warning = problem(1, 1, 1, "one", severity=Severity.WARNING)
    other = problem(1, 1, 1, "two", severity=Severity.WARNING)
    note = problem(1, 1, 1, "three", severity=Severity.NOTE)
    assert summary([], 1) == "no problems in 1 file"
    assert summary([problem(1, 1, 1), warning, warning, other], 2) == "1 error, 2 warnings in 2 files"
    assert summary([note], 1) == "no problems in 1 file"


def test_json_has_an_object_for_each_problem() -> None:
    assert json.loads(formatted("json", problem(3, 13, 20, "名"), Problem("x", "y", severity=Severity.NOTE))) == [
        {
            "file": None,
            "line": None,
            "column": None,
            "end_column": None,
            "severity": "note",
            "code": "x",
            "text": "y",
            "help": "",
        },
        {
            "file": "a.yaml",
            "line": 3,
            "column": 13,
            "end_column": 20,
            "severity": "error",
            "code": "some-code",
            "text": "名",
            "help": "do this",
        },
    ]
    assert formatted("json") == "[]"


def test_github_has_a_command_for_each_problem() -> None:
    warning = problem(4, 5, 8, severity=Severity.WARNING)
    note = Problem("x", "y", severity=Severity.NOTE)
    odd = 'a,b:c%25.yaml:1:2: a: 50%25, <b> & "c"\ufffd[31m\ufffd%0Ahelp: do\ufffdthat: <x>'
    assert formatted("github", problem(3, 13, 20), warning, note, ODD).splitlines() == [
        "::notice title=x::y",
        f"::error file=a%2Cb%3Ac%25.yaml,line=1,col=2,endColumn=2,title=odd::{odd}",
        "::error file=a.yaml,line=3,col=13,endColumn=20,title=some-code::a.yaml:3:13: wrong%0Ahelp: do this",
        "::warning file=a.yaml,line=4,col=5,endColumn=8,title=some-code::a.yaml:4:5: wrong%0Ahelp: do this",
    ]


def test_junit_has_a_case_for_each_file() -> None:
    warning = Problem("x", "y", severity=Severity.WARNING)
    checked = {"a.yaml": [problem(3, 13, 20), warning], "b.yaml": [warning], "c.yaml": []}
    assert FORMATS["junit"](Findings(checked, {"a.yaml": SOURCE})) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites tests="3" failures="1" errors="0">\n'
        '<testsuite name="voicekit" tests="3" failures="1" errors="0">\n'
        '<testcase classname="voicekit" name="a.yaml">\n'
        '<failure type="error" message="1 error in 1 file">a.yaml:3:13: error: wrong [some-code]\n'
        "   |\n"
        " 3 |   provider: deepgam\n"
        "   |             ^^^^^^^\n"
        "  = help: do this</failure>\n"
        "<system-out>warning: y [x]</system-out>\n"
        "</testcase>\n"
        '<testcase classname="voicekit" name="b.yaml">\n'
        "<system-out>warning: y [x]</system-out>\n"
        "</testcase>\n"
        '<testcase classname="voicekit" name="c.yaml"/>\n'
        "</testsuite>\n"
        "</testsuites>"
    )


@given(st.text(), st.text(), st.text())
def test_odd_text_is_valid_in_every_format(name: str, text: str, line: str) -> None:
    found = Problem("odd", text, Place(name, 1, 1, 3), text)
    findings = Findings({name: [found, ODD]}, {name: line})
    (suite,) = ET.fromstring(FORMATS["junit"](findings).encode())  # noqa: S314 - our own XML
    assert [child.tag for child in suite] == ["testcase"]
    assert {each["text"] for each in json.loads(FORMATS["json"](findings))} == {text, ODD.text}
    commands = FORMATS["github"](findings).split("\n")
    assert all(command.startswith("::error file=") for command in commands)
    assert len(commands) == len(findings.problems)
    # Every line can be written and begins as it should: nothing in a message breaks it.
    heads = [each for each in FORMATS["text"](findings).encode().decode().split("\n") if each.endswith(" [odd]")]
    assert len(heads) >= len(findings.problems)
