"""Files to records: formats, compression, splitting, and what is wrong with a row."""

import bz2
import csv
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import zstandard
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from runinference_metrics.records import Record, Rejected

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
# csv's own limit of 128 KiB is below what a long document takes.
_LARGEST_CSV_FIELD = 16 << 20
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


@dataclass(frozen=True)
class RowFields:
    """Which fields of a structured row matter; the names are those of the parameters."""

    text_field: str
    id_field: str
    keep_fields: tuple[str, ...]

    def id_of(self, row: dict[str, Any]) -> Any:
        """The row's id, or None."""
        return row.get(self.id_field) if self.id_field else None

    def kept(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The fields to carry along; None when none are asked for."""
        if not self.keep_fields:
            return None
        if self.keep_fields == ("*",):
            return {name: value for name, value in row.items() if name != self.text_field}
        return {name: row.get(name) for name in self.keep_fields}


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
        chunks = _decompressed(stream, found.codec) if found.codec else _plain(stream, part)
        lines = _Lines(chunks, part.first_line)
        parse = {".txt": _text_rows, ".jsonl": _json_rows, ".csv": _csv_rows}[found.rows]
        try:
            yield from parse(lines, part.path, fields)
        except CorruptFile as error:
            detail = f"{error}; {lines.number} lines came before"
            tail = lines.rest.decode(errors="backslashreplace")
            yield Rejected("corrupt_file", detail, "read", part.path, lines.number + 1, tail)


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


class _Lines:
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


def _without_newline(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _invalid_utf8(line: bytes, error: UnicodeDecodeError, source: str, number: int) -> Rejected:
    detail = f"byte {error.start + 1} of the row: {error.reason}"
    return Rejected("invalid_utf8", detail, "read", source, number,
                    line.decode(errors="backslashreplace"))  # fmt: skip


def _text_rows(lines: _Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    for raw in lines:
        line = _without_newline(raw)
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            yield _invalid_utf8(line, error, source, lines.number)
            continue
        yield Record(text, source, lines.number) if text.strip() else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _json_rows(lines: _Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    for raw in lines:
        line = _without_newline(raw)
        number = lines.number
        try:
            text = line.decode()
            if not text.strip():
                yield None
                continue
            row = json.loads(text, parse_constant=_refuse_constant)
            if "\\ud" in text.lower():
                # Half a surrogate pair passes json.loads and no encoder after it.
                json.dumps(row, ensure_ascii=False).encode()
        except UnicodeDecodeError as error:
            yield _invalid_utf8(line, error, source, number)
        except UnicodeEncodeError:
            yield Rejected("invalid_unicode", "half of a surrogate pair stands alone", "read",
                           source, number, text)  # fmt: skip
        except (ValueError, RecursionError) as error:
            yield Rejected("malformed_json", str(error), "read", source, number, text)
        else:
            if isinstance(row, dict):
                yield _structured(row, text, source, number, fields)
            else:
                detail = f"expected a JSON object, got {type(row).__name__}"
                yield Rejected("malformed_json", detail, "read", source, number, text)


class _CsvLines:
    """Decoded lines for csv.reader, remembering what the current row was made of."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = iter(lines)
        self.row: list[bytes] = []

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.row.append(line)
        # The row is judged as a whole once it is complete; until then, keep its bytes.
        return line.decode(errors="surrogateescape")


def _csv_rows(lines: _Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    csv.field_size_limit(_LARGEST_CSV_FIELD)
    tracked = _CsvLines(lines)
    reader = csv.reader(tracked, strict=True)
    header: list[str] | None = None
    while True:
        tracked.row.clear()
        number = lines.number + 1
        problem = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [""], str(error)
        raw = _without_newline(b"".join(tracked.row))
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            yield _invalid_utf8(raw, error, source, number)
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
            yield _structured(row, text, source, number, fields)


def _structured(
    row: dict[str, Any], raw: str, source: str, number: int, fields: RowFields
) -> Record | Rejected:
    row_id = fields.id_of(row)
    name = fields.text_field
    if name not in row:
        detail = f"no field {name!r} (--text_field); there are {', '.join(map(repr, row))}"
        return Rejected("missing_text_field", detail, "read", source, number, raw, row_id)
    text = row[name]
    if not isinstance(text, str):
        detail = f"field {name!r} is not a string but {type(text).__name__}"
        return Rejected("text_not_a_string", detail, "read", source, number, raw, row_id)
    if not text.strip():
        detail = f"field {name!r} is blank"
        return Rejected("blank_text", detail, "read", source, number, raw, row_id)
    return Record(text, source, number, row_id, fields.kept(row))
