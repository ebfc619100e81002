"""Python's reader of CSV, for a dialect."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from runinference_metrics.reading import limits
from runinference_metrics.reading.formats import ESCAPED, LETTERS, SINGLE, Dialect

# Rows that are looked at: enough to tell chance from habit.
_MOST_ROWS = 20

Rows = list[list[str]]


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
        quotechar="'" if dialect.quotes == SINGLE else '"',
        skipinitialspace=dialect.blanks,
        quoting=csv.QUOTE_NONE if dialect.quotes == LETTERS else csv.QUOTE_MINIMAL,
        strict=strict,
    )


def sample_reader(sample: str, dialect: Dialect, strict: bool = False) -> Any:
    """The same for the beginning of a file."""
    # The program's limit, but that a sample is never beyond it.
    csv.field_size_limit(max(limits.MAX_ROW_BYTES, len(sample) + 1))
    return reader(io.StringIO(sample, newline=""), dialect, strict)


def rows_of(sample: str, dialect: Dialect, whole: bool, most: int = _MOST_ROWS) -> Rows:
    """The first rows of a sample, blank ones empty; without a last one that may be cut.

    Args:
        sample: the beginning of a file, from `first_line` on.
        dialect: how it is written.
        whole: whether the sample is the whole of the file.
        most: the most rows.
    """
    found: Rows = []
    for row in sample_reader(sample, dialect):
        if len(found) == most:
            return found
        found.append(row)
    return found if whole else found[:-1]
