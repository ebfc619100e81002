"""Files to lines: formats, compression, and cutting big files into ranges."""

import bz2
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import zstandard
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

FORMATS = (".txt", ".jsonl", ".csv")
_CODECS: dict[str, Callable[[], Any]] = {
    # 16 + MAX_WBITS tells zlib to expect gzip's header.
    ".gz": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    ".bz2": bz2.BZ2Decompressor,
    ".zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
}
TAKES_FILES = "files named .txt, .jsonl or .csv, each also with .gz, .bz2 or .zst"

# One read of a file; larger reads no longer gain on local disks or on Cloud Storage.
_CHUNK_BYTES = 1 << 20
# Compressed data is taken in small bites, since one byte of it can become thousands.
_COMPRESSED_CHUNK_BYTES = 1 << 14
# A range of a big file is one unit of reading: some 250,000 sentences, seconds of work on a GPU.
RANGE_BYTES = 16 << 20
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
        codec = next((ending for ending in _CODECS if name.endswith(ending)), "")
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


class CorruptFile(Exception):
    """Compressed data ends early or is damaged."""


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
    """The lines of a range of an opened file; reading them may raise CorruptFile or OSError."""
    chunks = _decompressed(stream, codec) if codec else _plain(stream, part)
    return Lines(chunks, part.first_line)


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


def _decompressed(stream: BinaryIO, codec: str) -> Iterator[bytes]:
    """Decompresses a stream of one or several members; a damaged one raises CorruptFile."""
    decoder: Any = None
    while data := stream.read(_COMPRESSED_CHUNK_BYTES):
        while data:
            decoder = decoder or _CODECS[codec]()
            try:
                chunk = decoder.decompress(data)
            except (zlib.error, OSError, EOFError, zstandard.ZstdError) as error:
                raise CorruptFile(f"the {codec} data is damaged ({error})") from error
            data = b""
            if decoder.eof:
                # gzip files may be padded with zeros, which are no further member.
                data = decoder.unused_data.lstrip(b"\0") if codec == ".gz" else decoder.unused_data
                decoder = None
            if chunk:
                yield chunk
    if decoder is not None:
        raise CorruptFile(f"the {codec} data ends early")


class Lines:
    """The lines of a stream of chunks, as bytes with their newline; knows their number.

    `number` is that of the last line given; `rest` is what has no newline yet.
    """

    def __init__(self, chunks: Iterable[bytes], first_line: int) -> None:
        self._chunks = chunks
        self._at_start = first_line == 1
        self.number = first_line - 1
        self.rest = b""

    def __iter__(self) -> Iterator[bytes]:
        pieces: list[bytes] = []
        for chunk in self._chunks:
            *complete, last = chunk.split(b"\n")
            for line in complete:
                pieces.append(line)
                yield self._next(b"".join(pieces) + b"\n")
                pieces = []
            if last:
                pieces.append(last)
            self.rest = b"" if not pieces else pieces[-1]
        if pieces:
            self.rest = b""
            yield self._next(b"".join(pieces))

    def _next(self, line: bytes) -> bytes:
        self.number += 1
        if self._at_start:
            self._at_start = False
            return line.removeprefix(_BOM)
        return line
