"""Whether a run's rows and files are all accounted for, and few enough of them were lost."""

from dataclasses import dataclass

from runinference_metrics.errors import RunFailed, brief
from runinference_metrics.metrics.files import Files
from runinference_metrics.metrics.summary import Summary

# So many dead letters can be looked at one by one: a small input with a few bad rows is no failure.
TOLERATED_DEAD_LETTERS = 10
# Reasons named when a run fails by its dead letters.
_NAMED_REASONS = 3
# Files named when a run fails by them, and how much is said of each: a few lines of a terminal.
_NAMED_FILES = 3
_LONGEST_PATH = 120
_LONGEST_DETAIL = 120


@dataclass(frozen=True)
class Limits:
    """How much of its input a run may lose.

    Args:
        max_failure_rate: the largest share of dead letters among the rows that are not blank. Up to
            `TOLERATED_DEAD_LETTERS` are let pass, unless it is 0.
        max_failed_files: the most files that could not be read to their end, or gave no record.
    """

    max_failure_rate: float
    max_failed_files: int


def reconcile(summary: Summary) -> None:
    """Raises RunFailed unless every row and every file is accounted for."""
    reconcile_rows(summary.read, summary.predicted, summary.dead_letters.total(), summary.blank)
    files = summary.files
    reconcile_files(files.found, files.read, files.skipped.total(), files.failed.total())


def reconcile_rows(read: int, predicted: int, dead_lettered: int, blank: int) -> None:
    """Raises RunFailed unless every row that was read is accounted for."""
    missing = read - predicted - dead_lettered - blank
    if missing:
        raise RunFailed(
            f"The run lost count: {read:,} rows read, but {predicted:,} predicted + "
            f"{dead_lettered:,} dead-lettered + {blank:,} blank, {_too_few(missing)}."
        )


def reconcile_files(found: int, read: int, skipped: int, failed: int) -> None:
    """Raises RunFailed unless every file that was found is accounted for."""
    missing = found - read - skipped - failed
    if missing:
        raise RunFailed(
            f"The run lost count: {found:,} files found, but {read:,} read + {skipped:,} skipped "
            f"+ {failed:,} failed, {_too_few(missing)}."
        )


def _too_few(missing: int) -> str:
    return f"{abs(missing):,} too {'few' if missing > 0 else 'many'}"


def check(summary: Summary, limits: Limits) -> None:
    """Raises RunFailed when the run lost more than it may, or predicted nothing of its input."""
    check_failed_files(summary.files, limits.max_failed_files)
    check_failure_rate(summary, limits.max_failure_rate)
    check_predicted(summary)


def failure(summary: Summary, limits: Limits) -> RunFailed | None:
    """The error of a run that lost more than it may; None for any other run."""
    try:
        check(summary, limits)
    except RunFailed as error:
        return error
    return None


def check_failed_files(files: Files, max_failed_files: int) -> None:
    """Raises RunFailed when more files were lost than `Limits` says."""
    failed = files.failed.total()
    if failed <= max_failed_files:
        return
    worst = [one for one in files.worst if one["failed"]][:_NAMED_FILES]
    named = "; ".join(
        f"{brief(one['path'], _LONGEST_PATH)} ({one['reason']}: "
        f"{brief(one['detail'], _LONGEST_DETAIL)})"
        for one in worst
    )
    left = f"; and {failed - len(worst):,} more" if failed > len(worst) else ""
    raise RunFailed(
        f"{failed:,} of {files.found:,} {_files(files.found)} could not be read to the end, or "
        f"gave no row that could be read, more than --max_failed_files={max_failed_files} allows: "
        f"{named}{left}. All results are written: mend these files, or allow for them."
    )


def check_failure_rate(summary: Summary, max_failure_rate: float) -> None:
    """Raises RunFailed when more rows got no prediction than `Limits` says."""
    dead, rows = summary.dead_letters.total(), summary.read - summary.blank
    tolerated = TOLERATED_DEAD_LETTERS if max_failure_rate else 0
    if dead <= tolerated or dead <= max_failure_rate * rows:
        return
    raise RunFailed(
        f"{dead:,} of {rows:,} rows ({dead / rows:.1%}) got no prediction, more than "
        f"--max_failure_rate={max_failure_rate:g} allows: {_reasons(summary)}. All results are "
        "written; see the dead letters."
    )


def check_predicted(summary: Summary) -> None:
    """Raises RunFailed when nothing was predicted of rows, or files, that there were.

    No limit allows it.
    """
    files = summary.files
    if files.found == files.skipped.total() and not summary.read:
        # A run starts with one at least.
        raise RunFailed(
            "Nothing was predicted: the files of --input were there at the start, and none of "
            "them when they were to be read. See what moves or deletes them, then run again."
        )
    if summary.predicted or not summary.read:
        return
    rows = summary.read - summary.blank
    if not rows:
        raise RunFailed(
            f"Nothing was predicted: all {summary.read:,} rows are blank. See which field holds "
            "the text with `check`, and name it with --text_field."
        )
    raise RunFailed(
        f"Nothing was predicted: none of {rows:,} {'row' if rows == 1 else 'rows'} got a "
        f"prediction: {_reasons(summary)}. See the dead letters."
    )


def nothing_to_predict(summary: Summary) -> str:
    """A sentence on a run without a single row, which is no failure; "" for any other run."""
    if summary.read:
        return ""
    files = summary.files
    return (
        f"Nothing was predicted: of {files.found:,} {_files(files.found)}, {files.empty:,} hold "
        f"no row, and {files.skipped.total():,} were skipped as no data."
    )


def _reasons(summary: Summary) -> str:
    by_reason = sorted(summary.dead_letters.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{reason} {count:,}" for reason, count in by_reason[:_NAMED_REASONS])
    more = len(by_reason) - _NAMED_REASONS
    return f"{named} and {more} more" if more > 0 else named


def _files(number: int) -> str:
    return "file" if number == 1 else "files"
