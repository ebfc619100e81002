"""CSV to records: rows below a header, whose quoted cells may hold newlines."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from runinference_metrics.reading import limits, rejections
from runinference_metrics.reading.columns import column_names
from runinference_metrics.reading.compression import CorruptFile
from runinference_metrics.reading.csv_reader import reader
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.formats import ESCAPED, Dialect, FileFormat
from runinference_metrics.reading.lines import Lines
from runinference_metrics.records.record import Record, Rejected

# What MySQL, PostgreSQL and Hive write for NULL.
_NULL, _NULL_BYTES = "\\N", b"\\N"
# What sqlcmd and Markdown draw below a header.
_UNDERLINE = re.compile(r"\s*:?-{2,}:?\s*|\s*")


class _RowTooLong(Exception):
    """A CSV row has grown beyond the limit; the next line is taken as a row's first again."""


class _CsvLines:
    """Decoded lines for csv.reader, remembering what the current row was made of."""

    def __init__(self, lines: Lines, dialect: Dialect) -> None:
        self._lines = lines
        # A backslash before a letter that needs none is itself.
        known = re.escape(f'\\"{dialect.delimiter}'.encode())
        is_escape = dialect.quotes == ESCAPED
        self._itself = re.compile(rb"(\\[%s])|\\(?=.)" % known) if is_escape else None
        self._iterator = iter(lines)
        self.begin()

    def begin(self) -> None:
        """A row begins."""
        self.row: list[bytes] = []
        self.row_bytes = 0
        self.undecodable = False
        self.has_null = False
        self.number = self._lines.number + 1

    def raw(self) -> bytes:
        """The current row as it stands in the file."""
        return b"\n".join(self.row).removesuffix(b"\r")

    def are_rows(self, dialect: Dialect, columns: int) -> bool:
        """Whether each line of the current row is one by itself.

        That is so where tabs part columns and quotes are letters, which the beginning of the file
        did not show. Between other delimiters it may be chance.
        """
        return dialect.delimiter == "\t" and all(
            line.count(b"\t") == columns - 1 > 0 for line in self.row
        )

    def shown(self, outcome: Record | Rejected | None) -> Record | Rejected | None:
        """The outcome of the current row; where that was rejected, with the row as it stands."""
        if isinstance(outcome, Rejected):
            return replace(outcome, text=self.raw().decode())
        return outcome

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = next(self._iterator)
        self.row.append(line)
        self.row_bytes += (self._lines.cut_from_bytes or len(line)) + 1
        if self.row_bytes > limits.MAX_ROW_BYTES:
            raise _RowTooLong
        if _NULL_BYTES in line:
            self.has_null = True
        if self._itself and b"\\" in line:
            line = self._itself.sub(lambda found: found[1] or b"\\\\", line)
        try:
            return line.decode() + "\n"
        except UnicodeDecodeError:
            # The row is judged as a whole once it is complete; until then, keep its bytes.
            self.undecodable = True
            return line.decode(errors="surrogateescape") + "\n"


class _Columns:
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
        self.header = first_row if self.has_header else []
        self.told_by = "the first row" if dialect.header == "no" else "the header"
        if isinstance(dialect.header, tuple):
            self.told_by = "--header"
        # Columns without a name, as spreadsheets write them at the end.
        self._nameless = [
            index for index, cell in enumerate(stripped) if self.has_header and not cell
        ]
        twice = [one for one in fields.named if stripped.count(one) > 1]
        self.fault = ""
        if self.has_header and twice:
            self.fault = f"the header names the column {twice[0]!r} twice"

    def row(self, cells: list[str]) -> dict[str, Any] | None:
        """A row's cells by name; None if they are not as many as the columns."""
        names = self.names
        if len(cells) == len(names) and not self._nameless:
            return dict(zip(names, cells, strict=True))
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


def csv_rows(
    lines: Lines, source: str, fields: RowFields, found: FileFormat
) -> Iterator[Record | Rejected | None]:
    """The record, rejected row or None (blank) of each row below the header."""
    csv.field_size_limit(limits.MAX_ROW_BYTES)
    tracked = _CsvLines(lines, found.dialect)
    for _ in range(found.dialect.first_line - 1):
        next(tracked, None)
    rows = reader(tracked, found.dialect, strict=True)
    columns: _Columns | None = None
    below_header = False
    # Why no row of the file can be read.
    fault = ""
    unusable = ""
    if found.dialect.header == "yes":
        unusable = "the header of this file could not be read"
    while True:
        tracked.begin()
        number = tracked.number
        problem = ""
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [""], str(error)
        except _RowTooLong:
            lost = rejections.too_long(b"\n".join(tracked.row), tracked.row_bytes, source, number)
            # A quote that is never closed has swallowed rows: say how many lines.
            yield replace(lost, detail=f"{lost.detail}; the next row begins at line "
                                       f"{lines.number + 1:,}")  # fmt: skip
            rows = reader(tracked, found.dialect, strict=True)
            fault = fault or ("" if columns else unusable)
            continue
        except CorruptFile as error:
            rest = b"\n".join([*tracked.row, lines.rest])
            yield rejections.corrupt(error, rest, number - 1, source)
            return
        if tracked.undecodable:
            yield rejections.undecodable(tracked.raw(), source, number, found.encoding)
            fault = fault or ("" if columns else unusable)
            continue
        if not cells:
            yield None
            continue
        if not problem and len(tracked.row) > 1 and tracked.are_rows(found.dialect, len(cells)):
            problem = (
                f"a quote opens here and closes {len(tracked.row) - 1:,} lines on; each of the "
                f"lines has {len(cells)} cells by itself"
            )
        if columns is None and not problem and not fault:
            columns = _Columns(cells, found, fields)
            fault = columns.fault
            if columns.has_header and not fault:
                below_header = True
                continue
        if columns and not problem and not fault:
            # All rows but those with a fault.
            if cells == columns.header or (below_header and _is_underline(cells)):
                below_header = False
                yield None
                continue
            below_header = False
            if (row := columns.row(cells)) is not None:
                if tracked.has_null:
                    row = {name: None if cell == _NULL else cell for name, cell in row.items()}
                yield tracked.shown(fields.record(row, "", tracked.row_bytes, source, number))
                continue
            expected = f"{len(columns.names)} cells, as in {columns.told_by}"
            problem = f"expected {expected}, got {len(cells)}"
        if columns is None:
            fault = fault or unusable
        text = tracked.raw().decode()
        yield Rejected("malformed_csv", problem or fault, "read", source, number, text)


def _is_underline(cells: list[str]) -> bool:
    """Whether a row is a line drawn below the header."""
    return any("-" in cell for cell in cells) and all(map(_UNDERLINE.fullmatch, cells))
