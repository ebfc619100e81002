"""A comparison as a table for a terminal, and as a page."""

from rich import box
from rich.console import Console
from rich.table import Table

from runinference_metrics.report import page
from runinference_metrics.report.comparison import Comparison


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
        letters=[_letter(index) for index in range(len(found.titles))],
    )
