"""Files to lines: formats, compression, and cutting big files into ranges."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from runinference_metrics.reading.compression import CODECS, decompressed

FORMATS = (".txt", ".jsonl", ".csv")
TAKES_FILES = "files named .txt, .jsonl or .csv, each also with .gz, .bz2 or .zst"

# One read of a file; larger reads no longer gain on local disks or on Cloud Storage.
_CHUNK_BYTES = 1 << 20
# A range of a big file is one unit of reading: some 250,000 sentences, seconds of work on a GPU.
RANGE_BYTES = 16 << 20
# A reader never holds more of a row. Above it lie damaged files (one without newlines, a quote
# that is never closed) and rows that carry images; a thick novel is below.
MAX_ROW_BYTES = 4 << 20
# What is kept of a longer row: enough to recognise it.
ROW_PREFIX_BYTES = 1000
_BOM = b"\xef\xbb\xbf"


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
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


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
        while chunk := stream.read(_CHUNK_BYTES):
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


def lines_of(part: FileRange, codec: str, stream: BinaryIO) -> "Lines":
    """The lines of a range of an opened file; reading them may raise CorruptFile, OSError."""
    chunks = decompressed(stream, codec) if codec else _plain(stream, part)
    return Lines(chunks, part.first_line, MAX_ROW_BYTES)


def _plain(stream: BinaryIO, part: FileRange) -> Iterator[bytes]:
    if part.start:
        stream.seek(part.start)
    left = None if part.stop is None else part.stop - part.start
    while left is None or left > 0:
        chunk = stream.read(_CHUNK_BYTES if left is None else min(_CHUNK_BYTES, left))
        if not chunk:
            if left:
                raise OSError(f"{part.path} became shorter while it was being read")
            return
        if left is not None:
            left -= len(chunk)
        yield chunk


class Lines:
    """The lines of a stream of chunks, as bytes without their newline, in bounded memory.

    Of a line beyond the limit only the first `ROW_PREFIX_BYTES` are given.

    Attributes:
        number: the number of the last line given.
        cut_from_bytes: the true length of the last line given, if it was cut; else 0.

    Args:
        chunks: the stream.
        first_line: the number of its first line, from 1.
        max_bytes: the limit.
    """

    def __init__(self, chunks: Iterable[bytes], first_line: int, max_bytes: int) -> None:
        self._chunks = chunks
        self._at_start = first_line == 1
        self._max_bytes = max_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.number = first_line - 1
        self.cut_from_bytes = 0

    @property
    def rest(self) -> bytes:
        """The beginning of what has no newline yet."""
        return b"".join(self._held)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            *complete, last = chunk.split(b"\n")
            for piece in complete:
                self.number += 1
                if self._held or self._at_start or len(piece) > self._max_bytes:
                    yield self._joined(piece)
                    self.cut_from_bytes = 0
                else:
                    yield piece
            if last:
                self._hold(last)
        if self._held:
            self.number += 1
            yield self._joined(b"")

    def _hold(self, piece: bytes) -> None:
        self._held_bytes += len(piece)
        self._held.append(piece)
        if self._held_bytes > self._max_bytes:
            self._held = [self.rest[:ROW_PREFIX_BYTES]]

    def _joined(self, piece: bytes) -> bytes:
        """The line that ends with `piece`."""
        self._hold(piece)
        line = self.rest
        if self._held_bytes > self._max_bytes:
            self.cut_from_bytes = self._held_bytes
        self._held, self._held_bytes = [], 0
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        return line
