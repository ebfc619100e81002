"""The columns of a CSV file: their names, and rows that have more cells than the header."""

from collections.abc import Sequence
from dataclasses import replace

from runinference_metrics.reading.csv_reader import Rows, rows_of
from runinference_metrics.reading.formats import ONE_COLUMN, Dialect
from runinference_metrics.reading.unclear import Unclear

_TAKES_HEADER = "yes, no, or the names of all columns"
_TAKES_DELIMITER = "what parts the columns: a character"


def with_columns(sample: str, dialect: Dialect, whole: bool, text_field: str) -> Dialect:
    """The dialect, with what is odd about the columns.

    Args:
        sample: the beginning of a file, from its header on.
        dialect: how it is written.
        whole: whether the sample is the whole of the file.
        text_field: the column with the text.

    Raises:
        Unclear: rows have more cells than the header, and what that means cannot be told.
    """
    # Of most files nothing more is needed.
    beginning = rows_of(sample, dialect, whole, 2)
    if len(beginning) == 2 and len(beginning[0]) >= len(beginning[1]) > 1:
        return dialect
    header, *rows = [row for row in rows_of(sample, dialect, whole) if row] or [[]]
    more = {len(row) - len(header) for row in rows}
    if len(header) == 1 and more > {0} and any(any(row[1:]) for row in rows):
        # Texts alone, some of which hold what parts columns elsewhere.
        return replace(dialect, delimiter=ONE_COLUMN)
    if more != {1} or text_field not in [cell.strip() for cell in header]:
        return dialect
    if _is_of_r(sample, dialect):
        return replace(dialect, row_names=True)
    if not any(row[-1].strip() for row in rows) and not _is_shifted(header, rows, text_field):
        # A delimiter too much at the end of each row.
        return dialect
    if len(header) == 1:
        got = (
            f"{header[0]!r} alone in the header, and rows with {dialect.delimiter!r} once in each: "
            "if a row is one text, say another character that none has"
        )
        raise Unclear("delimiter", _TAKES_DELIMITER, got)
    names = ",".join(cell.strip() for cell in header)
    got = (
        f"rows with a cell more than the header: if the first is the row's name, as R writes it, "
        f"say --header=row,{names}; if texts hold {dialect.delimiter!r}, put them into quotes"
    )
    raise Unclear("header", _TAKES_HEADER, got)


def _is_of_r(sample: str, dialect: Dialect) -> bool:
    """Whether names of columns and rows are quoted, as by R's write.table."""
    lines = [line.rstrip("\r") for line in sample.split("\n", 2)[:2]]
    return all(line.startswith('"') for line in lines) and not lines[1].endswith(dialect.delimiter)


def _is_shifted(header: Sequence[str], rows: Rows, text_field: str) -> bool:
    """Whether cells of which the last is blank may be one to the right of their names.

    So it is where rows are numbered, as R does it, and what then were the texts are not blank.
    """
    numbered = [row[0].strip() for row in rows] == [str(one) for one in range(1, len(rows) + 1)]
    at = [cell.strip() for cell in header].index(text_field)
    return numbered and any(row[at + 1].strip() for row in rows)


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
