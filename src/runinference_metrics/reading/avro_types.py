"""Avro's types as Arrow's."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

_PLAIN = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}
# https://avro.apache.org/docs/1.12.0/specification/#logical-types: by the type that each is of;
# of another one it is none.
_LOGICAL = {
    ("int", "date"): pa.date32(),
    ("int", "time-millis"): pa.time32("ms"),
    ("long", "time-micros"): pa.time64("us"),
    ("long", "timestamp-millis"): pa.timestamp("ms", "UTC"),
    ("long", "timestamp-micros"): pa.timestamp("us", "UTC"),
    ("long", "timestamp-nanos"): pa.timestamp("ns", "UTC"),
    ("long", "local-timestamp-millis"): pa.timestamp("ms"),
    ("long", "local-timestamp-micros"): pa.timestamp("us"),
    ("long", "local-timestamp-nanos"): pa.timestamp("ns"),
    ("string", "uuid"): pa.string(),
}
# How fastavro reads strings, so that what is no UTF-8 costs its row alone.
HANDLER = "surrogateescape"
# Arrow's 256 bits hold so many digits.
_MOST_DIGITS = 76


class NoType(Exception):
    """Arrow has no type for values of several kinds, for one that holds itself, and the like."""


def arrow_type(schema: Any, known: Mapping[str, Any], above: tuple[str, ...] = ()) -> pa.DataType:
    """Arrow's type for a type of Avro's.

    Args:
        schema: Avro's, as fastavro parses it.
        known: the types that have names.
        above: the names of those in which this one stands.

    Raises:
        NoType: there is none.
    """
    if isinstance(schema, list):
        kinds = [one for one in schema if one != "null"]
        if len(kinds) > 1:
            raise NoType
        return arrow_type(kinds[0], known, above) if kinds else pa.null()
    if isinstance(schema, str):
        if schema in _PLAIN:
            return _PLAIN[schema]
        if schema in above:
            raise NoType
        return arrow_type(known[schema], known, above)
    logical = schema.get("logicalType")
    if logical == "decimal" and schema["type"] in ("bytes", "fixed"):
        return _decimal(schema["precision"], schema.get("scale", 0))
    if found := _LOGICAL.get((schema["type"], logical)):
        return found
    match schema["type"]:
        case "record":
            inside = (*above, schema.get("name", ""))
            if not schema["fields"]:
                # Parquet has no such objects.
                raise NoType
            return pa.struct([
                pa.field(one["name"], arrow_type(one["type"], known, inside))
                for one in schema["fields"]
            ])  # fmt: skip
        case "array":
            return pa.list_(arrow_type(schema["items"], known, above))
        case "map":
            return pa.map_(pa.string(), arrow_type(schema["values"], known, above))
        case "enum":
            return pa.string()
        case "fixed":
            return pa.binary()
    return arrow_type(schema["type"], known, above)


def _decimal(digits: int, scale: int) -> pa.DataType:
    if digits > _MOST_DIGITS:
        raise NoType
    return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values as a column; strings that are no UTF-8, with surrogates for what is not, as stored."""
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        raw = pa.array([_encoded(one) for one in values], _of_bytes(kind))
        return pc.cast(raw, options=pc.CastOptions(kind, allow_invalid_utf8=True))


def _encoded(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors=HANDLER)
    if isinstance(value, dict):
        return {name: _encoded(one) for name, one in value.items()}
    return [_encoded(one) for one in value] if isinstance(value, list) else value


def _of_bytes(kind: pa.DataType) -> pa.DataType:
    if types.is_string(kind):
        return pa.binary()
    if types.is_list(kind):
        return pa.list_(_of_bytes(kind.value_type))
    if types.is_map(kind):
        return pa.map_(pa.string(), _of_bytes(kind.item_type))
    if types.is_struct(kind):
        return pa.struct([pa.field(one.name, _of_bytes(one.type)) for one in kind])
    return kind


def plain_value(value: Any) -> Any:
    """A value as Arrow takes it: what fastavro reads of `uuid` it does not."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, dict):
        return {name: plain_value(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain_value(one) for one in value]
    return value
