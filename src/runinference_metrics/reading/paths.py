"""Fields by their names, or by paths to fields of objects, such as review.text."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

_DOT = "."
_NOTHING = object()


def value(row: dict[str, Any], name: str) -> Any:
    """The value of a field of a row; None where there is none."""
    found = row.get(name, _NOTHING)
    if found is _NOTHING:
        return _at(row, name) if _DOT in name else None
    return found


def is_in(row: dict[str, Any], name: str) -> bool:
    """Whether a row has a field, be it null."""
    return name in row or (_DOT in name and _at(row, name, _NOTHING) is not _NOTHING)


def _at(row: Any, name: str, absent: Any = None) -> Any:
    found = row
    for part in name.split(_DOT):
        if not isinstance(found, dict):
            return absent
        found = found.get(part, absent)
    return found


def without(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A row without some of its fields, be they fields of objects in it."""
    found = {name: one for name, one in row.items() if name not in names}
    for name in names:
        first, dot, rest = name.partition(_DOT)
        if name not in row and dot and isinstance(inner := found.get(first), dict) and inner:
            found[first] = without(inner, (rest,))
            if not found[first]:
                # It held nothing else.
                del found[first]
    return found


def indices(schema: pa.Schema, name: str) -> tuple[int, ...]:
    """The places of a field in a table and in the objects of its columns; () if there is none."""
    found = _index(schema, name)
    if found is not None:
        return (found,)
    first, dot, rest = name.partition(_DOT)
    at = _index(schema, first)
    if not dot or at is None or not types.is_struct(schema.field(at).type):
        return ()
    deeper = indices(pa.schema(list(schema.field(at).type)), rest)
    return (at, *deeper) if deeper else ()


def _index(schema: pa.Schema, name: str) -> int | None:
    # Of columns that are called alike the first.
    return next((at for at, one in enumerate(schema.names) if one == name), None)


def field(schema: pa.Schema, at: Sequence[int]) -> pa.Field:
    """The field at these places."""
    found = schema.field(at[0])
    for place in at[1:]:
        found = found.type.field(place)
    return found


def column(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    """The values of a field of a table; None where there is none."""
    at = indices(batch.schema, name)
    if not at:
        return None
    found = batch.column(at[0])
    # A field of what is null is null.
    return pc.struct_field(found, list(at[1:])) if at[1:] else found


def columns_without(batch: pa.RecordBatch, names: Sequence[str]) -> Iterator[tuple[str, pa.Array]]:
    """The columns of a table, without fields of these names; see `without`."""
    for name, found in zip(batch.schema.names, batch.columns, strict=True):
        if name in names:
            continue
        inside = [one.partition(_DOT)[2] for one in names
                  if one.startswith(f"{name}{_DOT}") and one not in batch.schema.names]  # fmt: skip
        left = _struct_without(found, inside) if inside else found
        if left is not None:
            yield name, left


def _struct_without(array: pa.Array, names: Sequence[str]) -> pa.Array | None:
    """Objects without some of their fields; None if nothing is left."""
    if not types.is_struct(array.type):
        return array
    inner = pa.RecordBatch.from_arrays(array.flatten(), [one.name for one in array.type])
    kept = dict(columns_without(inner, names))
    if not kept:
        return None
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(list(kept.values()), list(kept), mask=mask)
