import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents_for_tests import START_MICRO_SECS
from runinference_metrics.metrics.timeline import MOST_BUCKETS, Timeline

BATCHES = st.lists(
    st.tuples(
        st.integers(0, 10**10) | st.integers(0, 10**6), st.integers(0, 10**9), st.integers(0, 5000)
    ),
    max_size=20,
)


def of(batches: list[tuple[int, int, int]]) -> Timeline:
    found = Timeline()
    for offset, latency, texts in batches:
        found.add(START_MICRO_SECS + offset, latency, texts)
    return found


@given(BATCHES, BATCHES, BATCHES)
def test_merging_is_associative_and_commutative(one: list, two: list, three: list) -> None:
    expected = of(one + two + three).as_json(START_MICRO_SECS)
    for groups in ([[one, two], [three]], [[three], [two, one]], [[one], [two], [three]]):
        total = Timeline()
        for group in groups:
            part = Timeline()
            for batches in group:
                part.merge(of(batches))
            total.merge(part)
        assert total.as_json(START_MICRO_SECS) == expected
    assert of([*reversed(three), *two, *one]).as_json(START_MICRO_SECS) == expected
    assert len(expected["points"]) <= MOST_BUCKETS
    assert sum(point["texts"] for point in expected["points"]) == sum(
        texts for _, _, texts in one + two + three
    )


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**8), st.integers(1, 600))))
def test_batches_are_counted_where_they_begin(batches: list[tuple[int, int, int]]) -> None:
    found = of(batches).as_json(START_MICRO_SECS)
    points = found["points"]
    assert sum(one["batches"] for one in points) == len(batches)
    for point in points:
        first, last = (round(1e6 * at) for at in (
            point["start_secs"], point["start_secs"] + found["bucket_secs"]
        ))  # fmt: skip
        here = [one for one in batches if first <= one[0] < last]
        assert point["batches"] == len(here)
        if not here:
            assert point["mean_latency_secs"] is point["max_latency_secs"] is None
            continue
        assert point["mean_batch_size"] == pytest.approx(sum(one[2] for one in here) / len(here))
        latencies = [one[1] / 1e6 for one in here]
        assert point["mean_latency_secs"] == pytest.approx(sum(latencies) / len(here))
        assert point["max_latency_secs"] == pytest.approx(max(latencies))


def test_a_long_batch_is_spread_over_its_time() -> None:
    points = of([(0, 10_000_000, 800)]).as_json(START_MICRO_SECS)["points"]
    assert {point["texts_per_sec"] for point in points} == {80.0}


def test_an_empty_second_shows() -> None:
    points = of([(0, 1000, 5), (1_000_000, 1000, 5)]).as_json(START_MICRO_SECS)["points"]
    assert [point["texts"] for point in points] == [5, *[0] * 7, 5]
