"""The history of runs before a run starts, and after a job elsewhere."""

import os
from typing import Any

from runinference_metrics.bigquery.addresses import is_table
from runinference_metrics.errors import RunFailed, UserError, both
from runinference_metrics.metrics.history import past_run
from runinference_metrics.options.settings import Settings
from runinference_metrics.reading.listing import Listed
from runinference_metrics.running import input
from runinference_metrics.writing import history

_FLAG = "history"


def check(settings: Settings, listed: Listed | None) -> None:
    """Checks that the run will be able to add its line, as far as that can be known.

    Args:
        settings: the parameters.
        listed: the input; None where that is not known.

    Raises:
        UserError: the file is none, is something else, or would be input or a result of a run.
    """
    path = settings.history
    if not path or is_table(path):
        return
    folder, name = os.path.split(input.absolute(path))
    if settings.output and folder == input.absolute(settings.output) and input.is_result(name):
        takes = "a file that is no result in --output, such as one named runs.jsonl"
        raise UserError(_FLAG, takes, repr(path))
    for pattern in listed.patterns if listed else ():
        if input.would_read(pattern, input.absolute(path)):
            takes = "a file that no pattern of --input matches"
            raise UserError(_FLAG, takes, f"{path!r}, which {pattern.given!r} matches")
    check_file(path)


def check_file(path: str) -> None:
    """Raises UserError when no line can be added to a file, as far as that can be known."""
    _check_content(path)
    if "://" not in path:
        _check_writable(path)


def _check_content(path: str) -> None:
    if os.path.isdir(path):
        raise UserError(_FLAG, "a .jsonl file", f"{path!r}, which is a folder")
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(_FLAG, "a .jsonl file", f"{path!r}, which is a device or a pipe")
    try:
        found = history.beginning(path)
    except Exception as error:
        got = f"{path!r}: {input.why_not(error)}"
        raise UserError(_FLAG, "a file that can be read and written", got) from error
    if found is None:
        return
    runs, size = found
    if runs.damaged and not runs.runs:
        takes = "a file that is not there yet, or one with lines of earlier runs"
        raise UserError(_FLAG, takes, f"{path!r}, in which something else is")
    if size > history.MOST_BYTES:
        takes = f"a file of up to {history.MOST_BYTES >> 20} MiB: begin a new one"
        raise UserError(_FLAG, takes, f"{path!r} with {size >> 20:,} MiB")


def _check_writable(path: str) -> None:
    """Raises UserError when neither the file nor the folder in which it would be may be written."""
    place = os.path.realpath(path)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if os.path.isfile(place) and place != os.path.realpath(path):
        raise UserError(_FLAG, "a file in a folder", f"{path!r}, but {place!r} is a file")
    if not os.access(place, os.W_OK):
        takes = "a file that can be written"
        raise UserError(_FLAG, takes, f"{path!r}, but {place!r} may not be written to")


def check_added(path: str, document: dict[str, Any], failed: RunFailed | None) -> None:
    """Raises RunFailed when a job's line is not in its history, as this machine sees it.

    Args:
        path: the history.
        document: the content of metrics.json.
        failed: why the job failed, if it did.
    """
    run = past_run(document)
    try:
        found = any(one.key == run.key for one in history.read(path, _FLAG).runs)
    except UserError:
        found = False
    if not found:
        raise both(failed, RunFailed(
            f"The job's line is not in {path} here: its workers wrote it to a disk of their own. "
            f"Add it with `report {run.output} --history={path}`; next time take a --history that "
            "they share with this machine, such as one in a bucket."
        ))  # fmt: skip
