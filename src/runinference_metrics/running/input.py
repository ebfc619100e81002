"""The input before a run starts: which files there are, and that no result becomes input."""

import contextlib
import fnmatch
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import cache

from runinference_metrics.dataflow.refusals import refused
from runinference_metrics.errors import UserError, first_line
from runinference_metrics.reading.listing import CannotList, Listed, listed
from runinference_metrics.reading.patterns import Pattern
from runinference_metrics.writing.folder import DEAD_LETTERS, PREDICTIONS, RESULT_PATTERNS

# Listing a folder takes less, and who waits longer wonders. Google's client gives up after two
# minutes and says nothing meanwhile.
PATIENCE_SECS = 10.0


def check_input(given: Sequence[str], output: str, output_format: str = "jsonl") -> Listed:
    """The files to classify.

    Args:
        given: the patterns that the user gave.
        output: the output folder, whose results must not become input; "" if there is none yet.
        output_format: that of predictions.

    Raises:
        UserError: a pattern matches nothing, a file that cannot be read, or results.
    """
    try:
        with _told_when_slow():
            found = listed(given, output)
    except CannotList as error:
        why = why_not(error.__cause__ or error)
        got = f"{error.given!r}: {why}"
        raise UserError("input", "patterns that can be listed", got) from error
    if output:
        _check_apart(found, output, output_format)
    return found


@contextlib.contextmanager
def _told_when_slow() -> Iterator[None]:
    """Says why nothing happens, if a bucket does not answer."""
    line = (
        "Input: still being listed. A bucket that does not answer is asked again for two minutes: "
        "is there a network?"
    )
    timer = threading.Timer(PATIENCE_SECS, lambda: print(line, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def why_not(error: BaseException) -> str:
    """Why a place cannot be listed or read, in a few words."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename!r}: {error.strerror}"
    return str(refused(error) or first_line(error))


def _check_apart(found: Listed, output: str, output_format: str) -> None:
    """Raises UserError when the input is results in the output folder, or would be at a re-run."""
    takes = "patterns that match no results in --output"
    folder = absolute(output)
    place_of = cache(absolute)
    for file in found.files:
        place, name = os.path.split(file.path)
        if is_result(name) and place_of(place) == folder:
            given = next(one.given for one in found.patterns if one.matches(file.path))
            raise UserError("input", takes, f"{given!r}, which matches {file.path!r}")
    for pattern in found.patterns:
        for name in (f"{PREDICTIONS}-00000-of-00001.{output_format}",
                     f"{DEAD_LETTERS}-00000-of-00001.jsonl"):  # fmt: skip
            result = f"{folder}/{name}"
            if would_read(pattern, result):
                got = f"{pattern.given!r}, which would match {result!r}"
                raise UserError("input", takes, got)


def is_result(name: str) -> bool:
    """Whether a file of this name in the output folder is a run's result."""
    return any(fnmatch.fnmatchcase(name, one) for one in RESULT_PATTERNS)


def would_read(pattern: Pattern, result: str) -> bool:
    """Whether a file would be input if it were there; its path has no links in it."""
    root = pattern.root
    if "://" not in root:
        # As far as no wildcard stands in it, the pattern's folder may be called otherwise.
        folder = root[: root.rfind("/") + 1]
        real = f"{os.path.realpath(folder or '.').rstrip('/')}/"
        if not result.startswith(real):
            return False
        result = folder + result[len(real) :]
    return pattern.matches(result) and not pattern.skips(result)


def absolute(path: str) -> str:
    """A path that means the same everywhere, without links in it."""
    return path.rstrip("/") if "://" in path else os.path.realpath(path)
