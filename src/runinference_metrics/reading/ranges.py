"""Cutting big files into ranges that are read apart."""

from collections.abc import Iterator

from runinference_metrics.reading.files import RANGE_BYTES, FileRange, cut, open_raw
from runinference_metrics.reading.formats import FormatOptions
from runinference_metrics.reading.opening import opened
from runinference_metrics.reading.unclear import Unclear


def ranges(
    path: str,
    size_bytes: int,
    options: FormatOptions,
    text_field: str,
    range_bytes: int = RANGE_BYTES,
) -> Iterator[FileRange]:
    """The ranges of a file; a small one, or one that cannot be cut, is one range.

    Args:
        path: the file.
        size_bytes: its size as stored.
        options: what the user says of how it is written.
        text_field: the field or column with the text.
        range_bytes: the size of a range.
    """
    if size_bytes <= range_bytes:
        # Its format is found where it is read, so that it is opened once.
        yield FileRange(path)
        return
    with open_raw(path) as stream:
        try:
            found = opened(stream, FileRange(path), options, text_field)
        except Unclear:
            yield FileRange(path)
            return
        if found.file_format.splittable:
            yield from cut(path, found.stored, found.file_format, range_bytes)
        else:
            yield FileRange(path)
