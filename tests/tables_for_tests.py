"""Random columns of Arrow's, and files of Avro as others write them."""

import io
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from hypothesis import strategies as st

from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND, FormatOptions
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.kept import Kept
from runinference_metrics.records.record import Record, RecordBatch, Rejected

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
NAMES = st.text("abcXYZ é.\"'-1_", min_size=1, max_size=5)
TIMES = st.integers(-(2**40), 2**40)


def _bits(kind: pa.DataType) -> st.SearchStrategy[int]:
    signed = pa.types.is_signed_integer(kind)
    top = 2 ** (kind.bit_width - signed)
    return st.integers(-top if signed else 0, top - 1)


def _decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    whole = st.integers(-(10**digits) + 1, 10**digits - 1)
    return whole.map(lambda one: Decimal(one).scaleb(-scale))


# Types that hold no others, with their values.
LEAVES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    **{kind: _bits(kind) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(),
                                      pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())},
    pa.float16(): st.floats(width=16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.decimal32(5, 2): _decimals(5, 2),
    pa.decimal64(15, 3): _decimals(15, 3),
    pa.decimal128(10, 2): _decimals(10, 2),
    pa.decimal128(38, 0): _decimals(18, 0),
    pa.decimal256(50, 5): _decimals(18, 5),
    **{pa.timestamp(unit, zone): TIMES for unit in ("ms", "us", "ns")
       for zone in (None, "UTC", "America/New_York", "+05:30")},
    pa.date32(): st.integers(-100_000, 100_000),
    pa.date64(): st.integers(-100_000, 100_000).map(lambda one: one * 86_400_000),
    pa.time32("ms"): st.integers(0, 86_399_999),
    pa.time64("us"): st.integers(0, 86_399_999_999),
    pa.time64("ns"): st.integers(0, 86_399_999_999_999),
    pa.duration("us"): TIMES,
    pa.string(): WORDS,
    pa.large_string(): WORDS,
    pa.string_view(): WORDS,
    pa.dictionary(pa.int32(), pa.string()): WORDS,
    pa.binary(): st.binary(max_size=8),
    pa.large_binary(): st.binary(max_size=8),
    pa.binary_view(): st.binary(max_size=20),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.null(): st.none(),
}  # fmt: skip
Column = tuple[pa.DataType, st.SearchStrategy[Any]]


def _leaves() -> st.SearchStrategy[Column]:
    return st.sampled_from(list(LEAVES.items()))


def _nested(inner: st.SearchStrategy[Column]) -> st.SearchStrategy[Column]:
    def lists(one: Column) -> st.SearchStrategy[Column]:
        values = st.lists(st.none() | one[1], max_size=3)
        makers = [pa.list_, pa.large_list, pa.list_view]
        return st.sampled_from([(make(one[0]), values) for make in makers])

    def maps(one: Column) -> Column:
        values = st.dictionaries(WORDS, st.none() | one[1], max_size=3)
        return pa.map_(pa.string(), one[0]), values.map(lambda found: list(found.items()))

    def structs(fields: dict[str, Column]) -> Column:
        kind = pa.struct([(name, one[0]) for name, one in fields.items()])
        values = {name: st.none() | one[1] for name, one in fields.items()}
        return kind, st.fixed_dictionaries(values)

    return (
        inner.flatmap(lists)
        | inner.map(maps)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=3).map(structs)
    )


@st.composite
def arrays(draw: Any, size: int) -> pa.Array:
    """A column of any type that Parquet has, of so many values."""
    kind, values = draw(st.recursive(_leaves(), _nested, max_leaves=4))
    found = draw(st.lists(st.none() | values, min_size=size, max_size=size))
    return pa.array(found, kind)


def is_equal(one: pa.Array, other: pa.Array) -> bool:
    """Whether two columns have the same values, numbers that are none too."""
    if one.type != other.type:
        return False
    try:
        return repr(one.to_pylist()) == repr(other.to_pylist())
    except ValueError:
        # Python has no nanoseconds.
        return one.equals(other)


def counts(size: int) -> pa.Array:
    """Numbers from 0 on."""
    return pa.array(range(size), pa.int64())


def parquet(path: Path, table: pa.Table | dict[str, Any], **options: Any) -> Path:
    """Writes a table as Parquet."""
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path, **options)
    return path


def avro(
    path: Path, fields: dict[str, Any], some: Sequence[dict[str, Any]], codec: str = "null",
    sync_interval: int = 16_000,
) -> Path:  # fmt: skip
    """Writes rows as Avro, by fastavro where it can, else by hand."""
    named = [{"name": name, "type": kind} for name, kind in fields.items()]
    record = {"type": "record", "name": "Row", "fields": named}
    written = codec if codec in ("null", "deflate", "bzip2", "xz") else "null"
    stream = io.BytesIO()
    fastavro.writer(stream, fastavro.parse_schema(record), some, written, sync_interval)
    content = stream.getvalue()
    path.write_bytes(content if written == codec else _compressed(content, codec))
    return path


def _compressed(content: bytes, codec: str) -> bytes:
    """A file of Avro with each of its blocks compressed, as other writers do it."""
    stream = io.BytesIO(content)
    sync = fastavro.reader(stream)._header["sync"]
    header = content[: stream.tell()].replace(b"\x08null", bytes([2 * len(codec)]) + codec.encode())
    found = [header]
    stream.seek(0)
    for block in fastavro.block_reader(stream):
        data = block.bytes_.getvalue()
        if codec == "snappy":
            packed = pa.Codec("snappy").compress(data, asbytes=True)
            packed += zlib.crc32(data).to_bytes(4, "big")
        else:
            packed = zstandard.ZstdCompressor(write_content_size=False).compress(data)
        found += [_long(block.num_records), _long(len(packed)), packed, sync]
    return b"".join(found)


def _long(value: int) -> bytes:
    """A whole number as Avro has it: seven bits a byte, the lowest first, none negative here."""
    value *= 2
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


class Stream(io.BytesIO):
    """What was written stays when it is closed."""

    def close(self) -> None:
        """Does not throw it away."""


ALL = RowFields("text", "", ("*",))


def read(
    path: Path | FileRange, fields: RowFields = ALL, said: FormatOptions = AS_FOUND
) -> list[Any]:
    """What becomes of the rows of a file."""
    part = path if isinstance(path, FileRange) else FileRange(str(path))
    return list(rows(part, fields, said))


def by_position(found: Sequence[Any]) -> dict[int, Any]:
    """What is predicted, with its kept fields as JSON has them; and dead letters."""
    return dict(sorted(_placed(found)))


def _placed(found: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    for one in found:
        if isinstance(one, RecordBatch):
            kept = one.fields.json_rows() if isinstance(one.fields, Kept) else one.fields
            yield from zip(one.positions, zip(one.texts, kept, strict=True), strict=True)
        elif isinstance(one, Record):
            yield one.position, (one.text, one.fields)
        elif isinstance(one, Rejected):
            yield one.position, one


def kept_columns(found: Sequence[Any]) -> pa.Table:
    """The kept fields of all records, as columns."""
    batches = [one.fields.columns for one in found if isinstance(one, RecordBatch)]
    return pa.Table.from_batches(batches)


def fault(found: Sequence[Any]) -> Rejected:
    """The only dead letter."""
    (letter,) = (one for one in found if isinstance(one, Rejected))
    return letter
