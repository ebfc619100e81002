"""The types of what rows carry along: the same in all shards, whatever file a row came from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import types

from runinference_metrics.records.kept import as_text, texts_of

# The most digits of a decimal that every reader takes.
_MOST_DIGITS = 38
# Digits of the largest whole number of 64 bits.
_DIGITS_OF_INT64 = 19
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


def plain(kind: pa.DataType) -> pa.DataType:
    """The type itself, however a file has it laid out."""
    if types.is_dictionary(kind):
        return plain(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return plain(kind.storage_type)
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if (
        types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    ):
        return pa.binary()
    if types.is_timestamp(kind) and kind.tz:
        return pa.timestamp(kind.unit, "UTC")
    if types.is_date64(kind):
        return pa.date32()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_map(kind):
        return pa.map_(plain(kind.key_type), plain(kind.item_type))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(plain(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([pa.field(one.name, plain(one.type)) for one in kind])
    return kind


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
    if types.is_struct(kind):
        return pa.struct([pa.field(one.name, settled(one.type)) for one in kind])
    return kind


def _both(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    if types.is_integer(one) and types.is_integer(other):
        return pa.string() if pa.uint64() in (one, other) else pa.int64()
    if _is_number(one) and _is_number(other):
        return pa.float64()
    if _is_exact(one) and _is_exact(other):
        return _decimal(one, other)
    if types.is_timestamp(one) and types.is_timestamp(other) and one.tz == other.tz:
        return pa.timestamp(max(one.unit, other.unit, key=_UNITS.index), one.tz)
    if types.is_list(one) and types.is_list(other):
        return pa.list_(_both(one.value_type, other.value_type))
    if types.is_struct(one) and types.is_struct(other):
        kinds = {field.name: field.type for field in one}
        for field in other:
            kinds[field.name] = _both(kinds.get(field.name, pa.null()), field.type)
        return pa.struct([pa.field(name, kind) for name, kind in kinds.items()])
    return pa.string()


def _is_number(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_floating(kind)


def _is_exact(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_decimal(kind)


def _decimal(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    scales = [kind.scale if types.is_decimal(kind) else 0 for kind in (one, other)]
    whole = [
        kind.precision - kind.scale if types.is_decimal(kind) else _DIGITS_OF_INT64
        for kind in (one, other)
    ]
    digits = max(whole) + max(scales)
    return pa.decimal128(digits, max(scales)) if digits <= _MOST_DIGITS else pa.string()


def fitted_column(
    column: pa.Array, kind: pa.DataType, name: str
) -> tuple[pa.Array, dict[int, str]]:
    """A column as one of another type.

    Args:
        column: as a file has it.
        kind: the type that it is to have.
        name: the field's, for messages.

    Returns:
        The column, and why the rows at some places cannot be of the type; these are null in it.
    """
    if column.type == kind:
        return column, {}
    if types.is_string(kind):
        own = plain(column.type)
        return (column.cast(kind) if types.is_string(own) else texts_of(column)), {}
    try:
        if _loses_fields(column.type, kind):
            raise pa.ArrowInvalid(f"{column.type} has fields that are not in it")
        return column.cast(kind), {}
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        if len(column) == 1:
            return pa.nulls(1, kind), {0: _misfit(name, kind, column.type, error)}
    # Few rows are at fault, or all are: halves find both.
    half = len(column) // 2
    first, wrong = fitted_column(column[:half], kind, name)
    second, others = fitted_column(column[half:], kind, name)
    wrong.update((half + at, why) for at, why in others.items())
    return pa.concat_arrays([first, second]), wrong


def _loses_fields(own: pa.DataType, kind: pa.DataType) -> bool:
    """Whether a cast would drop a field of an object without a word."""
    if types.is_struct(own) and types.is_struct(kind):
        there = {one.name: one.type for one in kind}
        return any(one.name not in there or _loses_fields(one.type, there[one.name]) for one in own)
    if types.is_list(plain(own)) and types.is_list(kind):
        return _loses_fields(own.value_type, kind.value_type)
    return False


def _misfit(name: str, kind: pa.DataType, own: pa.DataType, error: Exception) -> str:
    return (
        f"field {name!r} has the type {kind} in the files that were looked at before the run, and "
        f"cannot be that here, where it is {own}: {str(error).splitlines()[0]}"
    )


def _fitted(value: Any, kind: pa.DataType, name: str) -> Any:
    """A value of JSON as one of a type; raises Misfit."""
    if value is None:
        return None
    if types.is_string(kind):
        return as_text(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if types.is_boolean(kind) and isinstance(value, bool):
        return value
    if types.is_integer(kind) and number and isinstance(value, int):
        low, high = _limits(kind)
        if low <= value <= high:
            return value
    if types.is_floating(kind) and number and _is_exactly(value):
        return float(value)
    if types.is_list(kind) and isinstance(value, list):
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
        None if id_kinds is None else settled(joined(id_kinds)),
        pa.schema([(name, settled(joined(kinds))) for name, kinds in fields.items()]),
    )
