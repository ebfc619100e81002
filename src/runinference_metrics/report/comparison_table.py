"""A comparison as a table for a terminal, and as a page."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from runinference_metrics.errors import brief
from runinference_metrics.report import page
from runinference_metrics.report.comparison import Comparison
from runinference_metrics.report.label_changes import LabelChanges

# On a terminal; the page and --flips have more.
_MOST_EXAMPLES, _LONGEST_TEXT = 5, 80


def print_comparison(found: Comparison) -> None:
    """Prints the comparison on standard output."""
    console = Console(highlight=False, markup=False)
    for index, (title, answer) in enumerate(zip(found.titles, found.answers, strict=True)):
        console.print(f"{_letter(index)}  {title}\n   {answer}")
    for warning in found.warnings:
        console.print(f"warning: {warning}")
    differences = _table("Differences", len(found.titles))
    for name, values in found.differences:
        differences.add_row(name, *values)
    console.print(differences)
    figures = _table("Figures (ratio to A)", len(found.titles))
    for name, cells in found.rows:
        shown = [f"{one.value} {one.ratio} {one.verdict}".rstrip() for one in cells]
        figures.add_row(name, *shown)
    console.print(figures)
    for index, (change, drifts) in enumerate(zip(found.changes, found.drifts, strict=True), 1):
        if change:
            table = Table(title=f"Labels, A to {_letter(index)}", title_justify="left",
                          box=box.SIMPLE_HEAD, show_header=False)  # fmt: skip
            for name, value in change.rows():
                table.add_row(name, value)
            console.print(table)
            for one in change.examples[:_MOST_EXAMPLES]:
                console.print(_example(one))
        for sentence in drifts:
            console.print(f"A to {_letter(index)}: {sentence}.")


def _example(one: dict[str, Any]) -> str:
    before, after = (f"{one[run]['label']} {one[run]['score']:.3f}" for run in ("first", "other"))
    text = brief(" | ".join(one["text"]), _LONGEST_TEXT)
    return f"  {before} to {after}: {text}  ({_where(one)})"


def _where(one: dict[str, Any]) -> str:
    """What tells a row: predictions may be without either."""
    if one["source"] is None or one["position"] is None:
        return f"id {one['id']}"
    return f"{one['source']}, line {one['position']:,}"


def _table(title: str, columns: int) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    for index in range(columns):
        table.add_column(_letter(index), overflow="fold")
    return table


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def render(found: Comparison) -> str:
    """The comparison as a self-contained HTML page."""
    template = page.environment().get_template("comparison.html.j2")
    return template.render(
        style=page.style(),
        found=found,
        flips=[_flips(change) for change in found.changes],
        letters=[_letter(index) for index in range(len(found.titles))],
    )


def _flips(change: LabelChanges | None) -> list[dict[str, str]]:
    return [
        {
            "before": f"{one['first']['label']} {one['first']['score']:.3f}",
            "after": f"{one['other']['label']} {one['other']['score']:.3f}",
            "right": one["right_label"] or "",
            "text": " | ".join(one["text"]),
            "where": _where(one),
        }
        for one in (change.examples if change else [])
    ]
