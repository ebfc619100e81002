"""`report`: a run again, from its metrics.json or from what the Dataflow API knows of a job."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from runinference_metrics.bigquery import clients
from runinference_metrics.bigquery.addresses import TableError, destination, is_table
from runinference_metrics.dataflow.refusals import refused
from runinference_metrics.errors import FlagError, UserError, first_line
from runinference_metrics.metrics.document import costs
from runinference_metrics.metrics.history import past_run
from runinference_metrics.metrics.prices import Prices, Resources
from runinference_metrics.options.addresses import place
from runinference_metrics.options.command_line import Parser
from runinference_metrics.report import history_table, page
from runinference_metrics.report.history import over_runs
from runinference_metrics.report.table import print_table
from runinference_metrics.running import history as history_at_launch
from runinference_metrics.running import thresholds
from runinference_metrics.writing import documents, history
from runinference_metrics.writing.folder import REPORT_FILE, in_folder, make_folder
from runinference_metrics.writing.runs_table import RunsTable


def main(argv: Sequence[str]) -> None:
    """`report FOLDER` or `report --job_id=…`: prints a run's table and writes report.html.

    `report HISTORY` prints and draws the runs of a history.

    Raises:
        UserError: there is nothing to report, or a flag is wrong.
        ThresholdsFailed: the run is not as good as it must be.
        RunFailed: the job's metrics cannot be had.
    """
    parser = Parser(
        prog="runinference_metrics report",
        description="Show a run again: from its metrics.json, or a Dataflow job's metrics. Or show "
        "the runs of a history over time.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "FOLDER", nargs="?", type=place("FOLDER", tables=True),
        help="an output folder, or its metrics.json; or a history, a .jsonl file or a table",
    )  # fmt: skip
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
    parser.add_argument(
        "--history",
        type=place("history", tables=True),
        help="add the run of FOLDER to this history, once",
    )
    parser.add_argument(
        "--html", type=place("html"), help="the page of a history (default: beside it)"
    )
    parser.add_argument("--dataflow_endpoint", help="another address of the Dataflow API")
    given = parser.parse_args(list(argv))
    of_history = (given.FOLDER or "").endswith(".jsonl") or is_table(given.FOLDER or "")
    _check_together(given, of_history)
    if of_history:
        _report_history(given.FOLDER, given.html)
        return
    if given.history and not is_table(given.history):
        history_at_launch.check_file(given.history)
    prices = _prices(given.prices)
    if bool(given.FOLDER) == bool(given.job_id):
        raise FlagError("report takes either an output folder or --job_id; got "
                        + ("both" if given.job_id else "neither"))  # fmt: skip
    kept = thresholds.Kept.given(given.thresholds)
    if given.job_id:
        document = _report_job(given, prices, kept)
    else:
        document = _report_folder(given.FOLDER, prices, kept)
        if given.history:
            _add(document, given.FOLDER, given.history)
    kept.check(document)


def _check_together(given: argparse.Namespace, of_history: bool) -> None:
    """Raises UserError for flags that say nothing of what is to be shown."""
    for flag in ("prices", "thresholds", "history", "output", "job_id") if of_history else ():
        if value := getattr(given, flag):
            takes = "an output folder as FOLDER" if flag != "job_id" else "no FOLDER beside it"
            raise UserError(flag, takes, f"{value!r} with the history {given.FOLDER!r}")
    if given.html and not of_history:
        takes = "a file where FOLDER is a history, a .jsonl file or a table"
        raise UserError("html", takes, f"{given.html!r}: the page of a run is report.html")
    if given.history and not (given.history.endswith(".jsonl") or is_table(given.history)):
        raise UserError("history", "a .jsonl file or a table", repr(given.history))
    if given.history and given.job_id:
        takes = "a run of FOLDER: the Dataflow API knows too little of a job for a line"
        raise UserError("history", takes, f"{given.history!r} with --job_id")


def _report_history(path: str, html: str | None) -> None:
    table = _runs_table(path, "FOLDER")
    try:
        found = table.read() if table else history.read(path, "FOLDER")
    except UserError:
        raise
    except Exception as error:
        why = refused(error) or first_line(error)
        raise UserError("FOLDER", "a table of runs that can be read", f"{path!r}: {why}") from error
    if not found.runs:
        got = f"{path!r}, in which there is no line of a run"
        raise UserError("FOLDER", "a history to which a run has added its line", got)
    beside = table.table.name if table else path.removesuffix(".jsonl")
    target = html or f"{beside}.html"
    shown = over_runs(found, path)
    documents.write_page(target, history_table.render(shown))
    history_table.print_history(shown, target)


def _add(document: dict[str, Any], folder: str, path: str) -> None:
    if document["run"]["source"] != "pipeline":
        takes = "a run whose metrics.json the run itself has written"
        raise UserError("history", takes, f"that of {folder!r}, which is of the Dataflow API")
    if table := _runs_table(path, "history"):
        table.add(past_run(document))
        print(f"Added to {path}, unless it was in it already")
        return
    added = history.append(path, past_run(document))
    print(f"{'Added to' if added else 'Already in'} {path}")


def _runs_table(path: str, flag: str) -> RunsTable | None:
    """The table of runs that an address means; None where it is a file's."""
    try:
        found = destination(path)
    except TableError as error:
        raise UserError(flag, error.takes, error.got) from None
    if found is None:
        return None
    return RunsTable(found.table, clients.own_project() or found.table.project)


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
