"""The rows of a range of a file: records, rejected rows, blank lines."""

from collections.abc import Iterator

from runinference_metrics.reading import limits, rejections
from runinference_metrics.reading.compression import CorruptFile
from runinference_metrics.reading.csv_rows import csv_rows
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange, open_raw
from runinference_metrics.reading.formats import AS_FOUND, FileFormat, FormatOptions
from runinference_metrics.reading.json_rows import json_rows
from runinference_metrics.reading.lines import Lines
from runinference_metrics.reading.opening import opened
from runinference_metrics.reading.sniffing import Sample
from runinference_metrics.reading.text_rows import document_row, text_rows
from runinference_metrics.reading.unclear import Unclear
from runinference_metrics.records.record import Record, Rejected

Row = Record | Rejected | None


class Rows:
    """The rows of a range, once: a record, a rejected row, or None for a blank one.

    Asking for them raises OSError if the file cannot be read at all (the runner retries).

    Attributes:
        file_format: how the file is written, once the first row was asked for; None if it cannot
            be told.
        sample: the beginning of the file, if its format had to be found.

    Args:
        part: the range.
        fields: the fields that matter.
        options: what the user says of how files are written.
    """

    def __init__(self, part: FileRange, fields: RowFields, options: FormatOptions) -> None:
        self._part = part
        self._fields = fields
        self._options = options
        self.file_format: FileFormat | None = part.file_format
        self.sample: Sample | None = None

    def __iter__(self) -> Iterator[Row]:
        part, fields = self._part, self._fields
        with open_raw(part.path) as stream:
            try:
                source = opened(stream, part, self._options, fields.text_field)
            except Unclear as error:
                yield rejections.unclear(error, part.path)
                return
            self.file_format, self.sample = source.file_format, source.sample
            lines = Lines(source.chunks, part.first_line, limits.MAX_ROW_BYTES)
            try:
                yield from _parsed(source.file_format, lines, source.chunks, part.path, fields)
            except CorruptFile as error:
                yield rejections.corrupt(error, lines.rest, lines.number, part.path)


def _parsed(
    found: FileFormat, lines: Lines, chunks: Iterator[bytes], source: str, fields: RowFields
) -> Iterator[Row]:
    match found.rows:
        case "csv":
            return csv_rows(lines, source, fields, found)
        case "jsonl":
            return json_rows(lines, source, fields, found.encoding)
        case "document":
            return document_row(chunks, source, fields, found.encoding)
    return text_rows(lines, source, fields, found.encoding)


def rows(part: FileRange, fields: RowFields, options: FormatOptions = AS_FOUND) -> Rows:
    """Reads a range: see `Rows`."""
    return Rows(part, fields, options)
