"""A run's metrics as a table for a terminal."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from runinference_metrics.errors import brief
from runinference_metrics.records import names
from runinference_metrics.redaction import redact
from runinference_metrics.report import dataflow_job, quality, sections, spending
from runinference_metrics.report.advice import advice
from runinference_metrics.report.formats import count, duration, money, number, percent, short

# Wide enough for the longest metric name beside five numbers, and no wider than a terminal.
TABLE_WIDTH = 80
# Of the column of names.
_NAME_WIDTH = 34
# The files with the most losses; the page has more of them.
_MOST_WORST = 3
_COLUMNS = ("count", "mean", "p95", "max", "sum")


def print_table(document: dict[str, Any], output: str) -> None:
    """Prints the metrics of a run, as written to metrics.json, on standard output."""
    console = Console(width=TABLE_WIDTH, highlight=False, markup=False)
    run, records, derived = document["run"], document["records"], document["derived"]
    effective = run["effective"]
    devices = sections.took_effect(effective, "device_name") or run["parameters"]["device"]
    precision = sections.took_effect(effective, "precision")
    quantised = sections.took_effect(effective, "quantised")
    labels = sections.job_labels(run)
    instructions = sections.took_effect(effective, "instruction_sets")
    console.print()
    if document["files"]:
        console.print(_values("Files", _files(document["files"])))
    console.print(_values("Records", [
        ("read", count(records["read"])),
        ("predicted", count(records["predicted"])),
        ("dead-lettered", _reasons(records)),
        ("blank", count(records["blank"])),
        ("truncated", count(records["truncated"])),
    ]))  # fmt: skip
    console.print(_distributions(document))
    tokens = document["tokens"]
    console.print(_values("Derived", [
        ("total inference time", f"{derived['total_inference_secs']:,.3f} s"),
        ("texts/s of inference", number(derived["texts_per_inference_sec"])),
        ("tokens/s of inference", number(derived["tokens_per_inference_sec"])),
        ("texts/s of the whole run", number(derived["texts_per_wall_sec"])),
        ("padding", f"{percent(tokens['padding_share'])} of all tokens computed"),
        *sections.detours(run),
        ("run time", f"{duration(run['wall_secs'])} on {devices} {precision}".rstrip()),
        *([("the processor has", instructions)] if instructions else []),
        *([("int8 by", quantised)] if quantised else []),
        *([("labels of the job", labels)] if labels else []),
        *_cost(document),
    ]))  # fmt: skip
    if found := quality.rows(document["quality"]):
        console.print(_values("Quality", found))
    if gpu := sections.gpu(document):
        console.print(_values("GPU", gpu))
    faults = sections.faults(document)
    if faults:
        console.print(_values("Faults that were overcome", faults))
    if kept := sections.thresholds(document["thresholds"]):
        console.print(_values("Thresholds", [
            (one["threshold"], f"{one['verdict']}  (it is {one['value']})") for one in kept
        ]))  # fmt: skip
    if said := dataflow_job.rows(document):
        console.print(_values("Job", said))
    for line in (*dataflow_job.failure_lines(document), *dataflow_job.not_known(document)):
        console.print(f"{line}\n", soft_wrap=False)
    for one in advice(document):
        console.print(f"{one.why} {one.change}\n", soft_wrap=False)
    console.print(f"Results are in {redact(output)}")


def _cost(document: dict[str, Any]) -> list[tuple[str, str]]:
    cost = document["cost"]
    if not cost:
        return []
    prices, per_million = cost["prices"], cost["per_million_texts"]
    rows = [("cost", f"{money(cost['total'], prices['currency'])} ({prices['region']}, "
                     f"prices of {prices['date']})")]  # fmt: skip
    if per_million is not None:
        rows.append(("cost of a million texts", money(per_million, prices["currency"])))
    if without := spending.without_price(document):
        rows.append(("not in it, without a price", ", ".join(without)))
    return rows


def _values(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(width=_NAME_WIDTH, overflow="fold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table


def _distributions(document: dict[str, Any]) -> Table:
    table = Table(title="RunInference", title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("metric", width=_NAME_WIDTH, overflow="fold")
    for name in _COLUMNS:
        table.add_column(name, justify="right", width=8)
    beam = document["runinference"]
    for name in (names.NUM_INFERENCES, names.FAILED_BATCHES):
        table.add_row(name, "", "", "", "", short(beam[name]))
    startup = document["startup"] or {}
    for section in (beam, document["stages"], startup, document["gpu"] or {}):
        for name, value in section.items():
            if isinstance(value, dict):
                table.add_row(name, *(short(value.get(part)) for part in _COLUMNS))
    return table


def _reasons(records: dict[str, Any]) -> str:
    return _with_reasons(records["dead_lettered"], records["dead_letters_by_reason"])


def _with_reasons(number: int, by_reason: dict[str, int]) -> str:
    reasons = sections.by_reason(by_reason)
    return count(number) + (f"  ({reasons})" if reasons else "")


def _files(found: dict[str, Any]) -> list[tuple[str, str]]:
    empty = f"  ({count(found['empty'])} empty)" if found["empty"] else ""
    rows = [
        ("read", count(found["read"]) + empty),
        ("skipped", _with_reasons(found["skipped"], found["skipped_by_reason"])),
        ("failed", _with_reasons(found["failed"], found["failed_by_reason"])),
    ]
    for one in found["worst"][:_MOST_WORST]:
        rejected = f"{count(one['rejected'])} of {count(one['rows'])} rows rejected"
        rows.append((brief(one["path"], _NAME_WIDTH), f"{rejected}: {one['reason']}"))
    return rows
