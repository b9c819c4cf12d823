"""What is read from a docstring's words, and what is not: a wrong range is worse than none."""

import pytest

from voicekit.services.docstrings import OPEN, Said, documented, range_in, widest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Voice speed control (0.25 to 4.0, default 1.0).", (0.25, 4)),
        ("VAD confidence threshold (0.0\u20131.0) for classifying.", (0, 1)),
        ("Minimum silence duration for VAD (50-2000ms).", (50, 2000)),
        ("Volume adjustment in dB (-20 to 20). Defaults to 0.", (-20, 20)),
        ("Pitch adjustment (range: -12 to 12).", (-12, 12)),
        ("The speaking rate, in the range [0.25, 2.0].", (0.25, 2)),
        ("Speech rate multiplier in the range 0.7-1.3. None leaves it.", (0.7, 1.3)),
        ("Integer in [0, 100]; set to 0 to disable.", (0, 100)),
        ("Speech-rate multiplier, from 0.5 to 1.5 in steps of 0.05.", (0.5, 1.5)),
        ("Azure accepts 100\u20135000; its default is 500.", (100, 5000)),
        ("Optional sampling temperature between 0 and 1. Defaults to 0.0.", (0, 1)),
        ("Likelihood above which it starts. 0.5\u20130.9; 0.8 by default.", (0.5, 0.9)),
        ("0.0-1.0. Higher values vary more.", (0, 1)),
        ("Speech pace multiplier, 0.5 to 2.0. Defaults to 1.0.", (0.5, 2)),
    ],
)
def test_a_range_in_words(text: str, expected: tuple[float, float]) -> None:
    assert range_in(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Allowed values: 7, 8, 10, 12, 14, 16, 20, 24, 36, 48. Lower values like 7-8 give faster response.",
        "Sessions are rotated before the time limit (~8 minutes).",
        "Any value in (0, 5000] enables managed buffering.",
        "Uses the 2024-10-21 API.",
        "Only for nova-3 (2-general).",
        "A prompt of 16-bit samples, 3 to 10 seconds.",
        "A level (0-4), or from 0 to 9 with the other model.",
        "Highest first (5 to 1).",
        "Use -1 for the default.",
    ],
)
def test_no_range_in_words(text: str) -> None:
    assert range_in(text) == OPEN


def test_the_widest_of_two_ranges() -> None:
    assert widest((0.5, 2), (0.3, None)) == (0.3, None)
    assert widest(OPEN, (0, 1)) == (0, 1)
    assert widest((0, 1), OPEN) == (0, 1)


def test_a_deprecated_parameter() -> None:
    said = documented(
        """Say.

        Args:
            language_codes: The languages (1 to 3).

                .. deprecated:: 0.0.104
                    Use ``languages`` (1 to 9) instead. Will be removed in 2.0.0.

            **kwargs: Handed on.
        """
    )
    assert said == {
        "language_codes": Said("The languages (1 to 3).", (1, 3), "0.0.104", "Use ``languages`` (1 to 9) instead.")
    }
