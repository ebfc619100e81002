"""Metric names, and a finished run's metrics as one document."""

import json
from dataclasses import dataclass
from typing import Any

from runinference_metrics.errors import RunFailed

# Beam's own names, under the namespace of its base handler.
BEAM_NAMESPACE = "RunInference"
NUM_INFERENCES = "num_inferences"
FAILED_BATCHES = "failed_batches_counter"
BATCH_SIZE = "inference_request_batch_size"
BATCH_BYTES = "inference_request_batch_byte_size"
LATENCY = "inference_batch_latency_micro_secs"
MODEL_BYTES = "model_byte_size"
LOAD_LATENCY = "load_model_latency_milli_secs"

OWN_NAMESPACE = "runinference_metrics"
READ = "records_read"
BLANK = "records_blank"
PREDICTED = "records_predicted"
DEAD_LETTERED = "records_dead_lettered"
# Dead letters by reason are counters of this prefix and the reason.
REASON_PREFIX = "dead_letters."
TOKENS = "tokens"
PADDING_TOKENS = "padding_tokens"
TRUNCATED_TEXTS = "truncated_texts"
MICRO_BATCHES = "micro_batches"
TOKENIZE = "tokenize_micro_secs"
FORWARD = "forward_micro_secs"
EFFECTIVE = "effective"

# Rises when a reader of metrics.json would have to change.
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Distribution:
    """A distribution as Beam keeps it: exact, and without percentiles."""

    count: int = 0
    sum: int = 0
    min: int = 0
    max: int = 0

    def merge(self, other: "Distribution") -> "Distribution":
        """The distribution of both together."""
        if not self.count or not other.count:
            return self if self.count else other
        return Distribution(
            self.count + other.count,
            self.sum + other.sum,
            min(self.min, other.min),
            max(self.max, other.max),
        )

    def as_json(self) -> dict[str, Any]:
        """Count, sum, min, max and mean; what no batch could say is null."""
        if not self.count:
            return {"count": 0, "sum": 0, "min": None, "max": None, "mean": None}
        return {
            "count": self.count,
            "sum": self.sum,
            "min": self.min,
            "max": self.max,
            "mean": self.sum / self.count,
        }


class RunMetrics:
    """A finished run's Beam metrics, by namespace and name, over all steps.

    Args:
        result: what `pipeline.run()` gave.
    """

    def __init__(self, result: Any) -> None:
        found = result.metrics().query()
        self._counters: dict[tuple[str, str], int] = {}
        self._distributions: dict[tuple[str, str], Distribution] = {}
        self.effective: list[dict[str, Any]] = []
        for one in found["counters"]:
            key = (one.key.metric.namespace, one.key.metric.name)
            self._counters[key] = self._counters.get(key, 0) + (one.result or 0)
        for one in found["distributions"]:
            key = (one.key.metric.namespace, one.key.metric.name)
            if one.result and one.result.count:
                value = Distribution(
                    one.result.count, one.result.sum, one.result.min, one.result.max
                )
                self._distributions[key] = value.merge(self.distribution(*key))
        for one in found.get("string_sets", ()):
            if one.key.metric.name == EFFECTIVE:
                self.effective = [json.loads(text) for text in sorted(one.result or ())]

    def counter(self, namespace: str, name: str) -> int:
        """A counter; 0 when nothing was counted."""
        return self._counters.get((namespace, name), 0)

    def own(self, name: str) -> int:
        """A counter of the project's own."""
        return self.counter(OWN_NAMESPACE, name)

    def distribution(self, namespace: str, name: str) -> Distribution:
        """A distribution; empty when nothing was measured."""
        return self._distributions.get((namespace, name), Distribution())

    def dead_letters_by_reason(self) -> dict[str, int]:
        """Dead letters by reason, the commonest first."""
        found = {
            name.removeprefix(REASON_PREFIX): count
            for (_, name), count in self._counters.items()
            if name.startswith(REASON_PREFIX) and count
        }
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def reconcile(read: int, predicted: int, dead_lettered: int, blank: int) -> None:
    """Raises RunFailed unless every row that was read is accounted for."""
    missing = read - predicted - dead_lettered - blank
    if missing:
        raise RunFailed(
            f"The run lost count: {read:,} rows read, but {predicted:,} predicted + "
            f"{dead_lettered:,} dead-lettered + {blank:,} blank, "
            f"{abs(missing):,} too {'few' if missing > 0 else 'many'}."
        )


def document(
    found: RunMetrics, run: dict[str, Any], parameters: dict[str, Any], wall_secs: float
) -> dict[str, Any]:
    """The content of metrics.json.

    Args:
        found: the run's metrics.
        run: job, runner, versions, start and end.
        parameters: the parameters with their values.
        wall_secs: from the start of the pipeline to its end.
    """
    beam = {
        name: found.distribution(BEAM_NAMESPACE, name).as_json()
        for name in (BATCH_SIZE, BATCH_BYTES, LATENCY, MODEL_BYTES, LOAD_LATENCY)
    }
    inferences = found.counter(BEAM_NAMESPACE, NUM_INFERENCES)
    tokens, padding = found.own(TOKENS), found.own(PADDING_TOKENS)
    total_inference_secs = found.distribution(BEAM_NAMESPACE, LATENCY).sum / 1e6
    return {
        "schema_version": SCHEMA_VERSION,
        "run": {
            **run,
            "parameters": parameters,
            "effective": found.effective,
            "wall_secs": wall_secs,
        },
        "records": {
            "read": found.own(READ),
            "blank": found.own(BLANK),
            "predicted": found.own(PREDICTED),
            "dead_lettered": found.own(DEAD_LETTERED),
            "dead_letters_by_reason": found.dead_letters_by_reason(),
            "truncated": found.own(TRUNCATED_TEXTS),
        },
        "runinference": {
            NUM_INFERENCES: inferences,
            FAILED_BATCHES: found.counter(BEAM_NAMESPACE, FAILED_BATCHES),
            **beam,
        },
        "tokens": {
            "real": tokens,
            "padding": padding,
            "padding_share": _ratio(padding, tokens + padding),
            MICRO_BATCHES: found.own(MICRO_BATCHES),
        },
        "stages": {
            TOKENIZE: found.distribution(OWN_NAMESPACE, TOKENIZE).as_json(),
            FORWARD: found.distribution(OWN_NAMESPACE, FORWARD).as_json(),
        },
        "derived": {
            # SUM of the latencies. Beam's page says num_inferences x MEAN, which is too much by
            # the mean batch size: MEAN is a batch's latency, not a text's.
            "total_inference_secs": total_inference_secs,
            "texts_per_inference_sec": _ratio(inferences, total_inference_secs),
            "tokens_per_inference_sec": _ratio(tokens, total_inference_secs),
            "texts_per_wall_sec": _ratio(inferences, wall_secs),
        },
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
