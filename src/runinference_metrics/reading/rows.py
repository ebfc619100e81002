"""The rows of a range of a file: records, rejected rows, blank ones."""

from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO

from runinference_metrics.reading import limits, rejections
from runinference_metrics.reading.compression import CorruptFile
from runinference_metrics.reading.csv_rows import csv_rows
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange, open_raw
from runinference_metrics.reading.formats import AS_FOUND, FileFormat, FormatOptions
from runinference_metrics.reading.json_rows import json_rows
from runinference_metrics.reading.lines import Lines
from runinference_metrics.reading.objects import open_table
from runinference_metrics.reading.opening import opened
from runinference_metrics.reading.sniffing import Sample
from runinference_metrics.reading.table_rows import Outcome
from runinference_metrics.reading.tables import NoTable, OpenedTable
from runinference_metrics.reading.text_rows import document_row, text_rows
from runinference_metrics.reading.unclear import Unclear
from runinference_metrics.records.record import Record, Rejected

# Enough of a table's rows for those who look at a few, and for a batch.
_ROWS_AT_ONCE = 512


class Rows:
    """The rows of a range, once: a record, a rejected row, None for a blank one; of a table batches
    of records.

    Asking for them raises OSError if the file cannot be read at all (the runner retries).

    Attributes:
        file_format: how the file is written, once the first row was asked for; None if it cannot
            be told.
        sample: the beginning of the file, if its format had to be found.
        unclear: why the file cannot be read as it stands, if so.
        table: the table that the file is, if it is one.

    Args:
        part: the range.
        fields: the fields that matter.
        options: what the user says of how files are written.
        open_file: opens a file; None for `open_raw`.
        most_rows: no batch of a table holds more.
        ahead: whether all of its rows are wanted.
    """

    def __init__(
        self,
        part: FileRange,
        fields: RowFields,
        options: FormatOptions,
        open_file: Callable[[str], BinaryIO] | None = None,
        most_rows: int = _ROWS_AT_ONCE,
        ahead: bool = False,
    ) -> None:
        self._part = part
        self._fields = fields
        self._options = options
        self._open_file = open_file or open_raw
        self.file_format: FileFormat | None = part.file_format
        self.sample: Sample | None = None
        self.unclear: Unclear | None = None
        self.table: OpenedTable | None = None
        self._most_rows = most_rows
        self._ahead = ahead

    def __iter__(self) -> Generator[Outcome, None, None]:
        part, fields = self._part, self._fields
        if part.file_format and part.file_format.is_table:
            yield from self._of_table(part.file_format.rows)
            return
        with self._open_file(part.path) as stream:
            try:
                source = opened(stream, part, self._options, fields.text_field)
            except Unclear as error:
                self.unclear = error
                yield rejections.unclear(error, part.path)
                return
            self.file_format, self.sample = source.file_format, source.sample
            if source.file_format.is_table:
                yield from self._of_table(source.file_format.rows)
                return
            lines = Lines(source.chunks, part.first_line, limits.MAX_ROW_BYTES)
            try:
                yield from _parsed(source.file_format, lines, source.chunks, part.path, fields)
            except CorruptFile as error:
                yield rejections.corrupt(error, lines.rest, lines.number, part.path)

    def _of_table(self, kind: str) -> Iterator[Outcome]:
        part = self._part
        # Not as a stream: what a table holds is said at its end.
        with open_table(part.path) as stream:
            try:
                self.table = OpenedTable(stream, kind, self._fields, self._ahead)
            except NoTable as error:
                yield rejections.unreadable(str(error), part.path, part.first_line)
                return
            yield from self.table.outcomes(part, self._most_rows)


def _parsed(
    found: FileFormat, lines: Lines, chunks: Iterator[bytes], source: str, fields: RowFields
) -> Iterator[Record | Rejected | None]:
    match found.rows:
        case "csv":
            return csv_rows(lines, source, fields, found)
        case "jsonl":
            return json_rows(lines, source, fields, found.encoding)
        case "document":
            return document_row(chunks, source, fields, found.encoding)
    return text_rows(lines, source, fields, found.encoding)


def rows(
    part: FileRange,
    fields: RowFields,
    options: FormatOptions = AS_FOUND,
    most_rows: int = _ROWS_AT_ONCE,
) -> Rows:
    """Reads all of a range: see `Rows`."""
    return Rows(part, fields, options, most_rows=most_rows, ahead=True)
