"""How a CSV file is written: what parts its columns, where its header is."""

import csv
import io
import re
from collections.abc import Sequence

from runinference_metrics.reading import limits
from runinference_metrics.reading.csv_reader import reader
from runinference_metrics.reading.formats import AUTO, Dialect, FormatOptions
from runinference_metrics.reading.quotes import quotes_of
from runinference_metrics.reading.unclear import Unclear

CANDIDATES = (",", ";", "\t", "|")
TAKES = "what parts the columns: comma, semicolon, tab, pipe, or another character"
# Rows that are looked at: enough to tell chance from habit.
_MOST_ROWS = 20
# A title, a date and blank lines may stand above a header, not more.
_MOST_LINES_ABOVE = 10
# Excel's own way to say what parts the columns.
_SEP = re.compile(r'"?sep=(.)"?\r?', re.IGNORECASE)

Rows = list[list[str]]


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


def dialect_of(
    sample: str, whole: bool, options: FormatOptions, text_field: str, usual: str
) -> Dialect:
    """How a CSV file is written.

    Args:
        sample: its beginning, decoded.
        whole: whether that is the whole of it.
        options: what the user says.
        text_field: the column that must be there.
        usual: what parts the columns if nothing in the sample does.

    Raises:
        Unclear: the columns can be parted in several ways.
    """
    line = 1
    delimiter = options.delimiter
    first, _, rest = sample.partition("\n")
    if said := _SEP.fullmatch(first):
        line, sample = 2, rest
        delimiter = said[1] if delimiter == AUTO else delimiter
    header = "yes" if options.header == AUTO else options.header
    if delimiter == AUTO:
        delimiter = _delimiter(sample, whole, header, text_field, usual)
    found = Dialect(delimiter, quotes_of(sample, delimiter, whole), header, line)
    if header == "yes" and (above := _lines_above(sample, found, whole, text_field)):
        found = Dialect(delimiter, found.quotes, header, line + above)
    return found


def _delimiter(
    sample: str, whole: bool, header: str | tuple[str, ...], text_field: str, usual: str
) -> str:
    first = sample.partition("\n")[0]
    there = [one for one in CANDIDATES if one in first]
    # Most files: one candidate in a header with the text's column.
    if header == "yes" and len(there) < 2 and text_field in first:
        return there[0] if there else usual
    beginning = "\n".join(sample.split("\n", _MOST_LINES_ABOVE)[:_MOST_LINES_ABOVE])
    there = [one for one in CANDIDATES if one in beginning]
    if len(there) < 2:
        return there[0] if there else usual
    rows = {one: rows_of(sample, Dialect(one), whole) for one in there}
    named = [one for one in there if _header_row(rows[one], text_field) is not None]
    if header == "yes" and len(named) == 1:
        return named[0]
    columns = len(header) if isinstance(header, tuple) else None
    steady = [one for one in named or there if _steady(rows[one], columns)]
    if len(steady) == 1:
        return steady[0]
    shown = " or ".join(f"{one!r}" for one in steady or there)
    raise Unclear("delimiter", TAKES, f"columns that {shown} may part: say which")


def _steady(rows: Rows, columns: int | None) -> bool:
    """Whether all rows have the same number of columns: the one asked for, or more than one."""
    counts = {len(row) for row in rows if row}
    return counts == {columns} if columns else len(counts) == 1 and counts.pop() > 1


def _header_row(rows: Rows, text_field: str) -> int | None:
    """Which row is the header: the first, or one below titles, which fill one column at most."""
    for index, row in enumerate(rows[:_MOST_LINES_ABOVE]):
        cells = [cell.strip() for cell in row]
        if text_field in cells:
            return index if len(cells) > 1 or not any(rows[:index]) else None
        if sum(bool(cell) for cell in cells) > 1:
            return None
    return None


def _lines_above(sample: str, dialect: Dialect, whole: bool, text_field: str) -> int:
    """The lines above the header."""
    first = sample.partition("\n")[0]
    # Nothing is above it in most files.
    if text_field in [cell.strip().strip('"') for cell in first.split(dialect.delimiter)]:
        return 0
    found = _header_row(rows_of(sample, dialect, whole), text_field)
    if not found:
        return 0
    above = reader(io.StringIO(sample, newline=""), dialect, strict=False)
    for _ in range(found):
        next(above)
    return above.line_num


def column_names(header: Sequence[str], dialect: Dialect, text_field: str) -> list[str]:
    """The names of a file's columns, each of them another.

    A column without a name, or with one that is taken, is called by its number, from 1.

    Args:
        header: the cells of the first row.
        dialect: what the user or the file says of the header.
        text_field: what the only column of a file without a header is called.
    """
    given: Sequence[str] = header
    if dialect.header == "no":
        given = [text_field] if len(header) == 1 else [""] * len(header)
    elif isinstance(dialect.header, tuple):
        given = dialect.header
    names: list[str] = []
    for number, cell in enumerate(given, 1):
        name = cell.strip()
        if not name or name in names:
            name = str(number)
            while name in names or name in given:
                name += "_"
        names.append(name)
    return names
