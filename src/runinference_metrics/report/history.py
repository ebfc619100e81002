"""The runs of a history over time: their main figures, their labels, what changed between them."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runinference_metrics.errors import brief
from runinference_metrics.records.history import History, PastRun
from runinference_metrics.report import trends
from runinference_metrics.report.formats import money
from runinference_metrics.report.trends import FIGURES, LONGEST_NAME, Figure, day, minute

# Rows of the table of runs; the history itself has all of them.
MOST_ROWS = 100
_LONGEST_FAILURE = 300

# What is told to have changed from a run to the next that knows it.
_CHANGES: tuple[tuple[str, Callable[[PastRun], Any]], ...] = (
    ("model", lambda run: run.model_digests),
    ("version", lambda run: run.version),
    ("device", lambda run: run.device_names),
    ("precision", lambda run: run.precisions),
)


@dataclass(frozen=True)
class RunRow:
    """A run, as it is shown.

    Args:
        start: when it began.
        name: its job's name, or else its output folder.
        labels: the job's labels.
        values: its figures by name, as text.
        ok: whether it was good.
        failure: why it was not.
        changed: what is not as it was in the run before, with what it is now.
    """

    start: str
    name: str
    labels: str
    values: dict[str, str]
    ok: bool
    failure: str
    changed: str


@dataclass(frozen=True)
class Shown:
    """A history, ready to be shown.

    Args:
        source: the file.
        answer: it in one line.
        remarks: what is left out, or could not be read.
        figures: those that at least one run has.
        rows: the runs, the newest first.
        cards: the newest run beside those before it.
        charts: a figure each.
        labels: how the shares of the labels went; None where no run has labels.
        axis: the days of the first run, of that in the middle, and of the last.
    """

    source: str
    answer: str
    remarks: tuple[str, ...]
    figures: tuple[Figure, ...]
    rows: tuple[RunRow, ...]
    cards: tuple[dict[str, str], ...]
    charts: tuple[dict[str, Any], ...]
    labels: dict[str, Any] | None
    axis: tuple[str, str, str]


def over_runs(history: History, source: str) -> Shown:
    """A history as it is shown.

    Args:
        history: its runs; at least one.
        source: the file.
    """
    runs = history.runs
    # What was paid in another currency than the newest is not drawn beside it.
    currency = next((run.currency for run in reversed(runs) if run.currency), None)
    values = {one.name: [_value(run, one, currency) for run in runs] for one in FIGURES}
    figures = tuple(
        _in(one, currency) for one in FIGURES if any(v is not None for v in values[one.name])
    )
    changed = _changed(runs)
    groups = trends.groups_of(len(runs))
    return Shown(
        source,
        _answer(runs),
        tuple(_remarks(history, currency, groups)),
        figures,
        tuple(
            _row(run, figures, values, at, changed[at]) for at, run in reversed([*enumerate(runs)])
        ),
        tuple(_cards(figures, values)),
        tuple(trends.chart(one, values[one.name], runs, changed, groups) for one in figures),
        trends.labels(runs, groups),
        (day(runs[0]), day(runs[len(runs) // 2]), day(runs[-1])),
    )


def _value(run: PastRun, figure: Figure, currency: str | None) -> float | None:
    if figure.of_money and run.currency != currency:
        return None
    return run.figures.get(figure.name)


def _in(figure: Figure, currency: str | None) -> Figure:
    """A figure of money with its currency."""
    if not figure.of_money:
        return figure
    named = currency or ""
    return replace(
        figure, show=lambda value: "-" if value is None else money(value, named), currency=named
    )


def _answer(runs: Sequence[PastRun]) -> str:
    failed = sum(not run.ok for run in runs)
    if len(runs) == 1:
        return f"1 run, of {minute(runs[0])}, {'failed' if failed else 'good'}"
    some = f"{failed:,} failed" if failed else "all of them good"
    return f"{len(runs):,} runs from {day(runs[0])} to {day(runs[-1])}, {some}"


def _remarks(history: History, currency: str | None, groups: list[range]) -> Sequence[str]:
    found = []
    if history.damaged:
        lines = "line is no run's and is" if history.damaged == 1 else "lines are no run's and are"
        found.append(
            f"{history.damaged:,} {lines} left out; the first is line {history.first_damaged:,}."
        )
    others = sum(run.currency not in (None, currency) for run in history.runs)
    if others:
        found.append(f"{others:,} runs have costs in another currency than {currency}: left out.")
    if len(groups) < len(history.runs):
        found.append(
            f"Up to {len(groups[0]):,} runs in a row share a point: it is at their mean, and the "
            "lighter bar reaches from their lowest to their highest."
        )
    return found


def _row(
    run: PastRun, figures: Sequence[Figure], values: dict[str, list[float | None]], at: int,
    changed: dict[str, str],
) -> RunRow:  # fmt: skip
    return RunRow(
        minute(run),
        brief(run.job or run.output, LONGEST_NAME),
        ", ".join(f"{key}={value}" for key, value in sorted(run.labels.items())),
        {one.name: one.show(values[one.name][at]) for one in figures},
        run.ok,
        brief(run.failure or "", _LONGEST_FAILURE),
        "; ".join(f"{what} {now}" for what, now in changed.items()),
    )


def _cards(
    figures: Sequence[Figure], values: dict[str, list[float | None]]
) -> Sequence[dict[str, str]]:
    """The newest run's figures, each with the median of the runs before."""
    found = []
    for one in figures:
        *before, newest = values[one.name]
        known = [value for value in before if value is not None]
        if newest is not None:
            beside = f"; before {one.show(statistics.median(known))}" if known else ""
            found.append({"value": one.show(newest), "label": f"{one.title}{beside}"})
    return found


def _changed(runs: Sequence[PastRun]) -> list[dict[str, str]]:
    """What each run has otherwise than the last one before that knows it."""
    last: dict[str, Any] = {}
    found = []
    for run in runs:
        now = {what: value(run) for what, value in _CHANGES}
        found.append({
            what: _named(run, what, value)
            for what, value in now.items()
            if value and last.get(what, value) != value
        })  # fmt: skip
        last |= {what: value for what, value in now.items() if value}
    return found


def _named(run: PastRun, what: str, value: Any) -> str:
    if what == "model":
        # The name alone may have stayed.
        return brief(f"{run.model} {value[0][:19]}", LONGEST_NAME)
    return brief(value if isinstance(value, str) else ", ".join(value), LONGEST_NAME)
