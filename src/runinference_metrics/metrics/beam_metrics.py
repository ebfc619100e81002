"""Beam's own metrics of a finished run, by namespace and name, over all steps."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runinference_metrics.metrics.distribution import moments
from runinference_metrics.records import names


@dataclass(frozen=True)
class BeamDistribution:
    """A distribution as Beam keeps it: exact, and without percentiles."""

    count: int = 0
    sum: int = 0
    min: int = 0
    max: int = 0

    def merge(self, other: "BeamDistribution") -> "BeamDistribution":
        """The distribution of both together."""
        if not self.count or not other.count:
            return self if self.count else other
        return BeamDistribution(
            self.count + other.count,
            self.sum + other.sum,
            min(self.min, other.min),
            max(self.max, other.max),
        )

    def as_json(self) -> dict[str, Any]:
        """As `Distribution.as_json`, without percentiles and histogram."""
        return moments(self.count, self.sum, self.min, self.max)


@dataclass(frozen=True)
class Metric:
    """One metric of one step: a counter's number or a distribution."""

    namespace: str
    name: str
    value: int | BeamDistribution


class BeamMetrics:
    """Metrics by namespace and name; those of several steps are added up."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._counters: dict[tuple[str, str], int] = {}
        self._distributions: dict[tuple[str, str], BeamDistribution] = {}
        for one in metrics:
            key = (one.namespace, one.name)
            if isinstance(one.value, BeamDistribution):
                self._distributions[key] = one.value.merge(self.distribution(*key))
            else:
                self._counters[key] = self.counter(*key) + one.value

    @classmethod
    def of_result(cls, result: Any) -> "BeamMetrics":
        """The metrics of what `pipeline.run()` gave."""
        found = result.metrics().query()
        metrics = [
            Metric(one.key.metric.namespace, one.key.metric.name, one.result or 0)
            for one in found["counters"]
        ]
        for one in found["distributions"]:
            if one.result and one.result.count:
                value = BeamDistribution(
                    one.result.count, one.result.sum, one.result.min, one.result.max
                )
                metrics.append(Metric(one.key.metric.namespace, one.key.metric.name, value))
        return cls(metrics)

    def counter(self, namespace: str, name: str) -> int:
        """A counter; 0 when nothing was counted."""
        return self._counters.get((namespace, name), 0)

    def own(self, name: str) -> int:
        """A counter of the project's own."""
        return self.counter(names.OWN_NAMESPACE, name)

    def distribution(self, namespace: str, name: str) -> BeamDistribution:
        """A distribution; empty when nothing was measured."""
        return self._distributions.get((namespace, name), BeamDistribution())

    def dead_letters_by_reason(self) -> dict[str, int]:
        """Dead letters by reason, the commonest first."""
        found = {
            name.removeprefix(names.REASON_PREFIX): count
            for (_, name), count in self._counters.items()
            if name.startswith(names.REASON_PREFIX) and count
        }
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
