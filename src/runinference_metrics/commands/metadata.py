"""The commands beside `run`: `report`, `compare`, `verify`, `metadata` and `template`."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from runinference_metrics.commands import recount as verify
from runinference_metrics.environment import IMAGE_VARIABLE
from runinference_metrics.errors import FlagError, RunFailed, UserError
from runinference_metrics.metrics import document as metrics
from runinference_metrics.metrics.prices import Prices, Resources
from runinference_metrics.options import metadata
from runinference_metrics.options.command_line import Parser
from runinference_metrics.redaction import redact
from runinference_metrics.report import comparison
from runinference_metrics.report import page as report_html
from runinference_metrics.report import table as report
from runinference_metrics.running import checks
from runinference_metrics.writing import documents
from runinference_metrics.writing.shards import (
    DEAD_LETTERS,
    PREDICTIONS,
    REPORT_FILE,
    in_folder,
    write_metrics,
    write_whole,
)


def run_report(argv: Sequence[str]) -> None:
    """`report FOLDER` or `report --job_id=…`: prints a run's table and writes report.html.

    Raises:
        UserError: there is nothing to report, or a flag is wrong.
        RunFailed: the job's metrics cannot be had.
    """
    parser = Parser(
        prog="runinference_metrics report",
        description="Show a run again: from its metrics.json, or a Dataflow job's metrics.",
        allow_abbrev=False,
    )
    parser.add_argument("FOLDER", nargs="?", help="an output folder, or its metrics.json")
    parser.add_argument("--job_id", help="a Dataflow job's id; needs --project and --region")
    parser.add_argument("--project", help="the job's project")
    parser.add_argument("--region", help="the job's region")
    parser.add_argument("--prices", help="a prices file, to say what the run cost")
    parser.add_argument("--output", help="the folder for metrics.json and report.html of a job")
    parser.add_argument("--dataflow_endpoint", help="another address of the Dataflow API")
    given = parser.parse_args(list(argv))
    prices = _prices(given.prices)
    if bool(given.FOLDER) == bool(given.job_id):
        raise FlagError("report takes either an output folder or --job_id; got "
                        + ("both" if given.job_id else "neither"))  # fmt: skip
    if given.job_id:
        _report_job(given, prices)
    else:
        _report_folder(given.FOLDER, prices)


def _prices(path: str | None) -> Prices | None:
    return Prices.parse(checks.content(path, "prices"), path) if path else None


def _report_folder(place: str, prices: Prices | None) -> None:
    document = documents.read(place)
    if prices:
        resources = Resources(**document["resources"])
        inferences = document["runinference"]["num_inferences"]
        document |= metrics.costs(resources, prices, inferences)
    folder = place if not place.endswith(".json") else os.path.dirname(place)
    _write_report(folder, document)
    report.print_table(document, in_folder(folder, REPORT_FILE))


def _report_job(given: argparse.Namespace, prices: Prices | None) -> None:
    for name in ("project", "region"):
        if not getattr(given, name):
            raise UserError(name, f"the {name} of the job", "nothing")
    # The API's client takes a second to import.
    from runinference_metrics.dataflow.job import read_job

    endpoint = given.dataflow_endpoint
    document = read_job(given.job_id, given.project, given.region, prices, endpoint)
    if given.output:
        checks.make_folder(given.output)
        write_metrics(given.output, document)
        _write_report(given.output, document)
    report.print_table(document, given.output or "metrics of the Dataflow API")


def _write_report(folder: str, document: dict[str, Any]) -> None:
    path = in_folder(folder, REPORT_FILE)
    _write(path, report_html.render(document))


def _write(path: str, page: str) -> None:
    try:
        write_whole(path, page.encode(), "text/html")
    except Exception as error:
        raise RunFailed(f"{path} cannot be written: {error}") from error


def run_compare(argv: Sequence[str]) -> None:
    """`compare A B [C…]`: prints runs side by side, and writes a page if asked.

    Raises:
        UserError: fewer than two runs, or one that cannot be read.
    """
    parser = Parser(
        prog="runinference_metrics compare",
        description="Compare two or more runs; the first is what the others are compared with.",
        allow_abbrev=False,
    )
    parser.add_argument("RUN", nargs="+", help="output folders, or their metrics.json")
    parser.add_argument("--html", help="also write the comparison to this HTML file")
    given = parser.parse_args(list(argv))
    if len(given.RUN) < 2:
        raise UserError("RUN", "two or more runs", "one")
    found = comparison.compare([documents.read(place, "RUN") for place in given.RUN], given.RUN)
    comparison.print_comparison(found)
    if given.html:
        _write(given.html, comparison.render(found))
        print(f"Written to {given.html}")


def run_verify(argv: Sequence[str]) -> None:
    """`verify FOLDER`: recounts a folder's shards against its metrics.json.

    Raises:
        UserError: there is no metrics.json that can be read.
        RunFailed: the shards are not what metrics.json says.
    """
    parser = Parser(
        prog="runinference_metrics verify",
        description="Count an output folder's shards again, and compare with its metrics.json.",
        allow_abbrev=False,
    )
    parser.add_argument("FOLDER", help="an output folder, local or gs://")
    folder = parser.parse_args(list(argv)).FOLDER
    document, found = verify.verify(folder)
    records = document["records"]
    print(
        f"metrics.json: {records['read']:,} rows read = {records['predicted']:,} predicted + "
        f"{records['dead_lettered']:,} dead-lettered + {records['blank']:,} blank\n"
        f"shards: {found.predictions:,} predictions in {found.shards[PREDICTIONS]:,}, "
        f"{found.dead_letters:,} dead letters in {found.shards[DEAD_LETTERS]:,}"
    )
    for difference in found.differences:
        print(redact(f"difference: {difference}"))
    if found.differences:
        count = len(found.differences)
        raise RunFailed(f"{folder} is not what its metrics.json says: "
                        f"{count:,} {'difference' if count == 1 else 'differences'}")  # fmt: skip
    print("The shards are complete, agree with metrics.json, and hold no row twice.")


def run_metadata(argv: Sequence[str]) -> None:
    """`metadata`: prints the template's metadata.json.

    Raises:
        RunFailed: the parameters make one that the service would not take.
    """
    Parser(prog="runinference_metrics metadata", allow_abbrev=False).parse_args(list(argv))
    _check_metadata()
    print(metadata.as_text(metadata.template()), end="")


def run_template(argv: Sequence[str]) -> None:
    """`template`: prints the template's file, which `gs://…` takes and gcloud launches from.

    Raises:
        UserError: no image is known.
        RunFailed: the parameters make one that the service would not take.
    """
    parser = Parser(
        prog="runinference_metrics template",
        description="Print the template's file: image, parameters and the workers' image.",
        allow_abbrev=False,
    )
    parser.add_argument("--image", help="the image (default: the one that this runs in)")
    image = parser.parse_args(list(argv)).image or os.environ.get(IMAGE_VARIABLE)
    if not image:
        raise UserError("image", "the name of an image", "nothing, and this is no image")
    _check_metadata()
    print(metadata.as_text(metadata.spec(image)), end="")


def _check_metadata() -> None:
    found = metadata.faults(metadata.template())
    if found:
        raise RunFailed(f"metadata.json is wrong: {'; '.join(found)}")
