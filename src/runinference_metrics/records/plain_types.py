"""Arrow's types without the many ways in which files have them laid out."""

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types


def plain(kind: pa.DataType) -> pa.DataType:
    """The type itself, however a file has it laid out."""
    if types.is_dictionary(kind):
        return plain(kind.value_type)
    if isinstance(kind, pa.UuidType):
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return plain(kind.storage_type)
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if _is_binary(kind):
        return pa.binary()
    if types.is_timestamp(kind) and kind.tz:
        return pa.timestamp(kind.unit, "UTC")
    if types.is_date64(kind):
        return pa.date32()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_decimal32(kind) or types.is_decimal64(kind):
        return pa.decimal128(kind.precision, kind.scale)
    if types.is_map(kind):
        return pa.map_(plain(kind.key_type), plain(kind.item_type))
    if is_list(kind):
        return pa.list_(plain(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([pa.field(one.name, plain(one.type)) for one in kind])
    return kind


def _is_binary(kind: pa.DataType) -> bool:
    return (
        types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def is_list(kind: pa.DataType) -> bool:
    """Whether its values are lists."""
    return (
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def plain_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Columns of plain types."""
    names = batch.schema.names
    return pa.RecordBatch.from_arrays([plain_array(one) for one in batch.columns], names)


def plain_array(array: pa.Array) -> pa.Array:
    """Values as ones of the plain type; Arrow's cast goes into few types that hold others."""
    kind = array.type
    if kind == (wanted := plain(kind)):
        return array
    if types.is_dictionary(kind):
        return plain_array(array.dictionary_decode())
    if isinstance(kind, pa.UuidType):
        return pa.array([one and str(one) for one in array.to_pylist()], wanted)
    if isinstance(kind, pa.BaseExtensionType):
        return plain_array(array.storage)
    mask = array.is_null()
    if types.is_struct(kind):
        inside = [plain_array(one) for one in array.flatten()]
        return pa.StructArray.from_arrays(inside, fields=list(wanted), mask=mask)
    if types.is_map(kind):
        ends, keys, items = entries(array)
        return pa.MapArray.from_arrays(
            ends, plain_array(keys), plain_array(items), wanted, mask=mask
        )
    if is_list(kind):
        inside = plain_array(array.flatten())
        return pa.ListArray.from_arrays(offsets(array), inside, wanted, mask=mask)
    return array.cast(wanted)


def entries(maps: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Where the entries of each map begin and where the last ones end, all keys, all values.

    Arrow's cast to lists of them ends the process where maps are a slice of others.
    """
    ends = maps.offsets
    first, size = ends[0].as_py(), ends[-1].as_py() - ends[0].as_py()
    return pc.subtract(ends, ends[0]), maps.keys.slice(first, size), maps.items.slice(first, size)


def offsets(lists: pa.Array) -> pa.Array:
    """Where each list begins among the items of all, and where the last one ends."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    ends = pc.cumulative_sum(lengths.cast(pa.int32()))
    return pa.concat_arrays([pa.array([0], pa.int32()), ends])
