"""What a run did when: throughput, batches, and each process beside the others."""

import statistics
from typing import Any

from runinference_metrics.report import charts
from runinference_metrics.report.formats import count, duration, number

# Fewer processes are compared by the table alone.
_FEWEST_PROCESSES = 2


def timeline(document: dict[str, Any]) -> dict[str, Any] | None:
    """The charts over the time of a run and their table; None without batches."""
    found = document["timeline"]
    points = found["points"] if found else []
    if not points:
        return None
    width = found["bucket_secs"]
    # The first step is aligned to the clock and may begin just before the run.
    begin = min(0.0, points[0]["start_secs"])
    end = max(points[-1]["start_secs"] + width, document["run"]["wall_secs"] or 0.0)

    def spans(name: str) -> list[charts.Span]:
        return [
            (one["start_secs"], one["start_secs"] + width, one[name])
            for one in points
            if one.get(name) is not None
        ]

    rates = spans("texts_per_sec")
    drawn = [
        ("texts/s", number(max(rate for _, _, rate in rates)), charts.spans(rates, (begin, end)))
    ]
    # Older documents have no batches.
    if latencies := spans("mean_latency_secs"):
        longest = spans("max_latency_secs")
        drawn.append((
            "latency of the batches that began then, mean and (lighter) longest",
            duration(max(secs for _, _, secs in longest)),
            charts.spans(latencies, (begin, end), longest),
        ))  # fmt: skip
        sizes = spans("mean_batch_size")
        drawn.append((
            "texts a batch, mean",
            number(max(texts for _, _, texts in sizes)),
            charts.spans(sizes, (begin, end)),
        ))  # fmt: skip
    return {
        "charts": [{"what": what, "peak": peak, "svg": svg} for what, peak, svg in drawn],
        "step": duration(width),
        "first": _offset(begin),
        "middle": _offset((begin + end) / 2),
        "last": _offset(end),
        "rows": [
            {
                "start": _offset(one["start_secs"]),
                "texts": count(one["texts"]),
                "rate": number(one["texts_per_sec"]),
                "batches": count(one["batches"]) if "batches" in one else "-",
                "size": number(one.get("mean_batch_size")),
                "mean": duration(one.get("mean_latency_secs")),
                "longest": duration(one.get("max_latency_secs")),
            }
            for one in points
        ],
    }


def processes(workers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The throughput of each process, the fastest first; None where there are too few."""
    rates = sorted(
        (one["texts_per_sec"] for one in workers
         if one["texts_per_sec"] is not None and one["process"] != "others"),
        reverse=True,
    )  # fmt: skip
    if len(rates) < _FEWEST_PROCESSES:
        return None
    return {
        "svg": charts.columns(rates),
        "number": count(len(rates)),
        "fastest": number(rates[0]),
        "median": number(statistics.median(rates)),
        "slowest": number(rates[-1]),
    }


def _offset(secs: float) -> str:
    return f"-{duration(-secs)}" if secs < 0 else duration(secs)
