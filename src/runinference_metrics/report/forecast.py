"""An estimate as tables for a terminal: what there is, and what the whole would take and cost."""

from collections.abc import Callable, Iterator
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from runinference_metrics.report.formats import count, duration, money, number, percent, size
from runinference_metrics.report.table import TABLE_WIDTH, _values

_NAME_WIDTH = 18
# Less than runs differ anyway.
_UNNOTICED = 0.1
_Interval = dict[str, float | None]


def print_forecast(document: dict[str, Any]) -> None:
    """Prints an estimate on standard output."""
    console = Console(width=TABLE_WIDTH, highlight=False, markup=False)
    console.print(_values("Input", list(_of_input(document["input"]))))
    if sample := document["sample"]:
        console.print(_values("Classified here", list(_of_sample(sample))))
    if machines := document["machines"]:
        console.print(_machines(document, machines))
        for basis, names in _by_basis(machines).items():
            console.print(f"{', '.join(names)}: {basis}.")
    for line in _remarks(document):
        console.print(f"\n{line}")


def _of_input(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "files", f"{count(found['files'])}, {size(found['bytes'])}"
    yield "rows", _of_count(found["rows"])
    yield "texts", _of_count(found["texts"])
    for name in ("blank", "rejected", "truncated"):
        if found[name]["likely"]:
            yield name, _of_count(found[name])
    texts, tokens = found["texts"]["likely"], found["tokens"]
    yield "tokens", f"{_of_count(tokens)}, {number(tokens['likely'] / texts)} a text"


def _of_sample(sample: dict[str, Any]) -> Iterator[tuple[str, str]]:
    processes = "1 process" if sample["processes"] == 1 else f"{sample['processes']} processes"
    threads = "1 thread" if sample["threads"] == 1 else f"{sample['threads']} threads each"
    yield "texts", f"{count(sample['texts'])} in {duration(sample['wall_secs'])}"
    yield "on", f"{sample['device_name']} {sample['precision']}, {processes}, {threads}"
    if sample["dead_lettered"]:
        yield "dead-lettered", count(sample["dead_lettered"])


def _machines(document: dict[str, Any], machines: list[dict[str, Any]]) -> Table:
    table = Table(title="The whole: likeliest (least to most)", title_justify="left",
                  box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))  # fmt: skip
    table.add_column("", width=_NAME_WIDTH, overflow="fold")
    columns: list[tuple[str, str, Callable[[float], str]]] = [
        ("texts/s", "texts_per_sec", number), ("time", "secs", duration),
    ]  # fmt: skip
    if prices := document["prices"]:
        columns.append((f"cost, {prices['currency']}", "cost", lambda one: money(one, "").strip()))
    for title, _, _ in columns:
        table.add_column(title, justify="right", overflow="fold")
    for one in machines:
        table.add_row(_name(one), *(_range(one[name], show) for _, name, show in columns))
    return table


def _by_basis(machines: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The machines' names by that on which their figures rest."""
    found: dict[str, list[str]] = {}
    for one in machines:
        found.setdefault(one["basis"], []).append(_name(one))
    return found


def _name(one: dict[str, Any]) -> str:
    return one["name"] if one["machines"] == 1 else f"{one['machines']} x {one['name']}"


def _range(found: _Interval | None, show: Callable[[float], str]) -> str:
    """The likeliest value, and below it the least and the most."""
    if found is None:
        return "-"
    low, likely, high = found["low"], found["likely"], found["high"]
    assert low is not None
    if likely is None or high is None:
        return f"over {show(low)}"
    return f"{show(likely)}\n({show(low)} to {show(high)})"


def _of_count(found: _Interval) -> str:
    low, likely, high = (found[end] or 0 for end in ("low", "likely", "high"))
    if low == high:
        return count(round(likely))
    return f"about {_two_digits(likely)} ({_two_digits(low)} to {_two_digits(high)})"


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.0f}"


def _remarks(document: dict[str, Any]) -> Iterator[str]:
    if beginnings := document["input"]["beginnings"]:
        files = "1 file" if beginnings == 1 else f"{count(beginnings)} files"
        yield (f"Of {files} the beginning alone was read, since nobody can begin elsewhere in "
               "them: if they are sorted, their ends may be otherwise.")  # fmt: skip
    others = (document["sample"] or {}).get("others_share") or 0.0
    if others > _UNNOTICED:
        yield (f"Other programs took {percent(others)} of the processor while the sample was "
               "classified: when they are done it is faster than that.")  # fmt: skip
    if not document["machines"]:
        yield ("How long that takes nobody knows yet: --classify=2000 classifies 2,000 of these "
               "texts here, and --prices=FILE says what machines cost.")  # fmt: skip
        return
    if not document["prices"]:
        yield "What it costs, here and elsewhere, is said with --prices=FILE."
        return
    if len(document["machines"]) == (document["sample"] is not None):
        yield "Other machines are estimated where the prices file names some under machines."
    yield ("Not in it: the minutes in which machines start and stop, disks and shuffles, which are "
           "paid for too.")  # fmt: skip
