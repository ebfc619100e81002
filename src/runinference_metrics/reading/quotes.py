"""How quotes stand in a CSV file: doubled, escaped, behind a blank, or as a letter like others."""

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from runinference_metrics.reading import limits
from runinference_metrics.reading.formats import Dialect

# Rows that are looked at: enough to tell chance from habit.
_MOST_ROWS = 20

Rows = list[list[str]]


def reader(lines: Iterable[str], dialect: Dialect, strict: bool) -> Any:
    """Python's reader for a dialect."""
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        doublequote=not dialect.escape,
        escapechar=dialect.escape or None,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        skipinitialspace=dialect.blanks,
        strict=strict,
    )


def rows_of(sample: str, dialect: Dialect, whole: bool, most: int = _MOST_ROWS) -> Rows:
    """The first rows of a sample, blank ones empty; without a last one that may be cut.

    Args:
        sample: the beginning of a file, from `first_line` on.
        dialect: how it is written.
        whole: whether the sample is the whole of the file.
        most: the most rows.
    """
    csv.field_size_limit(limits.MAX_ROW_BYTES)
    found: Rows = []
    for row in reader(io.StringIO(sample, newline=""), dialect, strict=False):
        if len(found) == most:
            return found
        found.append(row)
    return found if whole else found[:-1]


def with_quotes(sample: str, dialect: Dialect, whole: bool) -> Dialect:
    """The dialect, with how its quotes stand.

    Args:
        sample: the beginning of a file, from its header on.
        dialect: what parts the columns.
        whole: whether the sample is the whole of the file.
    """
    delimiter = dialect.delimiter
    if all(_wrapped(cell, "'") for cell in sample.partition("\n")[0].split(delimiter)):
        return replace(dialect, quote="'")
    if '"' not in sample and f"\\{delimiter}" not in sample:
        return dialect
    if not whole:
        # A last line that is cut breaks rules which the file does not.
        sample = sample[: sample.rfind("\n") + 1]
    doubled, rows = _faults(sample, dialect, whole)
    if '\\"' in sample or f"\\{delimiter}" in sample:
        escaped = replace(dialect, escape="\\")
        found, others = _faults(sample, escaped, whole)
        # Who doubles quotes puts a cell with one into quotes, so \" within no quotes is an escape.
        if found < doubled or (found == doubled and len(others) == len(rows) and '\\"' in sample):
            return escaped
    if f'{delimiter} "' in sample:
        blanks = replace(dialect, blanks=True)
        found, _ = _faults(sample, blanks, whole)
        quoted = any(cell.startswith(' "') for row in rows for cell in row)
        if found < doubled or (found == doubled and quoted):
            return blanks
    plain = replace(dialect, quote="")
    # Between tabs a quote may be a letter like others; in files with commas it is a mistake.
    if doubled and delimiter == "\t" and _is_plain(sample) and not _faults(sample, plain, whole)[0]:
        return plain
    return dialect


def _is_plain(sample: str) -> bool:
    """Whether no cell between tabs looks as if a program had put it into quotes.

    A program doubles quotes inside of them, and those that quote all quote the names as well.
    """
    first, *others = (line.rstrip("\r").split("\t") for line in sample.split("\n"))
    return not any(map(_wrapped, first)) and not any(
        '""' in cell[1:-1] for cells in others for cell in cells if _wrapped(cell)
    )


def _wrapped(cell: str, quote: str = '"') -> bool:
    cell = cell.rstrip("\r")
    return len(cell) > 1 and cell[0] == cell[-1] == quote


def _faults(sample: str, dialect: Dialect, whole: bool) -> tuple[int, Rows]:
    """How many rows of a sample break the dialect's rules, and the others."""
    csv.field_size_limit(limits.MAX_ROW_BYTES)
    rows = reader(io.StringIO(sample, newline=""), dialect, strict=True)
    lines = sample.split("\n")
    faults, columns = 0, 0
    good: Rows = []
    while True:
        first = rows.line_num
        try:
            row = next(rows)
        except StopIteration:
            return faults, good
        except csv.Error as error:
            # A sample that ends inside a cell breaks no rule.
            faults += whole or "unexpected end" not in str(error)
            continue
        columns = columns or len(row)
        faulty = bool(row) and len(row) != columns
        if faulty or joined(lines[first : rows.line_num], dialect, columns):
            faults += 1
        else:
            good.append(row)


def joined(lines: list[str], dialect: Dialect, columns: int) -> bool:
    """Whether the lines that a quote holds together are rows of their own.

    In tab-separated files a quote may be a letter like others: one at the beginning of a text
    then swallows rows up to the next one.
    """
    return (
        len(lines) > 1
        and dialect.delimiter == "\t"
        and columns > 1
        and all(line.count("\t") == columns - 1 for line in lines)
    )
