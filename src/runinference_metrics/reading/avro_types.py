"""Avro's types as Arrow's."""

import uuid
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

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
# https://avro.apache.org/docs/1.12.0/specification/#logical-types, as fastavro reads them.
_LOGICAL = {
    "date": pa.date32(),
    "time-millis": pa.time32("ms"),
    "time-micros": pa.time64("us"),
    "timestamp-millis": pa.timestamp("ms", "UTC"),
    "timestamp-micros": pa.timestamp("us", "UTC"),
    "local-timestamp-millis": pa.timestamp("ms"),
    "local-timestamp-micros": pa.timestamp("us"),
    "uuid": pa.string(),
}
# Arrow's 256 bits hold so many digits.
_MOST_DIGITS = 76


class NoType(Exception):
    """Arrow has no type for values of several kinds, nor for one that holds itself."""


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
    if logical == "decimal" and schema.get("precision", 0) <= _MOST_DIGITS:
        digits, scale = schema["precision"], schema.get("scale", 0)
        return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)
    if logical in _LOGICAL:
        return _LOGICAL[logical]
    match schema["type"]:
        case "record":
            inside = (*above, schema.get("name", ""))
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


def plain_value(value: Any) -> Any:
    """A value as Arrow takes it: what fastavro reads of `uuid` it does not."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, dict):
        return {name: plain_value(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain_value(one) for one in value]
    return value
