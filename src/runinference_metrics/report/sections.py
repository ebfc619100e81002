"""The sections of a report, from a run's document to values that are ready to be shown."""

from typing import Any

from runinference_metrics.errors import brief
from runinference_metrics.records import names
from runinference_metrics.report import charts
from runinference_metrics.report.formats import (
    count,
    number,
    of_metric,
    percent,
    size,
)

_CELLS = ("count", "mean", "min", "p50", "p90", "p95", "p99", "max", "sum")


_ONE = {"batches": "one batch", "texts": "one text"}


def histogram(
    name: str, values: dict[str, Any], counted: str, cut: int = 0
) -> dict[str, Any] | None:
    """The chart of a distribution and its table; None without values.

    Args:
        name: of the metric.
        values: the distribution.
        counted: what has these values, in the plural.
        cut: how many of the largest values were cut to that, and are to be told apart.
    """
    bars = values.get("histogram")
    if not bars:
        return None
    if len(bars) == 1:
        # A block as wide as the page would say no more.
        number, low, high = values["count"], values["min"], values["max"]
        between = f"from {of_metric(name, low)} to {of_metric(name, high)}"
        which = _ONE[counted] if number == 1 else f"all {count(number)} {counted}"
        return {"single": f"{of_metric(name, low) if low == high else between} ({which})"}
    filled = _with_gaps(bars)
    counts = [bar["count"] for bar in filled]
    middle = filled[len(filled) // 2]
    return {
        "single": "",
        "svg": charts.columns(counts, [0] * (len(counts) - 1) + [min(cut, counts[-1])]),
        "peak": f"{count(max(counts))} {counted}",
        "counted": counted,
        "first": of_metric(name, filled[0]["from"]),
        "middle": of_metric(name, middle["from"]),
        "last": of_metric(name, filled[-1]["to"]),
        "rows": [
            {
                "low": of_metric(name, bar["from"]),
                "high": of_metric(name, bar["to"]),
                "count": count(bar["count"]),
            }
            for bar in bars
        ],
    }


def _with_gaps(bars: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adds the empty bars between: all are equally wide on a logarithmic scale."""
    filled = [bars[0]]
    for bar in bars[1:]:
        low = filled[-1]["to"]
        # Edges grow by this factor; the bar from 0 to 1 is the one exception.
        factor = bar["to"] / bar["from"] if bar["from"] else 2.0
        while low * 1.001 < bar["from"]:
            filled.append({"from": low, "to": low * factor, "count": 0})
            low *= factor
        filled.append(bar)
    return filled


def row(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """A distribution as a row of a table."""
    cells = [
        "-" if part not in values else
        count(values[part]) if part == "count" else of_metric(name, values[part])
        for part in _CELLS
    ]  # fmt: skip
    return {"name": name, "cells": cells}


def labels(labels: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The labels, for a table."""
    return [
        {
            "name": row["label"],
            "texts": count(row["texts"]),
            "share": percent(row["share"]),
            "width": f"{100 * row['share']:.2f}",
            "score": f"{row['mean_score']:.4f}",
        }
        for row in labels
    ]


def faults(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What went wrong and was overcome, by name; none when nothing did."""
    found = document["faults"]
    failed = document["runinference"][names.FAILED_BATCHES]
    # Older documents do not have all of them.
    overcome = ((name, found.get(name, 0)) for name in names.FAULTS)
    counts = [(names.FAILED_BATCHES, failed), *overcome]
    rows = [(name, count(number)) for name, number in counts if number]
    lowest = found[names.LOWEST_BATCH_TOKENS]
    return rows + ([(names.LOWEST_BATCH_TOKENS, count(lowest))] if lowest else [])


def gpu(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What the GPUs did, by name, as far as it is known; nothing on a CPU."""
    # Documents of schema version 5 have only what the driver says.
    found = document["gpu"] or {}
    shares = ("busy_share", "waited_share", "launching_share", "utilization")
    rows = [(name, percent(found[name])) for name in shares if found.get(name) is not None]
    if found.get("processes"):
        rows.append(("processes that shared one", count(found["processes"])))
    if found.get("peak_memory_bytes"):
        rows.append(("most memory of a process", size(found["peak_memory_bytes"])))
    return rows


def thresholds(found: list[dict[str, Any]]) -> list[dict[str, str]]:
    """What came of each threshold, for a table."""
    return [
        {
            "threshold": one["threshold"],
            "value": "not known" if one["value"] is None else f"{one['value']:,.6g}",
            "verdict": "passed" if one["passed"] else "failed (warns only)" if one["warns"]
            else "failed",
            "tone": "better" if one["passed"] else "worse",
        }
        for one in found
    ]  # fmt: skip


def reasons(records: dict[str, Any]) -> list[dict[str, str]]:
    """The dead letters by reason, for a table."""
    total = records["dead_lettered"]
    return [
        {
            "name": reason,
            "rows": count(rows),
            "share": percent(rows / total),
            "width": f"{100 * rows / total:.2f}",
        }
        for reason, rows in records["dead_letters_by_reason"].items()
    ]


# Beside a name there must be room for what is wrong with the file; its end tells it apart.
LONGEST_PATH = 200
# As many as a page's reader looks at; metrics.json has some more.
_MOST_WORST = 10


def files(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """What became of the files; None where it is not known."""
    if not found:
        return None
    return {
        **{name: count(found[name]) for name in ("found", "read", "empty", "skipped", "failed")},
        "skipped_by_reason": by_reason(found["skipped_by_reason"]),
        "failed_by_reason": by_reason(found["failed_by_reason"]),
        "formats": [(one["format"], count(one["files"])) for one in found["formats"]],
        "worst": [
            {
                "path": brief(one["path"], LONGEST_PATH),
                "state": "failed" if one["failed"] else "read",
                "reason": one["reason"],
                "detail": one["detail"],
                "rejected": f"{count(one['rejected'])} of {count(one['rows'])}",
            }
            for one in found["worst"][:_MOST_WORST]
        ],
    }


def job_labels(run: dict[str, Any]) -> str:
    """The job's labels in one line; empty where it has none, or they are not known."""
    return ", ".join(f"{key}={value}" for key, value in sorted(run.get("labels", {}).items()))


def by_reason(counts: dict[str, int]) -> str:
    """Counts by reason in one line; empty for none."""
    return ", ".join(f"{reason} {count(number)}" for reason, number in counts.items())


def worker(row: dict[str, Any]) -> dict[str, str]:
    """A process, for a table."""
    return {
        "host": row["host"],
        "process": row["process"],
        "device": row["device_name"],
        "texts": count(row["texts"]),
        "batches": count(row["batches"]),
        "rate": number(row["texts_per_sec"]),
        "busy": percent(row["busy_share"]),
        "width": f"{100 * min(1.0, row['busy_share'] or 0):.2f}",
    }


def effective(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What took effect, several values where the workers differ."""
    return [(name, took_effect(found, name) or "-") for name in (found[0] if found else ())]


def took_effect(found: list[dict[str, Any]], name: str) -> str:
    """What was decided where the model ran; several values where the workers differ."""
    values = (one.get(name, "") for one in found)
    shown = {" ".join(one) if isinstance(one, list | tuple) else str(one) for one in values}
    return ", ".join(sorted(shown))


# What is said of how texts were grouped, where that is slower than usual.
_GROUPINGS = {
    "equal_lengths": "only texts of one length: padding changes this model's answers",
    "alone": "one text at a time: those beside it change this model's answers",
}


def detours(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Where the model could not be computed in the usual, faster way, and why."""
    found = run["effective"]
    groupings = {_GROUPINGS.get(one.get("grouping")) for one in found}
    fallbacks = {one.get("fallback") for one in found}
    rows = [("a forward pass takes", one) for one in sorted(filter(None, groupings))]
    return rows + [("precision", one) for one in sorted(filter(None, fallbacks))]


def shown(value: Any) -> str:
    """A parameter's value."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
