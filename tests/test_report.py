"""How problems are printed, to the letter."""

from voicekit.problems import Place, Problem, Severity
from voicekit.report import render, summary

SOURCE = "version: 1\nasr:\n  provider: deepgam\n名字: 王 😀 x\n"


def problem(line: int, column: int, end: int, text: str = "wrong", severity: Severity = Severity.ERROR) -> Problem:
    return Problem("some-code", text, Place("a.yaml", line, column, end), "do this", severity)


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


def test_problems_come_by_place_and_those_without_one_first() -> None:
    found = [problem(3, 1, 2, "third"), problem(1, 5, 6, "second"), Problem("x", "first")]
    lines = [line for line in render(found, {}).splitlines() if "[" in line]
    assert lines == [
        "error: first [x]",
        "a.yaml:1:5: error: second [some-code]",
        "a.yaml:3:1: error: third [some-code]",
    ]


def test_colour_marks_the_severity() -> None:
    shown = render([Problem("x", "y", severity=Severity.WARNING)], {}, colour=True)
    assert shown == "\x1b[1;33mwarning\x1b[0m: y [x]"


def test_the_summary_counts() -> None:
    warning = problem(1, 1, 1, severity=Severity.WARNING)
    assert summary([], 1) == "no problems in 1 file"
    assert summary([problem(1, 1, 1), warning, warning], 2) == "1 error, 2 warnings in 2 files"
