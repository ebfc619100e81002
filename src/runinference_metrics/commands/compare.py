"""`compare`: two or more runs side by side, their figures and their labels."""

from collections.abc import Iterator, Sequence
from typing import Any

from runinference_metrics.commands import flips
from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.options.addresses import place
from runinference_metrics.options.command_line import Parser
from runinference_metrics.report.comparison import compare
from runinference_metrics.report.comparison_table import print_comparison, render
from runinference_metrics.report.label_changes import LabelChanges
from runinference_metrics.writing import documents

# So many predictions of a run are read without being asked to: seconds, and some 40 MB.
_MOST_UNASKED = 1_000_000


def main(argv: Sequence[str]) -> None:
    """`compare A B [C…]`: prints runs side by side, and writes a page if asked.

    Raises:
        UserError: fewer than two runs, or one that cannot be read.
        RunFailed: predictions cannot be read.
    """
    parser = Parser(
        prog="runinference_metrics compare",
        description="Compare two or more runs; the first is what the others are compared with.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "RUN", nargs="+", type=place("RUN"), help="output folders, or their metrics.json"
    )
    parser.add_argument(
        "--html", type=place("html"), help="also write the comparison to this HTML file"
    )
    parser.add_argument(
        "--labels",
        choices=("auto", "yes", "no"),
        default="auto",
        help=f"compare the labels row by row; auto: where a run has up to {_MOST_UNASKED:,} "
        "predictions",
    )
    parser.add_argument(
        "--flips",
        type=place("flips"),
        help="write the rows with another label than in the first run to this file, as JSON lines",
    )
    given = parser.parse_args(list(argv))
    runs = given.RUN
    if len(runs) < 2:
        raise UserError("RUN", "two or more runs", "one")
    if given.flips and (len(runs) > 2 or given.labels == "no"):
        raise UserError("flips", "a file with two runs, whose labels are compared", given.flips)
    found = [documents.read(run, "RUN") for run in runs]
    asked = given.labels == "yes" or bool(given.flips)
    changes: list[LabelChanges | None] = []
    warnings = []
    for run, document in zip(runs[1:], found[1:], strict=True):
        if given.labels == "no" or not (asked or _is_small(found[0], document)):
            changes.append(None)
            continue
        try:
            change, rows = _changes(runs[0], run, asked)
        except UserError as error:
            if asked:
                raise
            warnings.append(f"Labels are not compared row by row: {error.got}.")
            change, rows = None, iter(())
        changes.append(change)
        if given.flips:
            documents.write_lines(given.flips, rows)
    comparison = compare(found, runs, changes)
    comparison.warnings.extend(warnings)
    print_comparison(comparison)
    if given.flips:
        print(f"Rows with another label are written to {given.flips}")
    if given.html:
        documents.write_page(given.html, render(comparison))
        print(f"Written to {given.html}")


def _is_small(*found: dict[str, Any]) -> bool:
    return all(one["records"]["predicted"] <= _MOST_UNASKED for one in found)


def _changes(
    first: str, other: str, asked: bool
) -> tuple[LabelChanges | None, Iterator[dict[str, Any]]]:
    """What became of the labels; None where there are no predictions and nobody insists."""
    try:
        without = [run for run in (first, other) if not flips.has_predictions(run)]
        if not without:
            return flips.changes(first, other)
    except OSError as error:
        raise RunFailed(f"The predictions of {first} or {other} cannot be read: {error}") from error
    if asked:
        raise UserError("RUN", "output folders with their predictions", repr(without[0]))
    return None, iter(())
