"""Avro files: their columns, and their blocks, which are read apart."""

import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import fastavro
import pyarrow as pa
import zstandard
from fastavro import read as fastavro_read
from fastavro._read import read_bytes  # type: ignore[attr-defined]
from fastavro.schema import UnknownType

from runinference_metrics.reading.avro_types import (
    HANDLER,
    NoType,
    arrow_type,
    column,
    plain_value,
)
from runinference_metrics.records.kept import as_text
from runinference_metrics.records.record import to_json

# Rows that become columns together.
_ROWS = 1024
_LONGEST_NAME = 100
_DOT = "."


class AvroTable:
    """An opened Avro file.

    Attributes:
        schema: its columns.
        num_rows: None, since no place of the file says it.
        mark: what no other file has.

    Args:
        stream: the file, at its beginning.

    Raises:
        Exception: it is none, or damaged; fastavro raises many kinds.
    """

    num_rows: int | None = None

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        opened = fastavro.reader(stream)
        self._header_bytes = stream.tell()
        # Sixteen random bytes, which are others in each file.
        self.mark: int = zlib.crc32(opened._header["sync"])
        schema = opened.writer_schema
        if not isinstance(schema, Mapping) or schema.get("type") != "record":
            raise ValueError(f"its rows are no records but {json.dumps(schema)[:_LONGEST_NAME]}")
        self._writer = schema
        self._known = dict(getattr(opened, "_named_schemas", {}).get("writer", {}))
        self._texts: set[str] = set()
        self.schema = pa.schema([
            pa.field(one["name"], self._type(one)) for one in schema["fields"]
        ])  # fmt: skip
        self._has_uuid = "uuid" in json.dumps(schema)

    def _type(self, field: Mapping[str, Any]) -> pa.DataType:
        try:
            return arrow_type(field["type"], self._known)
        except NoType:
            self._texts.add(field["name"])
            return pa.string()

    def ranges(self, names: Sequence[str], range_bytes: int) -> Iterator[tuple[int, int, int]]:
        """Blocks that are read together: where they begin, where they end, and the first row.

        One pass over the file finds the blocks, so that every range knows its first row's number.

        Args:
            names: the fields that are read; blocks hold all of a row.
            range_bytes: how many bytes are a unit of reading.
        """
        self._stream.seek(0)
        start, first_row, rows, end = self._header_bytes, 1, 0, self._header_bytes
        for block in self._blocks(self._stream, None):
            end = block.offset + block.size
            rows += block.num_records
            if end - start >= range_bytes:
                yield start, end, first_row
                start, first_row, rows = end, first_row + rows, 0
        if end > start:
            yield start, end, first_row

    def batches(
        self, names: Sequence[str], start: int = 0, stop: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of some blocks, with the columns that hold these fields.

        Args:
            names: the fields.
            start: where the first block begins; 0 for the first of all.
            stop: where the last one ends; None for the end of the file.
        """
        fields = self._columns(names)
        schema = pa.schema(fields)
        self._stream.seek(0)
        source: Any = self._stream
        if start or stop is not None:
            source = _Spliced(self._stream, self._header_bytes, start, stop)
        blocks = self._blocks(source, self._wanted(schema.names))
        for some in _chunks(row for block in blocks for row in _rows(block)):
            columns = [self._column(some, one) for one in fields]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def _columns(self, names: Sequence[str]) -> list[pa.Field]:
        heads = {head for name in names for head in (name, name.partition(_DOT)[0])}
        return [one for one in self.schema if one.name in heads]

    def _wanted(self, names: Sequence[str]) -> Any:
        """The schema with some fields; None where they cannot be decoded without all others."""
        wanted = [one for one in self._writer["fields"] if one["name"] in names]
        schema: Any = {**self._writer, "fields": wanted}
        try:
            return fastavro.parse_schema(schema)
        except UnknownType:
            # A type that another field names.
            return None

    def _blocks(self, source: BinaryIO, wanted: Any) -> Iterator[Any]:
        end = self._header_bytes
        for block in fastavro.block_reader(source, wanted, handle_unicode_errors=HANDLER):
            end = block.offset + block.size
            yield block
        if source.tell() != end:
            # So it ends for fastavro, too.
            raise ValueError("a block has no more than a beginning")

    def _column(self, rows: Sequence[Any], field: pa.Field) -> pa.Array:
        name = field.name
        values = [row[name] for row in rows]
        if name in self._texts:
            values = [_text(one) for one in values]
        elif self._has_uuid:
            values = [plain_value(one) for one in values]
        return column(values, field.type)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else as_text(json.loads(to_json(value)))


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Rows, some at a time; those before what cannot be read come before the error."""
    held: list[Any] = []
    fault: Exception | None = None
    try:
        for row in rows:
            held.append(row)
            if len(held) == _ROWS:
                yield held
                held = []
    except Exception as error:
        fault = error
    if held:
        yield held
    if fault:
        raise fault


def _rows(block: Any) -> Iterator[Any]:
    yield from block
    if block.bytes_.read(1):
        raise ValueError("a block has more rows than it says")


class _Spliced:
    """The header of a file and some of its blocks, as a file of its own.

    Args:
        stream: the file, at its beginning.
        header_bytes: how long its header is.
        start: where the first block begins; 0 for the first of all.
        stop: where the last one ends.
    """

    def __init__(self, stream: BinaryIO, header_bytes: int, start: int, stop: int | None) -> None:
        self._head = io.BytesIO(stream.read(header_bytes))
        self._stream = stream
        self._at, self._stop = stream.seek(start or header_bytes), stop
        self._told = 0

    def tell(self) -> int:
        return self._told

    def read(self, size: int) -> bytes:
        found = self._head.read(size)
        if not found:
            left = size if self._stop is None else min(size, self._stop - self._at)
            found = self._stream.read(left)
            self._at += len(found)
            if left and not found and self._stop is not None:
                raise ValueError("the file ends earlier than it did before")
        self._told += len(found)
        return found


def _snappy_block(stream: Any) -> io.BytesIO:
    """A block compressed by Snappy, by Arrow's own: fastavro would need another library.

    https://avro.apache.org/docs/1.12.0/specification/#snappy: four bytes at the end are the CRC-32
    of what is uncompressed. The size of that stands first, in seven bits a byte.
    """
    data = read_bytes(stream)
    size, shift = 0, 0
    for byte in data[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    found = pa.Codec("snappy").decompress(data[:-4], size, asbytes=True)
    if zlib.crc32(found).to_bytes(4, "big") != data[-4:]:
        raise ValueError("the checksum of a block is wrong")
    return io.BytesIO(found)


def _zstandard_block(stream: Any) -> io.BytesIO:
    return io.BytesIO(zstandard.ZstdDecompressor().decompressobj().decompress(read_bytes(stream)))


# fastavro would need further libraries for these, which Spark and others write.
fastavro_read.BLOCK_READERS.update(snappy=_snappy_block, zstandard=_zstandard_block)
