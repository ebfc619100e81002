"""Figures that are not known exactly."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.records.interval import Interval


def intervals(least: float) -> st.SearchStrategy[Interval]:
    ends = st.lists(st.floats(least, 1e9), min_size=3, max_size=3)
    return ends.map(lambda found: Interval(*sorted(found)))


@given(intervals(1e-6), intervals(1e-6))
def test_a_product_is_off_by_more_than_either_and_less_than_both(
    one: Interval, other: Interval
) -> None:
    found = one * other
    assert found.likely == one.likely * other.likely
    worst = one.high * other.high / found.likely
    either = max(one.high / one.likely, other.high / other.likely)
    assert either * (1 - 1e-9) <= found.high / found.likely <= worst * (1 + 1e-9)
    assert one.low * other.low * (1 - 1e-9) <= found.low <= found.likely


@given(intervals(0.0), intervals(0.0))
def test_sums_and_products_are_intervals(one: Interval, other: Interval) -> None:
    for found in (one + other, one * other, one.times(3.0)):
        assert 0 <= found.low <= found.likely <= found.high


@given(intervals(1e-6))
def test_a_quotient_turns_its_ends(one: Interval) -> None:
    found = 2.0 / one
    assert (found.low, found.likely, found.high) == (2 / one.high, 2 / one.likely, 2 / one.low)


def test_what_is_exact_changes_nothing() -> None:
    found = Interval(2.0, 4.0, 16.0) * Interval.exactly(3.0)
    assert (found.low, found.likely, found.high) == pytest.approx((6.0, 12.0, 48.0))
    assert Interval.exactly(3.0).exact
    assert not found.exact


def test_errors_that_are_independent_add_up_as_squares() -> None:
    found = Interval.within(10.0, 0.3) * Interval.within(1.0, 0.4)
    off = math.exp(math.hypot(math.log(1.3), math.log(1.4)))
    assert (found.low, found.high) == pytest.approx((10 / off, 10 * off))


@pytest.mark.parametrize("ends", [(2.0, 1.0, 3.0), (-1.0, 0.0, 1.0), (0.0, 2.0, 1.0)])
def test_what_is_no_interval_is_none(ends: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="no interval"):
        Interval(*ends)
