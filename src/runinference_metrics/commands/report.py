"""`report`: a run again, from its metrics.json or from what the Dataflow API knows of a job."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from runinference_metrics.errors import FlagError, UserError
from runinference_metrics.metrics.document import costs
from runinference_metrics.metrics.prices import Prices, Resources
from runinference_metrics.options.addresses import place
from runinference_metrics.options.command_line import Parser
from runinference_metrics.report import page
from runinference_metrics.report.table import print_table
from runinference_metrics.running import thresholds
from runinference_metrics.writing import documents
from runinference_metrics.writing.folder import REPORT_FILE, in_folder, make_folder


def main(argv: Sequence[str]) -> None:
    """`report FOLDER` or `report --job_id=…`: prints a run's table and writes report.html.

    Raises:
        UserError: there is nothing to report, or a flag is wrong.
        ThresholdsFailed: the run is not as good as it must be.
        RunFailed: the job's metrics cannot be had.
    """
    parser = Parser(
        prog="runinference_metrics report",
        description="Show a run again: from its metrics.json, or a Dataflow job's metrics.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "FOLDER", nargs="?", type=place("FOLDER"), help="an output folder, or its metrics.json"
    )
    parser.add_argument("--job_id", help="a Dataflow job's id; needs --project and --region")
    parser.add_argument("--project", help="the job's project")
    parser.add_argument("--region", help="the job's region")
    parser.add_argument(
        "--prices", type=place("prices"), help="a prices file, to say what the run cost"
    )
    parser.add_argument(
        "--thresholds",
        default="",
        help="what the run must keep to be good, as at `run`: exit code 3 if it does not",
    )
    parser.add_argument("--output", type=place("output"),
                        help="the folder for metrics.json and report.html of a job")  # fmt: skip
    parser.add_argument("--dataflow_endpoint", help="another address of the Dataflow API")
    given = parser.parse_args(list(argv))
    prices = _prices(given.prices)
    if bool(given.FOLDER) == bool(given.job_id):
        raise FlagError("report takes either an output folder or --job_id; got "
                        + ("both" if given.job_id else "neither"))  # fmt: skip
    kept = thresholds.Kept.given(given.thresholds)
    if given.job_id:
        document = _report_job(given, prices, kept)
    else:
        document = _report_folder(given.FOLDER, prices, kept)
    kept.check(document)


def _prices(path: str | None) -> Prices | None:
    return Prices.parse(documents.content(path, "prices"), path) if path else None


def _report_folder(source: str, prices: Prices | None, kept: thresholds.Kept) -> dict[str, Any]:
    document = documents.read(source)
    if prices:
        resources = Resources(**document["resources"])
        inferences = document["runinference"]["num_inferences"]
        document |= costs(resources, prices, inferences)
    document = kept.judged(document)
    folder = source if not source.endswith(".json") else os.path.dirname(source)
    _write_report(folder, document)
    print_table(document, in_folder(folder, REPORT_FILE))
    return document


def _report_job(
    given: argparse.Namespace, prices: Prices | None, kept: thresholds.Kept
) -> dict[str, Any]:
    for name in ("project", "region"):
        if not getattr(given, name):
            raise UserError(name, f"the {name} of the job", "nothing")
    # The API's client takes a second to import.
    from runinference_metrics.dataflow.job import read_job

    endpoint = given.dataflow_endpoint
    document = read_job(given.job_id, given.project, given.region, prices, endpoint)
    document = kept.judged(document)
    if given.output:
        make_folder(given.output)
        documents.write_metrics(given.output, document)
        _write_report(given.output, document)
    print_table(document, given.output or "metrics of the Dataflow API")
    return document


def _write_report(folder: str, document: dict[str, Any]) -> None:
    documents.write_page(in_folder(folder, REPORT_FILE), page.render(document))
