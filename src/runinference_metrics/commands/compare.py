"""`compare`: two or more runs side by side."""

from collections.abc import Sequence

from runinference_metrics.errors import UserError
from runinference_metrics.options.addresses import place
from runinference_metrics.options.command_line import Parser
from runinference_metrics.report.comparison import compare
from runinference_metrics.report.comparison_table import print_comparison, render
from runinference_metrics.writing import documents


def main(argv: Sequence[str]) -> None:
    """`compare A B [C…]`: prints runs side by side, and writes a page if asked.

    Raises:
        UserError: fewer than two runs, or one that cannot be read.
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
    given = parser.parse_args(list(argv))
    if len(given.RUN) < 2:
        raise UserError("RUN", "two or more runs", "one")
    found = compare([documents.read(run, "RUN") for run in given.RUN], given.RUN)
    print_comparison(found)
    if given.html:
        documents.write_page(given.html, render(found))
        print(f"Written to {given.html}")
