"""A column of a file as one of the type that its column has in all files: equal, or not at all."""

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from runinference_metrics.records.kept import texts_of
from runinference_metrics.records.kept_types import Misfit, joined
from runinference_metrics.records.plain_types import entries, offsets


def fitted_column(
    column: pa.Array, kind: pa.DataType, name: str
) -> tuple[pa.Array, dict[int, str]]:
    """A column as one of another type.

    Args:
        column: as a file has it, of a plain type.
        kind: the type that it is to have.
        name: the field's, for messages.

    Returns:
        The column, and why the rows at some places cannot be of the type; these are null in it.
    """
    try:
        return _cast(column, kind), {}
    except Misfit as error:
        why = _misfit(name, kind, column.type, error)
        there = enumerate(column.is_valid().to_pylist())
        return pa.nulls(len(column), kind), {index: why for index, valid in there if valid}
    except pa.ArrowInvalid as error:
        if len(column) == 1:
            return pa.nulls(1, kind), {0: _misfit(name, kind, column.type, error)}
    # Few rows are at fault, or all are: halves find both.
    half = len(column) // 2
    first, wrong = fitted_column(column[:half], kind, name)
    second, others = fitted_column(column[half:], kind, name)
    wrong.update((half + at, why) for at, why in others.items())
    return pa.concat_arrays([first, second]), wrong


def _misfit(name: str, kind: pa.DataType, own: pa.DataType, error: Exception) -> str:
    return (
        f"field {name!r} has the type {kind} in the files that were looked at before the run, and "
        f"cannot be that here, where it is {own}: {str(error).splitlines()[0]}"
    )


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Equal values of another type.

    Raises:
        Misfit: no value of the one type is one of the other.
        pyarrow.ArrowInvalid: some value is none.
    """
    own = array.type
    if own == kind:
        return array
    if types.is_null(own):
        return pa.nulls(len(array), kind)
    if types.is_string(kind):
        return texts_of(array)
    mask = array.is_null()
    if types.is_struct(own) and types.is_struct(kind):
        return _struct(array, kind, mask)
    if types.is_list(own) and types.is_list(kind):
        inside = _cast(array.flatten(), kind.value_type)
        if inside.null_count and not kind.value_field.nullable:
            raise pa.ArrowInvalid("a list has a null in it")
        return pa.ListArray.from_arrays(offsets(array), inside, kind, mask=mask)
    if types.is_map(own) and types.is_map(kind) and own.key_type == kind.key_type:
        ends, keys, items = entries(array)
        return pa.MapArray.from_arrays(ends, keys, _cast(items, kind.item_type), kind, mask=mask)
    # Arrow's cast makes numbers of texts and of times, too.
    if types.is_string(joined((own, kind))):
        raise Misfit(f"{own} is no {kind}")
    found = array.cast(kind)
    if types.is_floating(own) and types.is_floating(kind):
        changed = pc.and_(pc.not_equal(found.cast(own), array), pc.is_finite(array))
        if pc.any(changed).as_py():
            raise pa.ArrowInvalid(f"a number has more digits than {kind}")
    return found


def _struct(array: pa.Array, kind: pa.DataType, mask: pa.Array) -> pa.Array:
    own = array.type
    columns = dict(zip([one.name for one in own], array.flatten(), strict=True))
    if more := [name for name in columns if kind.get_field_index(name) < 0]:
        raise Misfit(f"there is no field {more[0]!r} in it")
    inside = [
        _cast(columns[one.name], one.type)
        if one.name in columns
        else pa.nulls(len(array), one.type)
        for one in kind
    ]
    return pa.StructArray.from_arrays(inside, fields=list(kind), mask=mask)
