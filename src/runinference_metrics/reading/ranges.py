"""Cutting big files into ranges that are read apart."""

from collections.abc import Iterator

from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import RANGE_BYTES, FileRange, cut, open_raw
from runinference_metrics.reading.formats import FileFormat, FormatOptions
from runinference_metrics.reading.objects import open_table
from runinference_metrics.reading.opening import opened
from runinference_metrics.reading.tables import NoTable, OpenedTable
from runinference_metrics.reading.unclear import Unclear


def ranges(
    path: str,
    size_bytes: int,
    options: FormatOptions,
    fields: RowFields,
    range_bytes: int = RANGE_BYTES,
) -> Iterator[FileRange]:
    """The ranges of a file; a small one, or one that cannot be cut, is one range.

    Args:
        path: the file.
        size_bytes: its size as stored.
        options: what the user says of how it is written.
        fields: the fields that matter.
        range_bytes: the size of a range.
    """
    if size_bytes <= range_bytes:
        # Its format is found where it is read, so that it is opened once.
        yield FileRange(path)
        return
    with open_raw(path) as stream:
        try:
            found = opened(stream, FileRange(path), options, fields.text_field)
        except Unclear:
            yield FileRange(path)
            return
        if found.file_format.is_table:
            yield from _of_table(path, found.file_format, fields, range_bytes)
        elif found.file_format.splittable:
            yield from cut(path, found.stored, found.file_format, range_bytes)
        else:
            yield FileRange(path)


def _of_table(
    path: str, found: FileFormat, fields: RowFields, range_bytes: int
) -> Iterator[FileRange]:
    with open_table(path) as stream:
        try:
            ranges = OpenedTable(stream, found.rows, fields).ranges(path, range_bytes, found)
        except NoTable:
            # What is wrong with it is said where it is read.
            ranges = []
    yield from ranges or [FileRange(path)]
