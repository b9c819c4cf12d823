"""Which calls a file takes."""

from collections.abc import Callable

import pytest

from tests.config.files import agent_of
from voicekit.problems import Refused
from voicekit.runtime.admission import RESERVED_SECS, Admission

TELEPHONE = "greeting: Hello.\ntransport: {type: twilio, hang_up: false}\n"


class Desk:
    """An admission, its clock, and how many calls are live."""

    def __init__(self, limits: str) -> None:
        self.now, self.live = 1000.0, 0
        self.admission = Admission(agent_of(f"{TELEPHONE}limits: {limits}").limits, lambda: self.live, lambda: self.now)

    def begin(self, call: str) -> None:
        self.admission.begin(call)
        self.live += 1


def refused(work: Callable[[], None]) -> str:
    with pytest.raises(Refused) as caught:
        work()
    return f"{caught.value.problems[0].code}: {caught.value}"


def test_there_are_so_many_calls_at_once() -> None:
    desk = Desk("{concurrent_calls: 2}")
    desk.begin("a")
    desk.begin("b")
    assert refused(lambda: desk.begin("c")) == "busy: all 2 lines are busy"
    desk.live = 1
    desk.begin("c")


def test_a_line_is_kept_for_who_has_been_answered_and_not_for_long() -> None:
    desk = Desk("{concurrent_calls: 2}")
    desk.admission.reserve("a", "+15550100001")
    desk.admission.reserve("b", "+15550100001")
    assert refused(lambda: desk.begin("c")) == "busy: all 2 lines are busy"
    desk.begin("b")
    assert refused(desk.admission.check) == "busy: all 2 lines are busy"
    # Its stream never came.
    desk.now += RESERVED_SECS
    desk.begin("c")


def test_there_are_so_many_calls_a_minute() -> None:
    desk = Desk("{concurrent_calls: false, calls_per_min: 3}")
    for call in "abc":
        desk.begin(call)
        desk.now += 10
    assert refused(lambda: desk.begin("d")) == "too-many-calls: 3 calls have begun within a minute"
    desk.now += 30
    desk.begin("d")


def test_a_call_that_has_its_line_is_counted_once() -> None:
    desk = Desk("{calls_per_min: 2, calls_per_caller_hour: 2}")
    for _ in range(3):
        desk.admission.reserve("a", "+15550100001")
    desk.begin("a")
    desk.begin("b")
    assert refused(desk.admission.check) == "too-many-calls: 2 calls have begun within a minute"


def test_a_caller_calls_so_often_in_an_hour() -> None:
    desk = Desk("{concurrent_calls: false, calls_per_caller_hour: 2}")
    for call, caller in (("a", "+1"), ("b", "+1"), ("c", "+2"), ("d", ""), ("e", "")):
        desk.admission.reserve(call, caller)
    assert refused(lambda: desk.admission.reserve("f", "+1")) == (
        "too-many-calls: this number has called 2 times within an hour"
    )
    assert refused(lambda: desk.admission.reserve("f", "")).startswith("too-many-calls: callers who withhold")
    desk.admission.reserve("f", "+2")
    desk.now += 3600
    desk.admission.reserve("g", "+1")
    assert set(desk.admission._calls_of) == {"+1"}


def test_each_limit_can_be_lifted() -> None:
    desk = Desk("{concurrent_calls: false, calls_per_min: false, calls_per_caller_hour: false}")
    for call in range(200):
        desk.admission.reserve(str(call), "+1")
        desk.begin(str(call))
