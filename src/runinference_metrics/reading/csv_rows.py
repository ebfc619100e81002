"""CSV to records: rows below a header, whose quoted cells may hold newlines."""

import csv
from collections.abc import Iterator
from dataclasses import replace

from runinference_metrics.reading import limits, rejections
from runinference_metrics.reading.columns import Columns
from runinference_metrics.reading.compression import CorruptFile
from runinference_metrics.reading.csv_lines import NULL, CsvLines, RowTooLong
from runinference_metrics.reading.csv_reader import reader
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.formats import FileFormat
from runinference_metrics.reading.lines import Lines
from runinference_metrics.records.record import Record, Rejected

# What Python's parser says, and what is wrong.
_FAULTS = {
    "new-line character": "a carriage return stands in a cell without quotes around it",
    "expected after": "a cell goes on behind the quote that ends it; quotes inside are doubled",
    "unexpected end": "a quote opens a cell, and none closes it",
}


def csv_rows(
    lines: Lines, source: str, fields: RowFields, found: FileFormat
) -> Iterator[Record | Rejected | None]:
    """The record, rejected row or None (blank) of each row below the header."""
    csv.field_size_limit(limits.MAX_ROW_BYTES)
    tracked = CsvLines(lines, found.dialect)
    for _ in range(found.dialect.first_line - 1):
        tracked.skip()
    rows = reader(tracked, found.dialect, strict=True)
    columns: Columns | None = None
    # The number of cells of rows that need no second look, once that is known; their columns, and
    # with what another header begins.
    usual, first = -1, ""
    names: list[str] = []
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
            cells, problem = [""], _fault(error)
        except RowTooLong:
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
        else:
            if len(cells) == usual and not tracked.odd and cells[0] != first:
                usual_row = dict(zip(names, cells, strict=False))
                outcome = fields.record(usual_row, "", tracked.row_bytes, source, number)
                yield tracked.shown(outcome) if isinstance(outcome, Rejected) else outcome
                continue
        if tracked.undecodable:
            yield rejections.undecodable(tracked.raw(), source, number, found.encoding)
            fault = fault or ("" if columns else unusable)
            continue
        if not cells:
            yield None
            continue
        if not problem and tracked.are_rows(len(cells)):
            problem = (
                f"a quote opens here and closes {len(tracked.row) - 1:,} lines on; each of the "
                f"lines has {len(cells)} cells by itself"
            )
        if columns is None and not problem and not fault:
            columns = Columns(cells, found, fields)
            fault = columns.fault
            if columns.has_header and not fault:
                if found.dialect.underlined:
                    tracked.skip()
                    yield None
                continue
        if columns and not problem and not fault:
            # All rows but those with a fault.
            if cells == columns.header:
                yield None
                continue
            usual, first, names = columns.usual, columns.header[0], columns.names
            row = columns.row(cells)
            if row is not None:
                if tracked.has_null:
                    row = {name: None if cell == NULL else cell for name, cell in row.items()}
                yield tracked.shown(fields.record(row, "", tracked.row_bytes, source, number))
                continue
            expected = f"{len(columns.names)} cells, as in {columns.told_by}"
            problem = f"expected {expected}, got {len(cells)}"
        if columns is None:
            fault = fault or unusable
        text = tracked.raw().decode()
        yield Rejected("malformed_csv", problem or fault, "read", source, number, text)


def _fault(error: csv.Error) -> str:
    """What is wrong with a row, in words of the file instead of the parser's."""
    said = str(error)
    return next((words for known, words in _FAULTS.items() if known in said), said)
