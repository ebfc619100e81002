"""Arrow's columns as Avro has them: the schema, and values where they differ."""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pyarrow import types

from runinference_metrics.records.plain_types import plain

# https://avro.apache.org/docs/1.12.0/specification/#logical-types
_MILLIS, _MICROS = "ms", "us"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Holds all whole numbers that Avro's long does not.
_UINT64 = pa.decimal128(20, 0)


def nearest(kind: pa.DataType) -> pa.DataType:
    """The type that a column has in Avro, which has fewer: the next wider one, or text."""
    kind = plain(kind)
    if kind == pa.uint64():
        return _UINT64
    if types.is_integer(kind):
        return pa.int32() if kind.bit_width < 32 or kind == pa.int32() else pa.int64()
    if types.is_timestamp(kind):
        return pa.timestamp(_MILLIS if kind.unit in ("s", _MILLIS) else _MICROS, kind.tz)
    if types.is_time(kind):
        return pa.time32(_MILLIS) if types.is_time32(kind) else pa.time64(_MICROS)
    if types.is_duration(kind) or types.is_interval(kind):
        return pa.string()
    if types.is_list(kind):
        return pa.list_(nearest(kind.value_type))
    if types.is_map(kind):
        is_text = types.is_string(kind.key_type)
        return pa.map_(pa.string(), nearest(kind.item_type)) if is_text else pa.string()
    if types.is_struct(kind):
        names = [one.name for one in kind]
        if len({*names}) < len(names) or not all(map(_NAME.fullmatch, names)):
            return pa.string()
        return pa.struct([pa.field(one.name, nearest(one.type)) for one in kind])
    return kind


def stored(kind: pa.DataType) -> pa.DataType:
    """A `nearest` type with times as the numbers that Avro stores: Python's end with a year."""
    if types.is_date(kind) or types.is_time32(kind):
        return pa.int32()
    if types.is_timestamp(kind) or types.is_time64(kind):
        return pa.int64()
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(stored(kind.value_type)))
    if types.is_map(kind):
        return pa.map_(kind.key_type, stored(kind.item_type))
    if types.is_struct(kind):
        return pa.struct([one.with_type(stored(one.type)) for one in kind])
    return kind


def avro_schema(schema: pa.Schema) -> dict[str, Any]:
    """The schema of a file with these columns, whose types are `nearest` ones."""
    return _record(list(schema), "Prediction")


def _record(fields: list[pa.Field], name: str) -> dict[str, Any]:
    return {
        "type": "record",
        "name": name,
        "fields": [
            # A name that no other record has: where it stands.
            {"name": one.name, "type": _field(one, f"{name}.{one.name}")}
            for one in fields
        ],
    }


def _field(field: pa.Field, name: str) -> Any:
    kind = _type(field.type, name)
    return ["null", kind] if field.nullable else kind


def _type(kind: pa.DataType, name: str) -> Any:
    if types.is_struct(kind):
        return _record(list(kind), name)
    if types.is_list(kind):
        return {"type": "array", "items": _field(kind.value_field, f"{name}.item")}
    if types.is_map(kind):
        return {"type": "map", "values": ["null", _type(kind.item_type, f"{name}.value")]}
    if types.is_decimal(kind):
        return {"type": "bytes", "logicalType": "decimal",
                "precision": kind.precision, "scale": kind.scale}  # fmt: skip
    if types.is_timestamp(kind):
        local = "" if kind.tz else "local-"
        name = f"{local}timestamp-{'millis' if kind.unit == _MILLIS else 'micros'}"
        return {"type": "long", "logicalType": name}
    if types.is_date(kind):
        return {"type": "int", "logicalType": "date"}
    if types.is_time(kind):
        milli = types.is_time32(kind)
        return {"type": "int" if milli else "long",
                "logicalType": "time-millis" if milli else "time-micros"}  # fmt: skip
    return _PLAIN[kind]


_PLAIN = {
    pa.bool_(): "boolean",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "string",
    pa.binary(): "bytes",
}


def converter(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What makes Avro's of a value of Arrow's; None where they are the same."""
    if types.is_map(kind):
        inner = converter(kind.item_type) or _same
        return lambda pairs: None if pairs is None else {key: inner(value) for key, value in pairs}
    if types.is_list(kind) and (inside := converter(kind.value_type)):
        return lambda values: values and [inside(one) for one in values]
    if types.is_struct(kind):
        inner_of = {one.name: made for one in kind if (made := converter(one.type))}
        if inner_of:
            return lambda row: (
                row and {name: inner_of.get(name, _same)(value) for name, value in row.items()}
            )
    return None


def _same(value: Any) -> Any:
    return value
