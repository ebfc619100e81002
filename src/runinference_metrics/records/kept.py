"""What rows carry along, in Arrow's columns, so that its types survive; and its forms elsewhere."""

import base64
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from runinference_metrics.records.plain_types import entries, plain_array


@dataclass(frozen=True, slots=True)
class Kept:
    """The kept fields of many rows.

    Args:
        columns: a column a field.
    """

    columns: pa.RecordBatch

    def __len__(self) -> int:
        return self.columns.num_rows

    def __reduce__(self) -> tuple[Callable[[bytes], "Kept"], tuple[bytes]]:
        # Arrow's own pickling takes along all of a batch of which this is a slice.
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.columns.schema) as stream:
            stream.write_batch(self.columns)
        return _restored, (sink.getvalue().to_pybytes(),)

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any] | None], schema: pa.Schema) -> "Kept":
        """The fields of rows whose values are of these types."""
        columns = [
            pa.array([None if row is None else row.get(one.name) for row in rows], one.type)
            for one in schema
        ]
        return cls(pa.RecordBatch.from_arrays(columns, schema=schema))

    @classmethod
    def join(cls, parts: Sequence["Kept"]) -> "Kept":
        """The fields of the rows of all these, which have the same columns, in their order."""
        return cls(pa.concat_batches([one.columns for one in parts]))

    def only(self, which: Sequence[int]) -> "Kept":
        """The fields of the rows at the places `which`."""
        return Kept(self.columns.take(pa.array(which, pa.int64())))

    def json_rows(self) -> list[dict[str, Any]]:
        """The fields of each row, in values that JSON has."""
        names = self.columns.schema.names
        columns = [json_values(one) for one in self.columns.columns]
        if not columns:
            return [{} for _ in range(len(self))]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _restored(stream: bytes) -> Kept:
    with pa.ipc.open_stream(stream) as reader:
        return Kept(reader.read_next_batch())


def json_form(value: Any) -> Any:
    """What stands in JSON for a value that JSON has not; numbers stay as exact as they were.

    Raises:
        TypeError: nothing does.
    """
    if isinstance(value, Decimal):
        # A reader of JSON would make a double of a number.
        return format(value, "f")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)


def json_values(array: pa.Array) -> list[Any]:
    """The values of a column, as JSON has them.

    Decimals and times are strings, as BigQuery exports them: 12.50, 2026-11-28T05:21:30Z. Bytes
    are in base64, numbers that are none "NaN", "Infinity" and "-Infinity".
    """
    array = plain_array(array)
    kind = array.type
    if types.is_floating(kind):
        return _floats(array)
    if types.is_timestamp(kind):
        return _timestamps(array)
    if types.is_date(kind) or types.is_time(kind):
        return array.cast(pa.string()).to_pylist()
    if types.is_struct(kind):
        return _structs(array)
    if types.is_map(kind):
        return _maps(array)
    if types.is_list(kind):
        return list(_regrouped(array, json_values(array.flatten())))
    if types.is_duration(kind):
        return _durations(array)
    found = array.to_pylist()
    if types.is_decimal(kind) or types.is_binary(kind):
        return [None if one is None else json_form(one) for one in found]
    return found


def texts_of(array: pa.Array) -> pa.Array:
    """The values of a column as texts: strings as they are, all else as it stands in JSON."""
    return pa.array([as_text(one) for one in json_values(array)], pa.string())


def as_text(value: Any) -> str | None:
    """A value of JSON as a text; nothing stays nothing."""
    if value is None or isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Whole numbers beyond 64 bits.
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _floats(array: pa.Array) -> list[Any]:
    found = array.to_pylist()
    if pc.all(pc.is_finite(array), skip_nulls=True).as_py() in (True, None):
        return found
    return [one if one is None or math.isfinite(one) else _NO_NUMBERS[str(one)] for one in found]


_NO_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _timestamps(array: pa.Array) -> list[str | None]:
    # As the instant itself, so that no table of time zones is needed, which images do not have.
    instants = array.cast(pa.timestamp(array.type.unit)).cast(pa.string())
    end = "Z" if array.type.tz else ""
    # What lies beyond all calendars stays as Arrow writes it: <value out of range: 12>.
    return [
        f"{one.replace(' ', 'T')}{end}" if one and not one.startswith("<") else one
        for one in instants.to_pylist()
    ]


def _durations(array: pa.Array) -> list[str | None]:
    """As in ISO 8601, in seconds: PT-1.500S."""
    digits = _DIGITS[array.type.unit]
    return [
        None if one is None else f"PT{Decimal(one).scaleb(-digits):f}S"
        for one in array.cast(pa.int64()).to_pylist()
    ]


_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def _structs(array: pa.Array) -> list[dict[str, Any] | None]:
    names = [one.name for one in array.type]
    columns = [json_values(one) for one in array.flatten()]
    rows = zip(*columns, strict=True) if columns else ((),) * len(array)
    return [
        dict(zip(names, row, strict=True)) if valid else None
        for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)
    ]


def _maps(array: pa.Array) -> list[Any]:
    """Objects; where keys are no strings, lists of keys and values, as Arrow's readers have it."""
    offsets, keys, items = entries(array)
    pairs = list(zip(json_values(keys), json_values(items), strict=True))
    valid, ends = array.is_valid().to_pylist(), offsets.to_pylist()
    found = [
        pairs[start:stop] if one else None
        for one, start, stop in zip(valid, ends[:-1], ends[1:], strict=True)
    ]
    if types.is_string(array.type.key_type):
        return [one if one is None else dict(one) for one in found]
    return [
        one if one is None else [{"key": key, "value": value} for key, value in one]
        for one in found
    ]


def _regrouped(array: pa.Array, flat: list[Any]) -> Iterator[list[Any] | None]:
    at = 0
    for length in pc.list_value_length(array).to_pylist():
        if length is None:
            yield None
            continue
        yield flat[at : at + length]
        at += length
