"""What work costs, and what a bill adds up to."""

import pytest

from voicekit.providers.prices import FREE, Price
from voicekit.records.cost import Bill, Usage, cost

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        (Usage(input=MILLION, output=2 * MILLION), Price(input=1, output=5), 11),
        (Usage(cached=MILLION, cache_write=MILLION), Price(input=9, cached=1, cache_write=2), 3),
        (Usage(audio_input=MILLION, audio_cached=MILLION, audio_output=MILLION),
         Price(audio_input=32, audio_cached=0.5, audio_output=64), 96.5),
        (Usage(secs=90), Price(minute=0.006), 0.009),
        (Usage(characters=2000), Price(characters=50), 0.1),
        (Usage(input=MILLION, secs=MILLION, characters=MILLION), FREE, 0),
    ],
)  # fmt: skip
def test_cost(usage: Usage, price: Price, usd: float) -> None:
    assert cost(usage, price) == pytest.approx(usd)


def test_each_service_has_its_own_price() -> None:
    bill = Bill()
    bill.add("one", Usage(output=10), Price(output=MILLION))
    bill.add("two", Usage(output=10, cached=1), Price(output=MILLION * 2))
    assert (bill.usd, bill.total, bill.tokens) == (30, 30, 21)


def test_work_without_a_price_makes_the_total_unknown_and_is_counted_in_tokens() -> None:
    bill = Bill()
    bill.add("one", Usage(output=10), Price(output=MILLION))
    bill.add("two", Usage(input=5), None)
    assert (bill.usd, bill.total, bill.tokens) == (10, None, 15)
