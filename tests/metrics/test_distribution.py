import random
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.metrics import distribution
from runinference_metrics.metrics.distribution import (
    MOST_EXACT_VALUES,
    PERCENTILES,
    RELATIVE_ERROR,
    Distribution,
)

# Few and many different values, small and large, and zero.
VALUES = st.lists(st.integers(0, 10**12), max_size=60)
# For what holds wherever the limit is, a limit that is soon reached.
FEW_EXACT_VALUES = 100


@pytest.fixture(scope="module")
def few_exact_values() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(distribution, "MOST_EXACT_VALUES", FEW_EXACT_VALUES)
        yield


def random_values(count: int, seed: int) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(10 ** rng.randint(1, 9)) for _ in range(count)]


SEEDS = st.builds(random_values, st.integers(0, 3 * FEW_EXACT_VALUES), st.integers(0, 9))


def of(values: list[int]) -> Distribution:
    found = Distribution()
    for value in values:
        found.add(value)
    return found


def merged(*parts: Distribution) -> Distribution:
    found = Distribution()
    for part in parts:
        found.merge(part)
    return found


@pytest.mark.parametrize("count", [1, 2, 7, 20, 100, 10_000, 30_000])
@pytest.mark.parametrize("spread", [1, 3, 8])
def test_figures_equal_numpys(count: int, spread: int) -> None:
    rng = random.Random(count * spread)
    values = [rng.randrange(10 ** rng.randint(1, spread)) for _ in range(count)]
    found = of(values).as_json()
    assert (found["count"], found["sum"]) == (count, sum(values))
    assert (found["min"], found["max"]) == (min(values), max(values))
    assert found["mean"] == pytest.approx(np.mean(values))
    exact = len(set(values)) <= MOST_EXACT_VALUES
    assert exact == (count < 30_000 or spread == 1 or spread == 3)
    for name, percent in PERCENTILES.items():
        # The nearest rank, by an independent library.
        true = np.percentile(values, percent, method="inverted_cdf")
        assert found[name] == pytest.approx(true, rel=0 if exact else RELATIVE_ERROR, abs=0)
    assert sum(bar["count"] for bar in found["histogram"]) == count
    for bar in found["histogram"]:
        inside = sum(bar["from"] <= value < bar["to"] for value in values)
        assert bar["count"] == inside


@pytest.mark.usefixtures("few_exact_values")
@given(VALUES | SEEDS, VALUES | SEEDS, VALUES)
def test_merging_is_associative_and_commutative(
    one: list[int], two: list[int], three: list[int]
) -> None:
    expected = of(one + two + three).as_json()
    a, b, c = of(one), of(two), of(three)
    assert merged(merged(a, b), c).as_json() == expected
    assert merged(a, merged(b, c)).as_json() == expected
    assert merged(c, b, a).as_json() == expected
    # Merging leaves what was merged as it was.
    assert a.as_json() == of(one).as_json()


@given(st.integers(0, 2**60))
def test_every_value_is_inside_its_bar(value: int) -> None:
    (bar,) = of([value]).histogram()
    assert bar["from"] <= value < bar["to"]


def test_an_empty_one_says_null() -> None:
    found = Distribution().as_json()
    assert found["count"] == found["sum"] == 0
    assert found["p50"] is found["mean"] is found["min"] is None
    assert found["histogram"] == []


def test_memory_is_bounded() -> None:
    rng = random.Random(1)
    found = of([rng.randrange(10**12) for _ in range(50_000)])
    assert len(found._exact) == 0
    assert found._sketch is not None
    assert found._sketch._store.length() < 2000


def test_adding_several_times_is_adding_each() -> None:
    several = Distribution()
    for value in (5, 900):
        several.add(value, 3)
    assert several.as_json() == of([5, 5, 5, 900, 900, 900]).as_json()
    assert all(low["to"] <= high["from"] for low, high in pairwise(several.histogram()))
