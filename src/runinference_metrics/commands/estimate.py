"""`estimate`: what a whole input would take and cost, before it is paid for."""

from collections.abc import Sequence

import orjson

from runinference_metrics.errors import UserError
from runinference_metrics.options.addresses import place
from runinference_metrics.options.command_line import Parser, parse

# An hour on the slowest processor that was measured; whoever asks for more wants a run.
_MOST_TEXTS = 1_000_000


def main(argv: Sequence[str]) -> None:
    """`estimate --input=… [--classify=N] [--runs=…] [any of run's flags]`: foretells a run.

    Raises:
        UserError: a flag is wrong, or the input.
        RunFailed: the sample cannot be classified.
    """
    own = Parser(add_help=False, allow_abbrev=False)
    own.add_argument(
        "--classify",
        metavar="TEXTS",
        default="0",
        help="classify so many texts of the sample here, to know how fast that is (default: 0)",
    )
    own.add_argument(
        "--runs",
        metavar="FOLDERS",
        default="",
        help="comma-separated output folders of runs of the same model, whose speed is taken for "
        "machines like theirs",
    )
    own.add_argument("--json", type=place("json"), help="write the figures to this file too")
    given, rest = own.parse_known_args(list(argv))
    settings, beam_arguments = parse(rest, "estimate", ("output",), [own])
    classify = _classify(given.classify)
    # Beam and torch take seconds to import: not before the parameters are known to be right.
    from runinference_metrics.report.forecast import print_forecast
    from runinference_metrics.running.estimate import Asked, estimate
    from runinference_metrics.writing import documents

    runs = [one.strip() for one in given.runs.split(",") if one.strip()]
    found = estimate(Asked(settings, beam_arguments, classify, runs))
    print_forecast(found)
    if given.json:
        documents.write_file(given.json, orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n",
                             "application/json")  # fmt: skip
        print(f"Written to {given.json}")


def _classify(given: str) -> int:
    if given.isdecimal() and int(given) <= _MOST_TEXTS:
        return int(given)
    raise UserError("classify", f"a number of texts from 0 to {_MOST_TEXTS:,}", repr(given))
