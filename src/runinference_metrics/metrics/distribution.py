"""A distribution that merges in any order and grouping, in bounded memory."""

import itertools
import math
from collections import Counter
from typing import Any

from ddsketch import DDSketch

# A percentile of many different values is off by at most this share of its value. One percent
# needs some 1,500 bins for values from 1 to 10^13, that is 12 kB.
RELATIVE_ERROR = 0.01
# Up to so many different values are kept as they are: batch sizes, lengths, and all of a run of
# some millions of texts. At most half a megabyte each.
MOST_EXACT_VALUES = 10_000
PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
# Bars of the histogram for each doubling of the value: fine enough to see two humps.
_BARS_PER_DOUBLING = 4


class Distribution:
    """Count, sum, min and max, exact, as in Beam's distributions; and percentiles.

    While there are few different values they are counted exactly. Then a DDSketch takes over
    (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
    guarantees", VLDB 2019). Merging adds counts, so the result does not depend on how the values
    were spread over workers and bundles.
    """

    __slots__ = ("_bars", "_exact", "_sketch", "count", "max", "min", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0
        self.min = 0
        self.max = 0
        self._exact: Counter[int] = Counter()
        self._sketch: DDSketch | None = None
        self._bars: Counter[int] = Counter()

    def add(self, value: int, times: int = 1) -> None:
        """Adds a value, a whole number from 0, so many times."""
        self._moments(times, value * times, value, value)
        if self._sketch is None:
            self._exact[value] += times
            self._limit()
        else:
            self._to_sketch(value, times)

    def merge(self, other: "Distribution") -> None:
        """Adds all values of another distribution."""
        if not other.count:
            return
        self._moments(other.count, other.sum, other.min, other.max)
        if other._sketch is not None:
            self._start_sketch().merge(other._sketch)
            self._bars.update(other._bars)
        elif self._sketch is None:
            self._exact.update(other._exact)
            self._limit()
        else:
            for value, times in other._exact.items():
                self._to_sketch(value, times)

    def _moments(self, count: int, total: int, low: int, high: int) -> None:
        self.min = min(self.min, low) if self.count else low
        self.max = max(self.max, high) if self.count else high
        self.count += count
        self.sum += total

    def _limit(self) -> None:
        # Once a part has too many different values, so has the whole: when the change happens
        # does not show in the result.
        if len(self._exact) > MOST_EXACT_VALUES:
            self._start_sketch()

    def _start_sketch(self) -> DDSketch:
        if self._sketch is None:
            self._sketch = DDSketch(RELATIVE_ERROR)
            for value, times in self._exact.items():
                self._to_sketch(value, times)
            self._exact = Counter()
        return self._sketch

    def _to_sketch(self, value: int, times: int) -> None:
        assert self._sketch is not None
        self._sketch.add(value, times)
        self._bars[_bar(value)] += times

    def percentile(self, percent: int) -> float | None:
        """The least value that so many percent of the values do not exceed: the nearest rank.

        Args:
            percent: from 1 to 100.

        Returns:
            The value, of many different ones within `RELATIVE_ERROR`; None of none.
        """
        if not self.count:
            return None
        # From 0; exact in whole numbers.
        rank = -(-percent * self.count // 100) - 1
        if self._sketch is not None:
            # Its own rank is the share of the last one, rounded down: half a rank keeps it there.
            share = min(1.0, (rank + 0.5) / (self.count - 1))
            estimate = self._sketch.get_quantile_value(share) or 0.0
            return min(max(estimate, float(self.min)), float(self.max))
        values = sorted(self._exact)
        below = itertools.accumulate(self._exact[value] for value in values)
        return float(
            next(value for value, until in zip(values, below, strict=True) if rank < until)
        )

    def histogram(self) -> list[dict[str, Any]]:
        """Exact counts of the values from (inclusive) one edge to (exclusive) the next."""
        bars = Counter(self._bars)
        for value, times in self._exact.items():
            bars[_bar(value)] += times
        return [
            {"from": _edge(bar), "to": _edge(bar + 1), "count": bars[bar]} for bar in sorted(bars)
        ]

    def as_json(self) -> dict[str, Any]:
        """All figures by name."""
        return {
            **moments(self.count, self.sum, self.min, self.max),
            **{name: self.percentile(one) for name, one in PERCENTILES.items()},
            "histogram": self.histogram(),
        }


def moments(count: int, total: int, low: int, high: int) -> dict[str, Any]:
    """The exact figures of a distribution by name; what no value could say is null."""
    return {
        "count": count,
        "sum": total,
        "min": low if count else None,
        "max": high if count else None,
        "mean": total / count if count else None,
    }


def _bar(value: int) -> int:
    # Floating point may put a value at an edge on either side: the edges themselves decide.
    if value < 1:
        return -1
    bar = math.floor(math.log2(value) * _BARS_PER_DOUBLING)
    return bar + 1 if value >= _edge(bar + 1) else bar - 1 if value < _edge(bar) else bar


def _edge(bar: int) -> float:
    return 0.0 if bar < 0 else 2.0 ** (bar / _BARS_PER_DOUBLING)
