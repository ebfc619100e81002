"""CSV to records: rows below a header, whose quoted cells may hold newlines."""

import csv
from collections.abc import Iterator
from dataclasses import replace

from runinference_metrics.reading import limits, rejections
from runinference_metrics.reading.compression import CorruptFile
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.lines import Lines
from runinference_metrics.records.record import Record, Rejected


class _RowTooLong(Exception):
    """A CSV row has grown beyond the limit; the next line is taken as a row's first again."""


class _CsvLines:
    """Decoded lines for csv.reader, remembering what the current row was made of."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._iterator = iter(lines)
        self.begin()

    def begin(self) -> None:
        """A row begins."""
        self.row: list[bytes] = []
        self.row_bytes = 0
        self.number = self._lines.number + 1

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = next(self._iterator)
        self.row.append(line)
        self.row_bytes += (self._lines.cut_from_bytes or len(line)) + 1
        if self.row_bytes > limits.MAX_ROW_BYTES:
            raise _RowTooLong
        # The row is judged as a whole once it is complete; until then, keep its bytes.
        return line.decode(errors="surrogateescape") + "\n"


def csv_rows(lines: Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    """The record, rejected row or None (blank) of each row below the header."""
    csv.field_size_limit(limits.MAX_ROW_BYTES)
    tracked = _CsvLines(lines)
    reader = csv.reader(tracked, strict=True)
    header: list[str] | None = None
    while True:
        tracked.begin()
        number = tracked.number
        problem = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [""], str(error)
        except _RowTooLong:
            lost = rejections.too_long(b"\n".join(tracked.row), tracked.row_bytes, source, number)
            # A quote that is never closed has swallowed rows: say how many lines.
            yield replace(lost, detail=f"{lost.detail}; the next row begins at line "
                                       f"{lines.number + 1:,}")  # fmt: skip
            reader = csv.reader(tracked, strict=True)
            header = [] if header is None else header
            continue
        except CorruptFile as error:
            rest = b"\n".join([*tracked.row, lines.rest])
            yield rejections.corrupt(error, rest, number - 1, source)
            return
        raw = b"\n".join(tracked.row).removesuffix(b"\r")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            yield rejections.invalid_utf8(raw, error, source, number)
            header = [] if header is None else header
            continue
        if not cells:
            yield None
        elif problem:
            yield Rejected("malformed_csv", problem, "read", source, number, text)
            header = [] if header is None else header
        elif header is None:
            header = cells
            if len(set(header)) < len(header):
                detail = "the header names a column twice"
                yield Rejected("malformed_csv", detail, "read", source, number, text)
                header = []
        elif not header:
            detail = "the header of this file could not be read"
            yield Rejected("malformed_csv", detail, "read", source, number, text)
        elif len(cells) != len(header):
            detail = f"expected {len(header)} cells, as in the header, got {len(cells)}"
            yield Rejected("malformed_csv", detail, "read", source, number, text)
        else:
            row = dict(zip(header, cells, strict=True))
            yield fields.record(row, text, len(raw), source, number)
