"""Files and their formats, and how a big one is cut into ranges."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from runinference_metrics.reading import objects
from runinference_metrics.reading.compression import CODECS

FORMATS = (".txt", ".jsonl", ".csv")
TAKES_FILES = "files named .txt, .jsonl or .csv, each also with .gz, .bz2 or .zst"

# One read of a file; larger reads no longer gain on local disks or on Cloud Storage.
CHUNK_BYTES = 1 << 20
# A range of a big file is one unit of reading: some 250,000 sentences, seconds of work on a GPU.
RANGE_BYTES = 16 << 20


@dataclass(frozen=True)
class FileFormat:
    """How to read a file, told by its name.

    Args:
        rows: ".txt", ".jsonl" or ".csv".
        codec: ".gz", ".bz2", ".zst", or "" for none.
    """

    rows: str
    codec: str

    @property
    def splittable(self) -> bool:
        """Whether ranges can be read apart; a quoted CSV cell may hold newlines."""
        return not self.codec and self.rows != ".csv"

    @classmethod
    def of(cls, path: str) -> "FileFormat | None":
        """The format that the name tells, or None."""
        name = path.lower()
        codec = next((ending for ending in CODECS if name.endswith(ending)), "")
        name = name.removesuffix(codec)
        rows = next((ending for ending in FORMATS if name.endswith(ending)), None)
        return None if rows is None else cls(rows, codec)


@dataclass(frozen=True)
class FileRange:
    """Whole lines of a file.

    Args:
        path: the file.
        start: offset of the first byte.
        stop: offset behind the last byte, or None for the whole file.
        first_line: the number of the first line, from 1.
    """

    path: str
    start: int = 0
    stop: int | None = None
    first_line: int = 1


def open_raw(path: str) -> BinaryIO:
    """Opens a file as it lies there, local or gs://, without decompressing."""
    try:
        return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except NotImplementedError:
        # Beam's answer for one kind of object in a bucket.
        return objects.downloaded(path)


def ranges(path: str, size_bytes: int, range_bytes: int = RANGE_BYTES) -> Iterator[FileRange]:
    """Cuts a big file into ranges of whole lines.

    One pass over the file finds the line ends and counts the lines, so that every range begins
    at a line start and knows its line number. Small and unsplittable files are one range.
    """
    found = FileFormat.of(path)
    if found is None or not found.splittable or size_bytes <= range_bytes:
        yield FileRange(path)
        return
    start, first_line = 0, 1
    offset, lines = 0, 0
    with open_raw(path) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            end = chunk.rfind(b"\n") + 1
            if end and offset + end - start >= range_bytes:
                lines += chunk.count(b"\n", 0, end)
                yield FileRange(path, start, offset + end, first_line)
                start, first_line, lines = offset + end, first_line + lines, 0
                lines += chunk.count(b"\n", end)
            else:
                lines += chunk.count(b"\n")
            offset += len(chunk)
    if start < offset:
        yield FileRange(path, start, offset, first_line)
