"""Python's reader of CSV, for a dialect."""

import csv
from collections.abc import Iterable
from typing import Any

from runinference_metrics.reading.formats import ESCAPED, LETTERS, Dialect


def reader(lines: Iterable[str], dialect: Dialect, strict: bool) -> Any:
    """Python's reader for a dialect.

    Args:
        lines: the lines, each with what ends it.
        dialect: how they are written.
        strict: whether broken quotes raise csv.Error.
    """
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        doublequote=dialect.quotes != ESCAPED,
        escapechar="\\" if dialect.quotes == ESCAPED else None,
        quoting=csv.QUOTE_NONE if dialect.quotes == LETTERS else csv.QUOTE_MINIMAL,
        strict=strict,
    )
