"""How a CSV file is written: what parts its columns, where its header is."""

import re
from dataclasses import replace

from runinference_metrics.reading.columns import with_columns
from runinference_metrics.reading.csv_reader import Rows, rows_of, sample_reader
from runinference_metrics.reading.formats import AUTO, Dialect, FormatOptions
from runinference_metrics.reading.quotes import has_blanks, quotes_of
from runinference_metrics.reading.unclear import Unclear

CANDIDATES = (",", ";", "\t", "|")
TAKES = "what parts the columns: comma, semicolon, tab, pipe, or another character"
# A title, a date and blank lines may stand above a header, not more.
_MOST_LINES_ABOVE = 10
# Names that R's write.table puts into quotes, and what it puts between them.
NAMES_OF_R = re.compile(r'"[^"]*"(?: "[^"]*")+\r?')
# Excel's own way to say what parts the columns.
_SEP = re.compile(r'"?sep=(.)"?\r?', re.IGNORECASE)


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
    found = Dialect(delimiter, header=header, first_line=line)
    if header == "yes" and (above := _lines_above(sample, found, whole, text_field)):
        sample = sample.split("\n", above)[above]
        found = replace(found, first_line=line + above)
    quotes = quotes_of(sample, delimiter, whole)
    found = found if quotes == found.quotes else replace(found, quotes=quotes)
    if has_blanks(sample, found, whole):
        found = replace(found, blanks=True)
    return with_columns(sample, found, whole, text_field) if header == "yes" else found


def _delimiter(
    sample: str, whole: bool, header: str | tuple[str, ...], text_field: str, usual: str
) -> str:
    first = sample.partition("\n")[0]
    there = [one for one in CANDIDATES if one in first]
    if not there and NAMES_OF_R.fullmatch(first):
        return " "
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
    """Which row is the header: the first, or one below titles.

    These fill one column at most, or have another number of cells than all rows from the header on.
    """
    for index, row in enumerate(rows[:_MOST_LINES_ABOVE]):
        cells = [cell.strip() for cell in row]
        if text_field not in cells:
            continue
        above, below = rows[:index], [len(one) for one in rows[index:] if one]
        if not any(sum(bool(cell.strip()) for cell in one) > 1 for one in above):
            return index if len(cells) > 1 or not any(above) else None
        is_apart = len(below) > 1 and len(set(below)) == 1 and below[0] > 1
        return index if is_apart and all(len(one) != below[0] for one in above) else None
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
    above = sample_reader(sample, dialect)
    for _ in range(found):
        next(above)
    return above.line_num
