"""How quotes stand in a CSV file: doubled inside of cells, behind a backslash, or as any letter."""

import csv
from dataclasses import replace

from runinference_metrics.reading.csv_reader import Rows, sample_reader
from runinference_metrics.reading.formats import DOUBLED, ESCAPED, LETTERS, SINGLE, Dialect

# Of these nearly all files with quoted cells show that quotes frame them.
_FIRST_LINES, _FIRST_BYTES = 16, 1 << 11


def quotes_of(sample: str, delimiter: str, whole: bool) -> str:
    """`DOUBLED`, `ESCAPED`, `LETTERS` or `SINGLE`.

    Args:
        sample: the beginning of a file, decoded.
        delimiter: what parts its columns.
        whole: whether that is the whole of it.
    """
    if sample.startswith("'") and _are_single(sample.partition("\n")[0], delimiter):
        return SINGLE
    is_escape = "\\" in sample and (f"\\{delimiter}" in sample or '\\"' in sample)
    if '"' not in sample and not is_escape:
        return DOUBLED
    # Between commas a cell of several lines may look the same: there they are letters only where
    # the other reading breaks a rule.
    if _are_letters(sample, delimiter, whole) and (
        delimiter == "\t" or _faults(sample, Dialect(delimiter), whole)[0]
    ):
        return LETTERS
    # Spark writes them behind a backslash, and pandas delimiters too, where it quotes nothing.
    if not is_escape:
        return DOUBLED
    doubled, others = _faults(sample, Dialect(delimiter), whole)
    escaped, rows = _faults(sample, Dialect(delimiter, ESCAPED), whole)
    # Who doubles quotes puts a cell with one into quotes: \" outside of any is no other's.
    alike = (
        doubled == escaped and len(others) == len(rows) and '\\"' in sample and '""' not in sample
    )
    return ESCAPED if escaped < doubled or alike else DOUBLED


def _are_single(header: str, delimiter: str) -> bool:
    cells = header.rstrip("\r").split(delimiter)
    return all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells)


def _are_letters(sample: str, delimiter: str, whole: bool) -> bool:
    """Whether every line is a row when quotes mean nothing, and they do not frame cells.

    Such are the tables of GLUE, and what scripts join without a library: a cell that begins with a
    quote would swallow rows up to the next one that does.
    """
    delimiters = sample.partition("\n")[0].count(delimiter)
    # Most files end here, with a cell among the first ones that holds what parts others.
    if not delimiters or _differ(sample.split("\n", _FIRST_LINES)[:-1], delimiter, delimiters):
        return False
    if '""' in sample:
        # Nobody doubles a letter.
        return False
    lines = sample.split("\n") if whole else sample.split("\n")[:-1]
    if _differ(lines, delimiter, delimiters):
        return False
    framed = stray = 0
    # A last cell may be cut.
    for line in lines[: len(lines) - (2 if whole and not lines[-1] else 1)]:
        if '"' in line:
            for cell in line.rstrip("\r").split(delimiter):
                if cell == '"':
                    # It begins or ends a cell of several lines; no text is a quote alone.
                    return False
                is_framed = len(cell) > 1 and cell[0] == cell[-1] == '"' and cell.count('"') == 2
                framed += is_framed
                stray += '"' in cell and not is_framed
    # Programs that part columns with tabs quote all that has a quote in it, or nothing at all.
    # Elsewhere one stray quote is a slip.
    return stray > (0 if delimiter == "\t" else max(1, framed))


def _differ(lines: list[str], delimiter: str, delimiters: int) -> bool:
    return any(line.count(delimiter) != delimiters and line.strip() for line in lines)


def has_blanks(sample: str, dialect: Dialect, whole: bool) -> bool:
    """Whether a blank stands between a delimiter and a cell in quotes, as people write it.

    Args:
        sample: the beginning of a file, decoded.
        dialect: how it is written, as far as known.
        whole: whether that is the whole of it.
    """
    # Who writes so does it from the first row on.
    if sample.find(f'{dialect.delimiter} "', 0, _FIRST_BYTES) < 0 or dialect.quotes == LETTERS:
        return False
    kept, rows = _faults(sample, dialect, whole)
    left_out, _ = _faults(sample, replace(dialect, blanks=True), whole)
    framed = any(cell.startswith(' "') and cell.endswith('"') for row in rows for cell in row)
    return left_out < kept or (left_out == kept and framed)


def _faults(sample: str, dialect: Dialect, whole: bool) -> tuple[int, Rows]:
    """How many rows of a sample break the dialect's rules, and the others."""
    rows = sample_reader(sample, dialect, strict=True)
    faults, columns = 0, 0
    good: Rows = []
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return faults, good
        except csv.Error as error:
            # A sample that ends inside a cell breaks no rule.
            faults += whole or "unexpected end" not in str(error)
            continue
        columns = columns or len(row)
        if row and len(row) != columns:
            faults += 1
        else:
            good.append(row)
