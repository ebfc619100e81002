"""Avro files: their columns, and their blocks, which are read apart."""

import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO, cast

import fastavro
import pyarrow as pa
import zstandard
from fastavro import read as fastavro_read
from fastavro._read import read_bytes  # type: ignore[attr-defined]
from fastavro.schema import UnknownType

from runinference_metrics.reading.avro_types import NoType, arrow_type, plain_value
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
        for block in fastavro.block_reader(self._stream):
            end = block.offset + block.size
            rows += block.num_records
            if end - start >= range_bytes:
                yield start, end, first_row
                start, first_row, rows = end, first_row + rows, 0
        if end > start:
            yield start, end, first_row

    def begins(self, start: int, first_row: int) -> bool:
        """True: a block that does not begin there is found to be damaged."""
        return True

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
        source: BinaryIO = self._stream
        if start or stop is not None:
            source = _spliced(self._stream, self._header_bytes, start, stop)
        rows = iter(self._reader(source, schema.names))
        while some := list(islice(rows, _ROWS)):
            columns = [self._column(some, one) for one in fields]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def _columns(self, names: Sequence[str]) -> list[pa.Field]:
        heads = {head for name in names for head in (name, name.partition(_DOT)[0])}
        return [one for one in self.schema if one.name in heads]

    def _reader(self, source: BinaryIO, names: Sequence[str]) -> Any:
        """What decodes the wanted fields, and passes over the others."""
        wanted = [one for one in self._writer["fields"] if one["name"] in names]
        schema: Any = {**self._writer, "fields": wanted}
        try:
            wanted_alone = fastavro.parse_schema(schema)
        except UnknownType:
            # A type that another field names: all are decoded.
            wanted_alone = None
        return fastavro.reader(source, wanted_alone)

    def _column(self, rows: Sequence[Any], field: pa.Field) -> pa.Array:
        name = field.name
        values = [row[name] for row in rows]
        if name in self._texts:
            values = [_text(one) for one in values]
        elif self._has_uuid:
            values = [plain_value(one) for one in values]
        return pa.array(values, field.type)


def _text(value: Any) -> str | None:
    return as_text(value) if value is None or isinstance(value, str) else to_json(value).decode()


def _spliced(stream: BinaryIO, header_bytes: int, start: int, stop: int | None) -> BinaryIO:
    """The header of a file and some of its blocks, as a file of its own."""
    head = stream.read(header_bytes)
    stream.seek(start or header_bytes)
    left = None if stop is None else stop - (start or header_bytes)
    return cast(BinaryIO, io.BufferedReader(_Spliced(head, stream, left)))


class _Spliced(io.RawIOBase):
    def __init__(self, head: bytes, stream: BinaryIO, left: int | None) -> None:
        super().__init__()
        self._head, self._stream, self._left = head, stream, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        if self._head:
            found, self._head = self._head[:size], self._head[size:]
        else:
            found = self._stream.read(size if self._left is None else min(size, self._left))
            self._left = None if self._left is None else self._left - len(found)
        buffer[: len(found)] = found
        return len(found)


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
