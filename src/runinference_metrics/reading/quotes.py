"""How quotes stand in a CSV file: doubled inside of cells, behind a backslash, or as any letter."""

import csv
import io

from runinference_metrics.reading import limits
from runinference_metrics.reading.csv_reader import reader
from runinference_metrics.reading.formats import DOUBLED, ESCAPED, LETTERS, Dialect

# Of these nearly all files with quoted cells show that quotes frame them.
_FIRST_LINES = 16


def quotes_of(sample: str, delimiter: str, whole: bool) -> str:
    """`DOUBLED`, `ESCAPED` or `LETTERS`.

    Args:
        sample: the beginning of a file, decoded.
        delimiter: what parts its columns.
        whole: whether that is the whole of it.
    """
    if '"' not in sample:
        return DOUBLED
    if _are_letters(sample, delimiter, whole):
        return LETTERS
    # Spark writes them behind a backslash.
    if '\\"' not in sample:
        return DOUBLED
    doubled, escaped = Dialect(delimiter), Dialect(delimiter, ESCAPED)
    return ESCAPED if _faults(sample, escaped, whole) < _faults(sample, doubled, whole) else DOUBLED


def _are_letters(sample: str, delimiter: str, whole: bool) -> bool:
    """Whether every line is a row when quotes mean nothing, and they do not frame cells.

    Such are the tables of GLUE, and what scripts join without a library: a cell that begins with a
    quote would swallow rows up to the next one that does.
    """
    if '""' in sample:
        # Nobody doubles a letter.
        return False
    delimiters = sample.partition("\n")[0].count(delimiter)
    # Most files end here, with a cell among the first ones that holds what parts others.
    if not delimiters or _differ(sample.split("\n", _FIRST_LINES)[:-1], delimiter, delimiters):
        return False
    lines = sample.split("\n") if whole else sample.split("\n")[:-1]
    if _differ(lines, delimiter, delimiters):
        return False
    framed = stray = 0
    # A last cell may be cut.
    for line in lines[: len(lines) - (2 if whole and not lines[-1] else 1)]:
        if '"' in line:
            for cell in line.rstrip("\r").split(delimiter):
                is_framed = len(cell) > 1 and cell[0] == cell[-1] == '"' and cell.count('"') == 2
                framed += is_framed
                stray += '"' in cell and not is_framed
    # Programs that part columns with tabs quote all that has a quote in it, or nothing at all.
    # Elsewhere one stray quote is a slip.
    return stray > (0 if delimiter == "\t" else max(1, framed))


def _differ(lines: list[str], delimiter: str, delimiters: int) -> bool:
    return any(line.count(delimiter) != delimiters and line.strip() for line in lines)


def _faults(sample: str, dialect: Dialect, whole: bool) -> int:
    """How many rows of a sample break the dialect's rules."""
    csv.field_size_limit(limits.MAX_ROW_BYTES)
    rows = reader(io.StringIO(sample, newline=""), dialect, strict=True)
    faults, columns = 0, 0
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return faults
        except csv.Error as error:
            # A sample that ends inside a cell breaks no rule.
            faults += whole or "unexpected end" not in str(error)
            continue
        columns = columns or len(row)
        faults += bool(row) and len(row) != columns
