"""The columns of a CSV file: their names, and rows that have more cells than the header."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from runinference_metrics.reading.csv_reader import Rows, rows_of, sample_reader
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.formats import ONE_COLUMN, Dialect, FileFormat
from runinference_metrics.reading.unclear import Unclear

# What sqlcmd and Markdown draw below a header.
_UNDERLINE = re.compile(r"[|+]?[\s:]*-{2,}[-\s:|+,;]*")
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
    first, second, *_ = [*sample.split("\n", 2)[:2], ""]
    if _UNDERLINE.fullmatch(second):
        return replace(dialect, underlined=True)
    # Of most files nothing more is needed.
    num_names = len(_cells(first, dialect))
    if num_names >= len(_cells(second, dialect)) and (
        num_names > 1 or dialect.delimiter not in sample
    ):
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


def _cells(line: str, dialect: Dialect) -> list[str]:
    """The cells of a line that is a row, or the beginning of one."""
    return next(sample_reader(line, dialect), [])


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


class Columns:
    """The columns of a file, as its first row, or the user, names them.

    Args:
        cells: the first row.
        found: how the file is written.
        fields: the fields that matter.
    """

    def __init__(self, cells: list[str], found: FileFormat, fields: RowFields) -> None:
        dialect = found.dialect
        first_row = cells
        if dialect.row_names:
            cells = ["", *cells]
        self.names = column_names(cells, dialect, fields.text_field)
        stripped = [cell.strip() for cell in cells]
        # A file may repeat the names that the user gives.
        said = [] if isinstance(dialect.header, str) else list(dialect.header)
        # R's header does not name the column of the rows' names.
        self.has_header = dialect.header == "yes" or stripped in (said, said[1:])
        # Files with a header that were put behind one another have it again further below.
        self.header = first_row if self.has_header else [""]
        self.told_by = "the first row" if dialect.header == "no" else "the header"
        if isinstance(dialect.header, tuple):
            self.told_by = "--header"
        # Columns without a name, as spreadsheets write them at the end.
        self._nameless = [
            index for index, cell in enumerate(stripped) if self.has_header and not cell
        ]
        # Rows with so many cells are taken as they are.
        self.usual = -1 if self._nameless else len(self.names)
        twice = [one for one in fields.named if stripped.count(one) > 1]
        self.fault = ""
        if self.has_header and twice:
            self.fault = f"the header names the column {twice[0]!r} twice"

    def row(self, cells: list[str]) -> dict[str, Any] | None:
        """A row's cells by name; None if they are not as many as the columns."""
        names = self.names
        if len(cells) != len(names):
            # A delimiter too much at the end of a row is no cell.
            if len(cells) < len(names) or any(cells[len(names) :]):
                return None
            cells = cells[: len(names)]
        row = dict(zip(names, cells, strict=True))
        for index in self._nameless:
            if not cells[index].strip():
                del row[names[index]]
        return row
