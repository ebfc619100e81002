"""What is drawn of many runs: a chart a figure, and the shares of the labels."""

import datetime
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from runinference_metrics.errors import brief
from runinference_metrics.records import names
from runinference_metrics.records.history import PastRun
from runinference_metrics.report import charts
from runinference_metrics.report.charts import Point
from runinference_metrics.report.formats import count, duration, number, percent, short

# A phone's screen has room for some three pixels a point; with more, runs in a row share one.
MOST_POINTS = 120
# As many colours as can be told apart; the other labels share one.
_MOST_LABELS = 4
# Of a job, a model, a label.
LONGEST_NAME = 60

Show = Callable[[float | None], str]


@dataclass(frozen=True)
class Figure:
    """A figure that is drawn over the runs.

    Args:
        name: as a run's figures have it.
        title: what it is, for a reader.
        show: its value as text.
        of_money: whether it is an amount of money.
        currency: which money it is.
    """

    name: str
    title: str
    show: Show
    of_money: bool = False
    currency: str = ""


def _texts(value: float | None) -> str:
    # A card has no room for more digits.
    if value is None or value >= 1e8:
        return short(value)
    return number(value) if value % 1 else count(int(value))


def _exact(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _micro_secs(value: float | None) -> str:
    return duration(None if value is None else value / 1e6)


# What one decides from comes first. Those that no run of a history has are left out.
FIGURES = (
    Figure("accuracy", "accuracy", percent),
    Figure("macro_f1", "F1, macro mean", percent),
    Figure("expected_calibration_error", "expected calibration error", _exact),
    Figure("failure_rate", "rows without a prediction", percent),
    Figure("truncated_share", "texts cut to max_length", percent),
    Figure(names.NUM_INFERENCES, "texts", _texts),
    Figure("texts_per_wall_sec", "texts/s of the run", number),
    Figure("texts_per_inference_sec", "texts/s of inference time", number),
    Figure("wall_secs", "run time", duration),
    Figure(f"p95({names.LATENCY})", "batch latency, p95", _micro_secs),
    Figure("padding_share", "padding", percent),
    Figure("gpu_busy_share", "GPU busy", percent),
    Figure("cost", "cost of a run", number, of_money=True),
    Figure("cost_per_million", "cost of a million texts", number, of_money=True),
)


def groups_of(number_of_runs: int) -> list[range]:
    """The runs that share a point: one each, unless there are too many."""
    size = -(-number_of_runs // MOST_POINTS)
    return [
        range(start, min(start + size, number_of_runs)) for start in range(0, number_of_runs, size)
    ]


def chart(
    figure: Figure, values: Sequence[float | None], runs: Sequence[PastRun],
    changed: Sequence[dict[str, str]], groups: Sequence[range],
) -> dict[str, Any]:  # fmt: skip
    points = [_point(values, runs, changed, group) for group in groups]
    known = [value for value in values if value is not None]
    last = next(value for value in reversed(values) if value is not None)
    return {
        "title": figure.title,
        "last": figure.show(last),
        "lowest": figure.show(min(known)),
        "highest": figure.show(max(known)),
        "missing": count(len(values) - len(known)) if len(known) < len(values) else "",
        "svg": charts.trend(points),
        "rows": [
            {
                "when": _when(runs, group),
                "value": figure.show(point.mean),
                "low": figure.show(point.low),
                "high": figure.show(point.high),
                "failed": point.failed,
                "changed": point.changed,
            }
            for group, point in zip(groups, points, strict=True)
        ],
        "shared": len(groups) < len(runs),
    }


def _point(
    values: Sequence[float | None], runs: Sequence[PastRun],
    changed: Sequence[dict[str, str]], group: range,
) -> Point:  # fmt: skip
    known = [value for value in (values[at] for at in group) if value is not None]
    return Point(
        statistics.fmean(known) if known else None,
        min(known, default=None),
        max(known, default=None),
        failed=any(not runs[at].ok for at in group),
        changed=any(changed[at] for at in group),
    )


def labels(runs: Sequence[PastRun], groups: Sequence[range]) -> dict[str, Any] | None:
    """The share of each label over the runs; None where no run has any."""
    shares = [_shares(run) for run in runs]
    names_of_all = sorted({label for one in shares for label in one})
    if not names_of_all:
        return None
    total = {label: sum(one.get(label, 0) for one in shares) for label in names_of_all}
    ordered = sorted(names_of_all, key=lambda label: -total[label])
    shown, others = ordered[:_MOST_LABELS], ordered[_MOST_LABELS:]
    columns = []
    for group in groups:
        known = [shares[at] for at in group if shares[at]]
        parts = [*([label] for label in shown), *([others] if others else [])]
        columns.append([_mean(known, part) for part in parts] if known else [])
    titles = [*shown, *([f"{len(others):,} others"] if others else [])]
    return {
        "names": [brief(title, LONGEST_NAME) for title in titles],
        "svg": charts.stacks(columns),
        "rows": [
            {"when": _when(runs, group), "cells": [percent(one) for one in column] or
             ["-"] * len(titles)}
            for group, column in zip(groups, columns, strict=True)
        ],
    }  # fmt: skip


def _shares(run: PastRun) -> dict[str, float]:
    return {
        name[len("share(") : -1]: value
        for name, value in run.figures.items()
        if name.startswith("share(") and name.endswith(")")
    }


def _mean(known: Sequence[dict[str, float]], labels: Sequence[str]) -> float:
    """Of several runs the mean share of some labels; one that no text got has none of it."""
    return sum(one.get(label, 0.0) for one in known for label in labels) / len(known)


def _when(runs: Sequence[PastRun], group: range) -> str:
    first, last = minute(runs[group[0]]), minute(runs[group[-1]])
    return first if len(group) == 1 else f"{first} to {last} ({len(group):,} runs)"


def minute(run: PastRun) -> str:
    return _time(run).strftime("%Y-%m-%d %H:%M")


def day(run: PastRun) -> str:
    return _time(run).strftime("%Y-%m-%d")


def _time(run: PastRun) -> datetime.datetime:
    return datetime.datetime.fromisoformat(run.start)
