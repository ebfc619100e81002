"""Files and how a big one is cut into ranges."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from runinference_metrics.reading import objects
from runinference_metrics.reading.formats import FileFormat
from runinference_metrics.reading.places import is_remote

# One read of a file; larger reads no longer gain on local disks or on Cloud Storage.
CHUNK_BYTES = 1 << 20
# A range of a big file is one unit of reading: some 250,000 sentences, seconds of work on a GPU.
RANGE_BYTES = 16 << 20


@dataclass(frozen=True)
class FileRange:
    """Whole lines of a file; or whole rows, where its rows are no lines.

    Args:
        path: the file.
        start: offset of the first byte; of Parquet the first row group.
        stop: what is behind the last one, or None for the whole file.
        first_line: the number of the first line or row, from 1.
        file_format: how the file is written; None if that is to be found in its first bytes.
        mark: a number that a table, written anew, has no longer; None if nobody knows it.
    """

    path: str
    start: int = 0
    stop: int | None = None
    first_line: int = 1
    file_format: FileFormat | None = None
    mark: int | None = None


def open_raw(path: str) -> BinaryIO:
    """Opens a file as it lies there, local or gs://, without decompressing."""
    if not is_remote(path):
        # Beam would look for the file system of each path, which takes as long as a small file.
        return open(path, "rb")
    try:
        return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except NotImplementedError:
        # Beam's answer for one kind of object in a bucket.
        return objects.downloaded(path)


def chunks_of(stream: BinaryIO, part: FileRange) -> Iterator[bytes]:
    """The bytes of a range of an opened file; OSError if the file is no longer what was cut."""
    if part.start:
        # A range begins behind a line end: where none is, somebody wrote the file anew since.
        stream.seek(part.start - 1)
        if stream.read(1) != b"\n":
            raise OSError(changed(part.path))
    left = None if part.stop is None else part.stop - part.start
    while left is None or left > 0:
        chunk = stream.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
        if not chunk:
            if left:
                raise OSError(changed(part.path))
            return
        if left is not None:
            left -= len(chunk)
        yield chunk


def changed(path: str) -> str:
    """What is wrong with a file that is no longer what was cut."""
    return f"{path} was changed while it was being read; run again when nobody writes to it"


def cut(
    path: str, chunks: Iterator[bytes], found: FileFormat, range_bytes: int
) -> Iterator[FileRange]:
    """Cuts a file whose lines can be read apart into ranges of whole lines.

    One pass over the file finds the line ends and counts the lines, so that every range begins
    at a line start and knows its line number.
    """
    start, first_line = 0, 1
    offset, lines = 0, 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if end and offset + end - start >= range_bytes:
            lines += chunk.count(b"\n", 0, end)
            yield FileRange(path, start, offset + end, first_line, found)
            start, first_line, lines = offset + end, first_line + lines, 0
            lines += chunk.count(b"\n", end)
        else:
            lines += chunk.count(b"\n")
        offset += len(chunk)
    if start < offset:
        yield FileRange(path, start, offset, first_line, found)
