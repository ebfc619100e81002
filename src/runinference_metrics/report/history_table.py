"""A history as a table for a terminal, and as a page."""

from rich import box
from rich.console import Console
from rich.table import Table

from runinference_metrics.errors import brief
from runinference_metrics.records import names
from runinference_metrics.redaction import redact
from runinference_metrics.report import page
from runinference_metrics.report.history import MOST_ROWS, Shown
from runinference_metrics.report.table import TABLE_WIDTH
from runinference_metrics.report.trends import Figure

# As many as a terminal shows at once; the page has more.
_MOST_RUNS = 20
_LONGEST_NAME, _LONGEST_PATH = 14, 60
# The columns of both tables, as far as a run has them, and their heads.
_HEADS = {
    names.NUM_INFERENCES: "texts",
    "texts_per_wall_sec": "texts/s",
    "cost_per_million": "a million",
    "accuracy": "right",
    "failure_rate": "lost",
}


def print_history(found: Shown, page_file: str) -> None:
    """Prints the newest runs on standard output.

    Args:
        found: the history.
        page_file: where the page is written.
    """
    console = Console(width=TABLE_WIDTH, highlight=False, markup=False)
    columns = _columns(found)
    table = Table(title=f"Runs of {brief(found.source, _LONGEST_PATH)}", title_justify="left",
                  box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False,
                  padding=(0, 1, 0, 0))  # fmt: skip
    table.add_column("start", no_wrap=True)
    table.add_column("run", overflow="ellipsis", no_wrap=True, min_width=8)
    for one in columns:
        # The currency stands in the head alone.
        head = f"{one.currency}/1M" if one.currency else _HEADS[one.name]
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    # The newest last: where a terminal stands.
    for row in reversed(found.rows[:_MOST_RUNS]):
        values = [row.values[one.name].removesuffix(f" {one.currency}") for one in columns]
        verdict = "good" if row.ok else "failed"
        table.add_row(row.start, brief(row.name, _LONGEST_NAME), *values, verdict)
    console.print()
    console.print(table)
    if len(found.rows) > _MOST_RUNS:
        console.print(f"The newest {_MOST_RUNS}; the page has more.")
    for row in reversed(found.rows[:_MOST_RUNS]):
        for what in (row.changed and f"now {row.changed}", row.failure):
            if what:
                console.print(f"{row.start}  {what}")
    for remark in found.remarks:
        console.print(remark)
    console.print(f"{found.answer}: drawn in {redact(page_file)}")


def _columns(found: Shown) -> list[Figure]:
    by_name = {one.name: one for one in found.figures}
    return [by_name[name] for name in _HEADS if name in by_name]


def render(found: Shown) -> str:
    """The history as a self-contained HTML page."""
    return page.environment().get_template("history.html.j2").render(
        style=page.style(),
        found=found,
        last=found.rows[0],
        several=len(found.rows) > 1,
        any_failed=any(not row.ok for row in found.rows),
        any_changed=any(row.changed for row in found.rows),
        columns=[{"name": one.name, "head": _HEADS[one.name]} for one in _columns(found)],
        rows=found.rows[:MOST_ROWS],
        left_out=f"{len(found.rows) - MOST_ROWS:,}" if len(found.rows) > MOST_ROWS else "",
    )  # fmt: skip
