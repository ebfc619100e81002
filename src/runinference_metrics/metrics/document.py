"""A run's summary as one document: the content of metrics.json."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from runinference_metrics.metrics.certainty import certainty, scores
from runinference_metrics.metrics.distribution import RELATIVE_ERROR, Distribution
from runinference_metrics.metrics.prices import Prices, Resources
from runinference_metrics.metrics.quality import quality
from runinference_metrics.metrics.ratio import ratio
from runinference_metrics.metrics.summary import Summary, WorkerTotals
from runinference_metrics.metrics.verdicts import verdicts
from runinference_metrics.records import names
from runinference_metrics.records.certainty import SCORE_UNIT
from runinference_metrics.records.threshold import Threshold

# Rises when a reader of metrics.json would have to change.
SCHEMA_VERSION = 7


def document_of(
    summary: Summary,
    facts: dict[str, Any],
    prices: Prices | None,
    ended_micro_secs: int,
    thresholds: Sequence[Threshold] = (),
) -> dict[str, Any]:
    """The content of metrics.json, computed inside the pipeline.

    Args:
        summary: the run's figures.
        facts: what was known at launch: runner, job, versions, parameters.
        prices: what resources cost, if the user said so.
        ended_micro_secs: when the predictions had been written, since the epoch.
        thresholds: what the run must keep to be good.
    """
    document = _measured(summary, facts, prices, ended_micro_secs)
    return {**document, "thresholds": verdicts(document, thresholds)}


def _measured(
    summary: Summary, facts: dict[str, Any], prices: Prices | None, ended_micro_secs: int
) -> dict[str, Any]:
    began = ended_micro_secs if summary.began is None else summary.began
    wall_secs = (ended_micro_secs - began) / 1e6
    dead = dict(sorted(summary.dead_letters.items(), key=lambda item: (-item[1], item[0])))
    resources = Resources.of_machines(list(summary.machines.values()), wall_secs)
    return {
        "schema_version": SCHEMA_VERSION,
        "run": {
            "source": "pipeline",
            **facts,
            "start": timestamp(began),
            "end": timestamp(ended_micro_secs),
            "wall_secs": wall_secs,
            "effective": sorted((asdict(one) for one in summary.effective), key=str),
            "input": {
                "files": summary.files.found,
                "bytes": summary.files.num_bytes,
                "fingerprint": f"{summary.num_inferences}-{summary.fingerprint:016x}",
            },
        },
        "files": summary.files.as_json(),
        "records": {
            "read": summary.read,
            "blank": summary.blank,
            "predicted": summary.predicted,
            "dead_lettered": summary.dead_letters.total(),
            "dead_letters_by_reason": dead,
            "truncated": summary.truncated,
        },
        "runinference": {
            names.NUM_INFERENCES: summary.num_inferences,
            # Of work that was completed, like Beam's committed value: a fault that is not the
            # texts' makes the runner repeat the bundle, or ends the run.
            names.FAILED_BATCHES: summary.failed_batches,
            **{name: summary.distributions[name].as_json() for name in names.BEAM_DISTRIBUTIONS},
        },
        "tokens": tokens(
            summary.tokens, summary.padding, summary.micro_batches, _of_counts(summary.lengths)
        ),
        "stages": {name: summary.distributions[name].as_json() for name in names.STAGES},
        "startup": {name: summary.distributions[name].as_json() for name in names.STARTUP},
        "gpu": _gpu(summary),
        "faults": {
            **{name: getattr(summary, name) for name in names.FAULTS},
            names.LOWEST_BATCH_TOKENS: summary.lowest_batch_tokens,
        },
        "percentile_relative_error": RELATIVE_ERROR,
        "workers": _workers(summary),
        "timeline": summary.timeline.as_json(began),
        "labels": _labels(summary),
        "certainty": certainty(summary.certainty, summary.predicted),
        "quality": quality(summary.quality),
        # What a service knows of a job, and nobody inside of it.
        "job": None,
        "derived": derived(
            summary.num_inferences, summary.tokens, summary.distributions[names.LATENCY].sum,
            wall_secs,
        ),
        **costs(resources, prices, summary.num_inferences),
    }  # fmt: skip


def _gpu(summary: Summary) -> dict[str, Any] | None:
    samples = summary.gpu_utilization.total()
    if not summary.distributions[names.GPU_COMPUTE].count and not samples:
        return None
    seen = sum(percent * times for percent, times in summary.gpu_utilization.items())
    processes = Counter(worker.machine.host for worker, _ in summary.workers.values())
    return gpu(
        {name: summary.distributions[name] for name in names.GPU_TIMES},
        busy_share=_gpu_busy_share(summary),
        processes=max(processes.values(), default=0),
        samples=samples,
        utilization=ratio(seen / 100, samples),
        peak_memory_bytes=summary.gpu_peak_memory_bytes if samples else None,
    )


def gpu(
    times: Mapping[str, Any],
    busy_share: float | None = None,
    processes: int | None = None,
    samples: int = 0,
    utilization: float | None = None,
    peak_memory_bytes: int | None = None,
) -> dict[str, Any]:
    """The section on GPUs; None for what is not known.

    Args:
        times: the distributions of `names.GPU_TIMES`.
        busy_share: the share of the time in which a GPU computed.
        processes: how many share a GPU.
        samples: how often the driver was asked.
        utilization: what it said in the mean.
        peak_memory_bytes: the most memory of a process.
    """
    computed, launching = (times[name].sum for name in names.GPU_TIMES)
    return {
        "busy_share": busy_share,
        "waited_share": None if busy_share is None else 1 - busy_share,
        "launching_share": ratio(launching, computed),
        **{name: one.as_json() for name, one in times.items()},
        "processes": processes,
        "samples": samples,
        "utilization": utilization,
        "peak_memory_bytes": peak_memory_bytes,
    }


def _gpu_busy_share(summary: Summary) -> float | None:
    """The share of the time between a machine's first batch and its last in which its GPU computed.

    Each process counts its own work. Where several share a GPU their kernels may run beside each
    other, and all together count more than the time that there was.
    """
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    computed = 0
    for worker, totals in summary.workers.values():
        host = worker.machine.host
        first[host] = min(first.get(host, totals.first), totals.first)
        last[host] = max(last.get(host, totals.last), totals.last)
        computed += totals.gpu
    share = ratio(computed, sum(last.values()) - sum(first.values())) if computed else None
    return None if share is None else min(1.0, share)


def timestamp(micro_secs: int) -> str:
    """A time since the epoch as ISO 8601, in UTC."""
    time = datetime.datetime.fromtimestamp(micro_secs / 1e6, datetime.UTC)
    return time.isoformat(timespec="milliseconds")


def tokens(
    real: int, padding: int, micro_batches: int, lengths: dict[str, Any] | None
) -> dict[str, Any]:
    """The section on tokens; `lengths` is the distribution of tokens a text, where known."""
    return {
        "real": real,
        "padding": padding,
        "padding_share": ratio(padding, real + padding),
        names.MICRO_BATCHES: micro_batches,
        "lengths": lengths,
    }


def derived(
    num_inferences: int, real_tokens: int, latency_sum_micro_secs: int, wall_secs: float | None
) -> dict[str, Any]:
    """What follows from the metrics."""
    # SUM of the latencies. Beam's page says num_inferences x MEAN, which is too much by the mean
    # batch size: MEAN is a batch's latency, not a text's.
    total_inference_secs = latency_sum_micro_secs / 1e6
    return {
        "total_inference_secs": total_inference_secs,
        "texts_per_inference_sec": ratio(num_inferences, total_inference_secs),
        "tokens_per_inference_sec": ratio(real_tokens, total_inference_secs),
        "texts_per_wall_sec": ratio(num_inferences, wall_secs),
    }


def costs(resources: Resources, prices: Prices | None, num_inferences: int) -> dict[str, Any]:
    """The sections on resources and cost; the cost is null without prices."""
    cost = None
    if prices:
        total = prices.cost(resources)
        per_text = ratio(total, num_inferences)
        cost = {
            "total": total,
            "per_million_texts": None if per_text is None else per_text * 1e6,
            "prices": asdict(prices),
        }
    return {"resources": asdict(resources), "cost": cost}


def _of_counts(counts: dict[int, int]) -> dict[str, Any]:
    values = Distribution()
    for value in sorted(counts):
        values.add(value, counts[value])
    return values.as_json()


def _labels(summary: Summary) -> list[dict[str, Any]]:
    drawn = scores(summary.certainty)
    return [
        {
            "label": label,
            "texts": texts,
            "share": texts / summary.predicted,
            "mean_score": summary.certainty.units[label] * SCORE_UNIT / texts,
            "scores": drawn[label],
        }
        for label, texts in sorted(summary.labels.items(), key=lambda item: (-item[1], item[0]))
    ]


def _workers(summary: Summary) -> list[dict[str, Any]]:
    rows = [
        _worker(worker.machine.host, worker.process, worker.effective.device_name, totals)
        for worker, totals in sorted(
            summary.workers.values(), key=lambda row: (row[0].machine.host, row[0].process)
        )
    ]
    if summary.other_workers.batches:
        rows.append(_worker("others", "others", "", summary.other_workers))
    return rows


def _worker(host: str, process: str, device_name: str, totals: WorkerTotals) -> dict[str, Any]:
    active_secs = (totals.last - totals.first) / 1e6
    return {
        "host": host,
        "process": process,
        "device_name": device_name,
        "texts": totals.texts,
        "tokens": totals.tokens,
        "batches": totals.batches,
        "forward_secs": totals.forward / 1e6,
        "inference_secs": totals.inference / 1e6,
        # From the start of its first batch to the end of its last.
        "active_secs": active_secs,
        "texts_per_sec": ratio(totals.texts, active_secs),
        # Rows of several processes together have no share of one process's time.
        "busy_share": None if process == "others" else ratio(totals.forward / 1e6, active_secs),
    }
