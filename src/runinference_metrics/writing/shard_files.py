"""Shards while they are written: lines of JSON, CSV, Parquet, Avro."""

import gzip
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol, cast

import fastavro
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
from fastavro.write import Writer

from runinference_metrics.records.kept import as_text, texts_of
from runinference_metrics.records.prediction import SCORES
from runinference_metrics.writing.avro_schema import avro_schema, converter, stored

# A row group of Parquet: what is read at once by those who read it, and some hundred of our
# batches. Readers want no fewer rows, and no more bytes than they hold.
_GROUP_ROWS, _GROUP_BYTES = 122_880, 64 << 20
# Faster than the default of 9, and files that are a hundredth larger.
_GZIP_LEVEL = 6
# What a CSV file can have; the rest is text there.
_PLAIN_IN_CSV = (
    pa.bool_(), pa.string(), pa.float32(), pa.float64(), pa.int8(), pa.int16(), pa.int32(),
    pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
)  # fmt: skip


class ShardFile(Protocol):
    """A shard that is being written."""

    @property
    def num_bytes(self) -> int:
        """What it has so far, as stored."""
        ...

    def write(self, block: Any) -> None:
        """Adds rows."""
        ...

    def close(self) -> None:
        """Ends it; it is whole then."""
        ...


class _Counted(io.RawIOBase):
    """A stream that knows how much went through it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.num_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(data)
        self.num_bytes += len(data)
        return len(data)

    def tell(self) -> int:
        return self.num_bytes

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream.close()


class _OfBytes:
    """What has a stream, perhaps through gzip."""

    def __init__(self, stream: BinaryIO, compressed: bool) -> None:
        self._stored = _Counted(stream)
        # No time in it: the same rows are the same bytes.
        self._stream: Any = (
            gzip.GzipFile("", "wb", _GZIP_LEVEL, cast(Any, self._stored), 0)
            if compressed
            else self._stored
        )

    @property
    def num_bytes(self) -> int:
        return self._stored.num_bytes

    def close(self) -> None:
        self._stream.close()
        self._stored.close()


class JsonLines(_OfBytes):
    """Lines of JSON: a block is some of them, without the last newline."""

    def write(self, block: bytes) -> None:
        """Adds rows."""
        self._stream.write(block)
        self._stream.write(b"\n")


class Csv(_OfBytes):
    """CSV below a header: strings stand in quotes, and nothing at all for null."""

    def __init__(self, stream: BinaryIO, compressed: bool, schema: pa.Schema) -> None:
        super().__init__(stream, compressed)
        self._csv = pa.csv.CSVWriter(self._stream, _cells_schema(schema))

    def write(self, block: pa.RecordBatch) -> None:
        """Adds rows."""
        self._csv.write_batch(_as_cells(block))

    def close(self) -> None:
        """Ends it."""
        self._csv.close()
        super().close()


class Parquet:
    """Parquet, in row groups of many batches, compressed by Zstandard."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._stored = _Counted(stream)
        self._schema = schema
        self._writer = pa.parquet.ParquetWriter(self._stored, schema, compression="zstd")
        self._held: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    @property
    def num_bytes(self) -> int:
        """What is stored, and what waits, which will be less."""
        return self._stored.num_bytes + self._bytes

    def write(self, block: pa.RecordBatch) -> None:
        """Adds rows."""
        self._held.append(block)
        self._rows += block.num_rows
        self._bytes += block.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            table = pa.Table.from_batches(self._held, self._schema)
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._held, self._rows, self._bytes = [], 0, 0

    def close(self) -> None:
        """Ends it."""
        self._flush()
        self._writer.close()
        self._stored.close()


class Avro:
    """Avro, in blocks compressed by deflate, which every reader knows."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._stored = _Counted(stream)
        parsed: Any = fastavro.parse_schema(avro_schema(schema))
        self._writer = Writer(cast(Any, self._stored), parsed, codec="deflate")
        self._convert = converter(pa.struct(list(schema))) or (lambda row: row)
        self._stored_as = pa.schema([(one.name, stored(one.type)) for one in schema])

    @property
    def num_bytes(self) -> int:
        """What is stored."""
        return self._stored.num_bytes

    def write(self, block: pa.RecordBatch) -> None:
        """Adds rows."""
        names = block.schema.names
        columns = [
            list(_scores(one)) if one.type == SCORES else one.cast(kind).to_pylist()
            for one, kind in zip(block.columns, self._stored_as.types, strict=True)
        ]
        for row in zip(*columns, strict=True):
            self._writer.write(self._convert(dict(zip(names, row, strict=True))))

    def close(self) -> None:
        """Ends it."""
        self._writer.flush()
        self._stored.close()


def _cells_schema(schema: pa.Schema) -> pa.Schema:
    none = [pa.array([], one.type) for one in schema]
    return _as_cells(pa.RecordBatch.from_arrays(none, schema=schema)).schema


def _as_cells(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The columns as CSV can have them: lists and objects as JSON."""
    columns = [_objects(one) if one.type == SCORES else _cells(one) for one in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _objects(scores: pa.Array) -> pa.Array:
    """Labels with their scores as objects, as lines of JSON have them."""
    rows = ({one["label"]: one["score"] for one in row} for row in _scores(scores))
    return pa.array([as_text(row) for row in rows], pa.string())


def _scores(column: pa.Array) -> Iterator[list[dict[str, Any]]]:
    """Labels with their scores; as `to_pylist` has them, which takes ten times as long."""
    labels, scores = (one.to_pylist() for one in column.flatten().flatten())
    flat = [{"label": label, "score": score} for label, score in zip(labels, scores, strict=True)]
    at = 0
    for length in pa.compute.list_value_length(column).to_pylist():
        yield flat[at : at + length]
        at += length


def _cells(column: pa.Array) -> pa.Array:
    return column if column.type in _PLAIN_IN_CSV else texts_of(column)
