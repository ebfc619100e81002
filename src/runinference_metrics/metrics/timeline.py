"""Throughput over time, in buckets that widen as the run gets longer."""

from typing import Any, NamedTuple

# Narrow enough for a run of seconds.
SMALLEST_WIDTH_MICRO_SECS = 125_000
# As many points as a chart can show.
MOST_BUCKETS = 240


class _Begun(NamedTuple):
    """Batches that began in a bucket."""

    batches: int
    texts: int
    latency_micro_secs: int
    longest_micro_secs: int

    def with_others(self, others: "_Begun") -> "_Begun":
        return _Begun(
            self.batches + others.batches,
            self.texts + others.texts,
            self.latency_micro_secs + others.latency_micro_secs,
            max(self.longest_micro_secs, others.longest_micro_secs),
        )

    def as_json(self) -> dict[str, Any]:
        whole = self.batches or None
        return {
            "batches": self.batches,
            "mean_batch_size": self.texts / whole if whole else None,
            "mean_latency_secs": self.latency_micro_secs / 1e6 / whole if whole else None,
            "max_latency_secs": self.longest_micro_secs / 1e6 if whole else None,
        }


_NONE = _Begun(0, 0, 0, 0)


class Timeline:
    """How many texts were classified when, in which batches.

    Buckets are aligned to the epoch, and their width doubles when there would be too many. So the
    result depends on the batches alone, not on the order in which they came.
    """

    __slots__ = ("_begun", "_texts", "width_micro_secs")

    def __init__(self) -> None:
        self.width_micro_secs = SMALLEST_WIDTH_MICRO_SECS
        self._texts: dict[int, int] = {}
        self._begun: dict[int, _Begun] = {}

    def add(self, started_micro_secs: int, latency_micro_secs: int, texts: int) -> None:
        """Adds a batch; its texts are spread evenly over the time that it took.

        Args:
            started_micro_secs: since the epoch.
            latency_micro_secs: how long the batch took.
            texts: texts in it.
        """
        latency = max(1, latency_micro_secs)
        ended = started_micro_secs + latency - 1
        while ended // self.width_micro_secs - started_micro_secs // self.width_micro_secs >= (
            MOST_BUCKETS
        ):
            self._widen()
        width = self.width_micro_secs
        given = 0
        for bucket in range(started_micro_secs // width, ended // width + 1):
            # Rounding the running total, not each share, keeps the sum exact, and the same
            # whether the batch was spread before or after buckets were widened.
            until = min((bucket + 1) * width - started_micro_secs, latency)
            due = texts * until // latency
            self._texts[bucket] = self._texts.get(bucket, 0) + due - given
            given = due
        first = started_micro_secs // width
        self._add_begun(first, _Begun(1, texts, latency_micro_secs, latency_micro_secs))
        self._fit()

    def merge(self, other: "Timeline") -> None:
        """Adds all batches of another timeline."""
        while self.width_micro_secs < other.width_micro_secs:
            self._widen()
        ratio = self.width_micro_secs // other.width_micro_secs
        for bucket, texts in other._texts.items():
            self._texts[bucket // ratio] = self._texts.get(bucket // ratio, 0) + texts
        for bucket, begun in other._begun.items():
            self._add_begun(bucket // ratio, begun)
        self._fit()

    def _add_begun(self, bucket: int, begun: "_Begun") -> None:
        known = self._begun.get(bucket)
        self._begun[bucket] = known.with_others(begun) if known else begun

    def _fit(self) -> None:
        while self._texts and max(self._texts) - min(self._texts) >= MOST_BUCKETS:
            self._widen()

    def _widen(self) -> None:
        self.width_micro_secs *= 2
        widened: dict[int, int] = {}
        for bucket, texts in self._texts.items():
            widened[bucket // 2] = widened.get(bucket // 2, 0) + texts
        self._texts = widened
        begun, self._begun = self._begun, {}
        for bucket, batches in begun.items():
            self._add_begun(bucket // 2, batches)

    def as_json(self, started_micro_secs: int) -> dict[str, Any]:
        """The buckets from the first to the last, empty ones included.

        Args:
            started_micro_secs: the start of the run, from which the points count their time.
        """
        width = self.width_micro_secs
        buckets = range(min(self._texts), max(self._texts) + 1) if self._texts else range(0)
        return {
            "bucket_secs": width / 1e6,
            "points": [
                {
                    "start_secs": (bucket * width - started_micro_secs) / 1e6,
                    "texts": self._texts.get(bucket, 0),
                    "texts_per_sec": self._texts.get(bucket, 0) / (width / 1e6),
                    **self._begun.get(bucket, _NONE).as_json(),
                }
                for bucket in buckets
            ],
        }
