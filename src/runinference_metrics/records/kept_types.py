"""The types of what rows carry along: the same in all shards, whatever file a row came from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyarrow import types

from runinference_metrics.records.kept import as_text
from runinference_metrics.records.plain_types import plain

# The most digits of a decimal that every reader takes.
_MOST_DIGITS = 38
# Digits of the largest whole numbers of 64 bits.
_DIGITS_OF_INT64, _DIGITS_OF_UINT64 = 19, 20
_UNITS = ("s", "ms", "us", "ns")


class Misfit(Exception):
    """A value that cannot be of the type that its column has."""


@dataclass(frozen=True)
class KeptTypes:
    """What types the columns of predictions have that come of the input.

    Args:
        id: that of `id_field`; None where no such field is named.
        fields: the kept fields and theirs.
    """

    id: pa.DataType | None
    fields: pa.Schema

    def fitting(self, row: dict[str, Any]) -> dict[str, Any]:
        """The kept fields of a row of JSON or CSV, as values of their types.

        Raises:
            Misfit: one cannot be.
        """
        for name in row:
            if name not in self.fields.names:
                raise Misfit(
                    f"field {name!r} was in none of the rows that were looked at before the run: "
                    "name it in --keep_fields"
                )
        return {one.name: _fitted(row.get(one.name), one.type, one.name) for one in self.fields}

    def fitting_id(self, value: Any, name: str) -> Any:
        """The id of a row of JSON or CSV, likewise."""
        return value if self.id is None else _fitted(value, self.id, name)


def of_json(value: Any) -> pa.DataType:
    """The type of a value of JSON; objects, and lists of more than plain values, are texts."""
    match value:
        case None:
            return pa.null()
        case bool():
            return pa.bool_()
        case int():
            return pa.int64() if -(2**63) <= value < 2**63 else pa.string()
        case float():
            return pa.float64()
        case list() if not any(isinstance(one, list | dict) for one in value):
            return pa.list_(joined(map(of_json, value)))
    return pa.string()


def joined(kinds: Iterable[pa.DataType]) -> pa.DataType:
    """The narrowest type that holds the values of all these, as texts if there is no other."""
    found = pa.null()
    for kind in kinds:
        found = _both(found, plain(kind))
    return found


def settled(kind: pa.DataType) -> pa.DataType:
    """The type of a column, of which no value may have been seen."""
    if types.is_null(kind):
        return pa.string()
    if types.is_list(kind):
        return pa.list_(settled(kind.value_type))
    if types.is_map(kind):
        return pa.map_(kind.key_type, settled(kind.item_type))
    if types.is_struct(kind):
        return pa.struct([pa.field(one.name, settled(one.type)) for one in kind])
    return kind


def _both(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    if _is_int64(one) and _is_int64(other):
        return pa.int64()
    if _is_number(one) and _is_number(other):
        return pa.float64()
    if _is_exact(one) and _is_exact(other):
        return _decimal(one, other)
    if types.is_timestamp(one) and types.is_timestamp(other) and one.tz == other.tz:
        return pa.timestamp(_finer(one, other), one.tz)
    if types.is_time(one) and types.is_time(other):
        unit = _finer(one, other)
        return pa.time32(unit) if unit in _UNITS[:2] else pa.time64(unit)
    if types.is_duration(one) and types.is_duration(other):
        return pa.duration(_finer(one, other))
    if types.is_list(one) and types.is_list(other):
        return pa.list_(_both(one.value_type, other.value_type))
    if types.is_struct(one) and types.is_struct(other):
        kinds = {field.name: field.type for field in one}
        for field in other:
            kinds[field.name] = _both(kinds.get(field.name, pa.null()), field.type)
        return pa.struct([pa.field(name, kind) for name, kind in kinds.items()])
    return pa.string()


def _finer(one: pa.DataType, other: pa.DataType) -> str:
    return max(one.unit, other.unit, key=_UNITS.index)


def _is_int64(kind: pa.DataType) -> bool:
    return types.is_integer(kind) and kind != pa.uint64()


def _is_number(kind: pa.DataType) -> bool:
    return _is_int64(kind) or types.is_floating(kind)


def _is_exact(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_decimal(kind)


def _decimal(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    scale = max(_scale(one), _scale(other))
    digits = max(_whole_digits(one), _whole_digits(other)) + scale
    return pa.decimal128(digits, scale) if digits <= _MOST_DIGITS else pa.string()


def _scale(kind: pa.DataType) -> int:
    return kind.scale if types.is_decimal(kind) else 0


def _whole_digits(kind: pa.DataType) -> int:
    if types.is_decimal(kind):
        return kind.precision - kind.scale
    return _DIGITS_OF_UINT64 if kind == pa.uint64() else _DIGITS_OF_INT64


def _fitted(value: Any, kind: pa.DataType, name: str) -> Any:
    """A value of JSON as one of a type; raises Misfit."""
    if value is None:
        return None
    if types.is_string(kind):
        return as_text(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = number and isinstance(value, int)
    if types.is_boolean(kind) and isinstance(value, bool):
        return value
    if types.is_integer(kind) and whole:
        low, high = _limits(kind)
        if low <= value <= high:
            return value
    if types.is_floating(kind) and number and _is_exactly(value):
        return float(value)
    if types.is_decimal(kind) and whole and abs(value) < 10 ** _whole_digits(kind):
        return Decimal(value)
    if types.is_list(kind) and isinstance(value, list):
        if None in value and not kind.value_field.nullable:
            raise Misfit(f"field {name!r} is a list with a null in it, which a table cannot have")
        return [_fitted(one, kind.value_type, name) for one in value]
    raise Misfit(
        f"field {name!r} is {as_text(value)!s:.100}, and {kind} in the rows that were looked at "
        "before the run"
    )


def _limits(kind: pa.DataType) -> tuple[int, int]:
    signed = types.is_signed_integer(kind)
    return (-(2 ** (kind.bit_width - 1)) if signed else 0), 2 ** (kind.bit_width - signed) - 1


def _is_exactly(value: int | float) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False


def kept_types(
    id_kinds: Sequence[pa.DataType] | None, fields: dict[str, list[pa.DataType]]
) -> KeptTypes:
    """The types of columns, by those that files have.

    Args:
        id_kinds: those of `id_field` in each file; None where no such field is named.
        fields: those of each kept field.
    """
    return KeptTypes(
        None if id_kinds is None else _of_ids(settled(joined(id_kinds))),
        pa.schema([(name, settled(joined(kinds))) for name, kinds in fields.items()]),
    )


def _of_ids(kind: pa.DataType) -> pa.DataType:
    """The type of ids, which travel as Python's values: its times are coarser, and end sooner."""
    is_plain = _is_exact(kind) or types.is_floating(kind) or types.is_boolean(kind)
    return kind if is_plain or types.is_binary(kind) else pa.string()
