"""The rows of a range of a file: records, rejected rows, blank lines."""

from collections.abc import Iterator

from runinference_metrics.reading import rejections
from runinference_metrics.reading.compression import CorruptFile
from runinference_metrics.reading.csv_rows import csv_rows
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import TAKES_FILES, FileFormat, FileRange, open_raw
from runinference_metrics.reading.json_rows import json_rows
from runinference_metrics.reading.lines import lines_of
from runinference_metrics.reading.text_rows import text_rows
from runinference_metrics.records.record import Record, Rejected


def rows(part: FileRange, fields: RowFields) -> Iterator[Record | Rejected | None]:
    """Reads a range: a record, a rejected row, or None for a blank line.

    Raises:
        OSError: the file cannot be read at all (the runner retries).
    """
    found = FileFormat.of(part.path)
    if found is None:
        yield Rejected("unknown_format", f"expected {TAKES_FILES}", "read", part.path, 1, "")
        return
    with open_raw(part.path) as stream:
        lines = lines_of(part, found.codec, stream)
        parse = {".txt": text_rows, ".jsonl": json_rows, ".csv": csv_rows}[found.rows]
        try:
            yield from parse(lines, part.path, fields)
        except CorruptFile as error:
            yield rejections.corrupt(error, lines.rest, lines.number, part.path)
