"""How long the end of a turn is waited for, by a caller's pauses and pace."""

import pytest

from voicekit.runtime.pace import Pace


def test_a_caller_of_whom_nothing_is_known_is_given_a_usual_wait() -> None:
    assert Pace(0.3, 1.2).wait_secs == pytest.approx(0.75)


def test_a_long_pause_counts_at_once_and_is_forgotten_slowly() -> None:
    pace = Pace(0.3, 2.0)
    usual = pace.wait_secs
    pace.paused(1.6)
    assert pace.wait_secs == pytest.approx(1.25 * 1.3)
    pace.paused(0.3)
    assert pace.wait_secs == pytest.approx(1.25 * 1.2)
    for _ in range(40):
        pace.paused(0.3)
    assert pace.wait_secs == pytest.approx(1.25 * 0.3, rel=0.1)
    assert pace.wait_secs < usual


def test_the_wait_stays_within_its_bounds() -> None:
    pace = Pace(0.3, 1.2)
    for _ in range(20):
        pace.paused(2.0)
    assert pace.wait_secs == 1.2
    for _ in range(60):
        pace.paused(0.05)
    assert pace.wait_secs == 0.3


def test_a_silence_that_is_no_pause_within_a_turn_counts_for_nothing() -> None:
    pace = Pace(0.3, 1.2)
    pace.paused(30.0)
    assert pace.wait_secs == pytest.approx(0.75)


def test_a_caller_who_speaks_slowly_is_waited_for_longer() -> None:
    slow, fast, silent = Pace(0.3, 1.2), Pace(0.3, 1.2), Pace(0.3, 1.2)
    for _ in range(5):
        slow.spoke(5, 4.0)
        fast.spoke(10, 2.0)
        silent.spoke(0, 2.0)
    assert slow.wait_secs > silent.wait_secs > fast.wait_secs
    for _ in range(50):
        slow.spoke(1, 60.0)
    assert slow.wait_secs == pytest.approx(0.75 * 1.5, rel=0.01)
