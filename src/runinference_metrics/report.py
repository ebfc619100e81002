"""A run's metrics as a table for a terminal."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from runinference_metrics import metrics as names

# Wide enough for the longest metric name beside five numbers, and no wider than a terminal.
TABLE_WIDTH = 80


def print_table(document: dict[str, Any], output: str) -> None:
    """Prints the metrics of a run, as written to metrics.json, on standard output."""
    console = Console(width=TABLE_WIDTH, highlight=False, markup=False)
    run, records, derived = document["run"], document["records"], document["derived"]
    devices = _decided(run, "device_name") or run["parameters"]["device"]
    precision = _decided(run, "precision")
    console.print()
    console.print(_values("Records", [
        ("read", _count(records["read"])),
        ("predicted", _count(records["predicted"])),
        ("dead-lettered", _reasons(records)),
        ("blank", _count(records["blank"])),
        ("truncated", _count(records["truncated"])),
    ]))  # fmt: skip
    console.print(_distributions(document))
    tokens = document["tokens"]
    console.print(_values("Derived", [
        ("total inference time", f"{derived['total_inference_secs']:,.3f} s"),
        ("texts/s of inference", _number(derived["texts_per_inference_sec"])),
        ("tokens/s of inference", _number(derived["tokens_per_inference_sec"])),
        ("texts/s of the whole run", _number(derived["texts_per_wall_sec"])),
        ("padding", _percent(tokens["padding_share"])),
        ("run time", f"{run['wall_secs']:,.1f} s on {devices} {precision}".rstrip()),
    ]))  # fmt: skip
    console.print(f"Results are in {output}")


def _decided(run: dict[str, Any], name: str) -> str:
    """What was decided where the model ran; several words when the workers differ."""
    return ", ".join(sorted({str(one[name]) for one in run["effective"]}))


def _values(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(width=34)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table


def _distributions(document: dict[str, Any]) -> Table:
    table = Table(title="RunInference", title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("metric", width=34, overflow="fold")
    for name in ("count", "mean", "min", "max", "sum"):
        table.add_column(name, justify="right", width=8)
    beam = document["runinference"]
    for name in (names.NUM_INFERENCES, names.FAILED_BATCHES):
        table.add_row(name, "", "", "", "", _short(beam[name]))
    for section in (beam, document["stages"]):
        for name, value in section.items():
            if isinstance(value, dict):
                table.add_row(
                    name, *(_short(value[part]) for part in ("count", "mean", "min", "max", "sum"))
                )
    return table


def _reasons(records: dict[str, Any]) -> str:
    reasons = ", ".join(f"{name} {n:,}" for name, n in records["dead_letters_by_reason"].items())
    return _count(records["dead_lettered"]) + (f"  ({reasons})" if reasons else "")


def _count(value: int) -> str:
    return f"{value:,}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%} of all tokens computed"


def _short(value: float | None) -> str:
    """A number in at most seven characters: 1234567890 as 1.23 G."""
    if value is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6)):
        if abs(value) >= size:
            scaled = value / size
            return f"{scaled:,.2f} {unit}" if scaled < 100 else f"{scaled:,.1f} {unit}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.1f}"
