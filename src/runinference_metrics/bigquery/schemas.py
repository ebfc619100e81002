"""BigQuery's types and Arrow's."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import types

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField

# https://cloud.google.com/bigquery/docs/reference/storage#arrow_schema_details; the old names too.
_ARROW = {
    "STRING": pa.string(), "JSON": pa.string(), "GEOGRAPHY": pa.string(),
    "INTEGER": pa.int64(), "INT64": pa.int64(),
    "FLOAT": pa.float64(), "FLOAT64": pa.float64(),
    "BOOLEAN": pa.bool_(), "BOOL": pa.bool_(),
    "BYTES": pa.binary(),
    "NUMERIC": pa.decimal128(38, 9), "BIGNUMERIC": pa.decimal256(76, 38),
    "TIMESTAMP": pa.timestamp("us", "UTC"), "DATETIME": pa.timestamp("us"),
    "DATE": pa.date32(), "TIME": pa.time64("us"),
}  # fmt: skip
# https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types
_NUMERIC_WHOLE, _NUMERIC_SCALE = 29, 9
_BIG_WHOLE, _BIG_SCALE = 38, 38
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def arrow_schema(fields: Sequence["SchemaField"]) -> pa.Schema:
    """The columns of a table or of a query's result."""
    return pa.schema([(one.name, _arrow(one)) for one in fields])


def _arrow(field: "SchemaField") -> pa.DataType:
    if field.field_type in ("RECORD", "STRUCT"):
        kind = pa.struct([(one.name, _arrow(one)) for one in field.fields])
    else:
        # Ranges, intervals and what comes later are no texts; nobody needs more of them here.
        kind = _ARROW.get(field.field_type, pa.null())
    return pa.list_(kind) if field.mode == "REPEATED" else kind


def nearest(kind: pa.DataType) -> pa.DataType:
    """The type that a column has in a table, which has fewer: the next wider one, or text."""
    if kind == pa.uint64():
        return pa.decimal128(20, 0)
    if types.is_integer(kind):
        return pa.int64()
    if types.is_floating(kind):
        return pa.float64()
    if types.is_decimal(kind):
        whole = kind.precision - kind.scale
        return kind if whole <= _BIG_WHOLE and kind.scale <= _BIG_SCALE else pa.string()
    if types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if types.is_time(kind):
        return pa.time64("us")
    if types.is_list(kind):
        item = nearest(kind.value_type)
        # A list has no lists in it, and nothing that is null.
        return pa.string() if types.is_list(item) else pa.list_(pa.field("item", item, False))
    if types.is_struct(kind):
        names = [one.name.lower() for one in kind]
        if not names or len({*names}) < len(names) or not all(map(_NAME.fullmatch, names)):
            return pa.string()
        return pa.struct([pa.field(one.name, nearest(one.type)) for one in kind])
    plain = (pa.bool_(), pa.string(), pa.binary(), pa.date32())
    return kind if kind in plain else pa.string()


def table_schema(schema: pa.Schema) -> "list[SchemaField]":
    """The schema of a table with these columns, whose types are `nearest` ones."""
    return [_field(one.name, one.type) for one in schema]


def _field(name: str, kind: pa.DataType) -> "SchemaField":
    from google.cloud.bigquery import SchemaField

    mode = "NULLABLE"
    if types.is_list(kind):
        mode, kind = "REPEATED", kind.value_type
    if types.is_struct(kind):
        return SchemaField(
            name, "RECORD", mode, fields=[_field(one.name, one.type) for one in kind]
        )
    return SchemaField(name, _name_of(kind), mode)


def _name_of(kind: pa.DataType) -> str:
    if types.is_decimal(kind):
        small = kind.scale <= _NUMERIC_SCALE and kind.precision - kind.scale <= _NUMERIC_WHOLE
        return "NUMERIC" if small else "BIGNUMERIC"
    if types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "DATETIME"
    return {
        pa.string(): "STRING", pa.int64(): "INTEGER", pa.float64(): "FLOAT",
        pa.bool_(): "BOOLEAN", pa.binary(): "BYTES", pa.date32(): "DATE", pa.time64("us"): "TIME",
    }[kind]  # fmt: skip
