"""What rows carry along has one type in all files, and is equal there or a dead letter."""

import datetime
import json
import pickle
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.records.fitting import fitted_column
from runinference_metrics.records.kept import Kept, as_text, json_values, texts_of
from runinference_metrics.records.kept_types import (
    KeptTypes,
    Misfit,
    joined,
    kept_types,
    of_json,
    settled,
)
from runinference_metrics.records.plain_types import plain, plain_array
from tables_for_tests import LEAVES, arrays

SIZE = 4
KINDS = st.recursive(
    st.sampled_from(list(LEAVES)),
    lambda inner: (
        inner.map(pa.list_)
        | inner.map(lambda one: pa.map_(pa.string(), one))
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(
            lambda fields: pa.struct(list(fields.items()))
        )
    ),
    max_leaves=4,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=4)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=5,
)  # fmt: skip


def by_name(kind: pa.DataType) -> Any:
    """A type, whatever the order of the fields of its objects."""
    if pa.types.is_struct(kind):
        return {one.name: by_name(one.type) for one in kind}
    if pa.types.is_list(kind):
        return [by_name(kind.value_type)]
    return str(kind)


@given(st.lists(KINDS, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_files_does_not_matter(kinds: list[pa.DataType], rng: Any) -> None:
    whole = by_name(joined(kinds))
    others = rng.sample(kinds, len(kinds))
    assert by_name(joined(others)) == whole
    assert by_name(joined([joined(others[:2]), joined(others[2:])])) == whole
    assert by_name(joined([*kinds, pa.null(), *others])) == whole


@given(arrays(SIZE))
def test_a_plain_column_has_the_same_values(column: pa.Array) -> None:
    for one in (column, column[1:], column[:0], column[1:3]):
        found = plain_array(one)
        found.validate(full=True)
        assert found.type == plain(one.type) == plain(plain(one.type))
        assert json_values(found) == json_values(one)
    json.dumps(json_values(column), allow_nan=False)


@given(arrays(SIZE), arrays(SIZE))
def test_what_fits_is_equal_and_what_does_not_says_so(own: pa.Array, other: pa.Array) -> None:
    own = plain_array(own)
    for kind in (settled(plain(other.type)), settled(joined((own.type, other.type)))):
        found, wrong = fitted_column(own, kind, "x")
        found.validate(full=True)
        assert found.type == kind
        for index, (before, after) in enumerate(
            zip(json_values(own), json_values(found), strict=True)
        ):
            if index in wrong:
                assert after is None
                assert wrong[index].startswith(f"field 'x' has the type {kind} in the files")
            else:
                assert is_same(before, after), (own.type, kind)


def is_same(one: Any, other: Any) -> bool:
    """Whether values of JSON are equal, as numbers, times or texts."""
    if isinstance(one, dict) and isinstance(other, dict):
        # What an object lacks is null.
        return all(is_same(one.get(name), other.get(name)) for name in {**one, **other})
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if as_text(one) == as_text(other) or one == other:
        return True
    if one is None or other is None:
        return False
    first, second = (str(value).rstrip("Z") for value in (one, other))
    if ":" in first or first.startswith("PT"):
        # The same instant with more digits.
        short, long = sorted((first.rstrip("S"), second.rstrip("S")), key=len)
        return long.startswith(short) and not long[len(short) :].strip(".0")
    return Decimal(first) == Decimal(second)


@given(arrays(SIZE))
def test_a_column_fits_its_own_type(column: pa.Array) -> None:
    own = plain_array(column)
    found, wrong = fitted_column(own, settled(own.type), "x")
    assert wrong == {}
    assert json_values(found) == json_values(own)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (pa.int8(), pa.uint32(), pa.int64()),
        (pa.int64(), pa.uint64(), pa.decimal128(20)),
        (pa.int32(), pa.float32(), pa.float64()),
        (pa.uint64(), pa.float64(), pa.string()),
        (pa.uint64(), pa.decimal128(10, 2), pa.decimal128(22, 2)),
        (pa.decimal128(10, 2), pa.decimal128(10, 4), pa.decimal128(12, 4)),
        (pa.decimal128(38, 0), pa.decimal128(38, 10), pa.string()),
        (pa.decimal128(10, 2), pa.float64(), pa.string()),
        (pa.timestamp("ms", "UTC"), pa.timestamp("us", "Asia/Tokyo"), pa.timestamp("us", "UTC")),
        (pa.timestamp("ms", "UTC"), pa.timestamp("ms"), pa.string()),
        (pa.time32("ms"), pa.time64("us"), pa.time64("us")),
        (pa.date32(), pa.date64(), pa.date32()),
        (pa.bool_(), pa.int8(), pa.string()),
        (pa.list_(pa.int8()), pa.large_list(pa.int64()), pa.list_(pa.int64())),
        (pa.list_(pa.null()), pa.list_(pa.string()), pa.list_(pa.string())),
        (pa.struct([("a", pa.int8())]), pa.struct([("b", pa.string())]),
         pa.struct([("a", pa.int8()), ("b", pa.string())])),
    ],
)  # fmt: skip
def test_the_narrowest_type_of_both(
    one: pa.DataType, other: pa.DataType, both: pa.DataType
) -> None:
    assert joined((one, other)) == both
    assert by_name(joined((other, one))) == by_name(both)


def column(kind: pa.DataType, *values: Any) -> pa.Array:
    return pa.array(values, kind)


@pytest.mark.parametrize(
    ("own", "kind", "wrong"),
    [
        (column(pa.int64(), 1, 2**40, None), pa.int32(), [1]),
        (column(pa.float64(), 1.0, 1.5, None), pa.int64(), [1]),
        (column(pa.float64(), 0.5, 0.1, float("nan")), pa.float32(), [1]),
        (column(pa.int64(), 1, 2**53 + 1), pa.float64(), [1]),
        (column(pa.decimal128(10, 4), Decimal("1.5"), Decimal("1.2345")), pa.decimal128(10, 2),
         [1]),
        (column(pa.timestamp("ns"), 1000, 1), pa.timestamp("us"), [1]),
        # Arrow's own cast would make numbers of these, and times.
        (column(pa.string(), "5", None, "x"), pa.int64(), [0, 2]),
        (column(pa.bool_(), True, None), pa.int64(), [0]),
        (column(pa.int64(), 5, None), pa.timestamp("us"), [0]),
        (column(pa.timestamp("us"), 5, None), pa.int64(), [0]),
        (column(pa.int64(), 5, 0), pa.bool_(), [0, 1]),
        (column(pa.binary(), b"a"), pa.list_(pa.binary()), [0]),
        # Fields of objects are not lost, however deep.
        (column(pa.struct([("a", pa.int8()), ("b", pa.int8())]), {"a": 1, "b": 2}, None),
         pa.struct([("a", pa.int8())]), [0]),
        (column(pa.list_(pa.struct([("a", pa.int8()), ("b", pa.int8())])), [{"a": 1}], None),
         pa.list_(pa.struct([("a", pa.int8())])), [0]),
        (column(pa.map_(pa.string(), pa.struct([("b", pa.int8())])), [("k", {"b": 2})], None),
         pa.map_(pa.string(), pa.struct([("a", pa.int8())])), [0]),
    ],
)  # fmt: skip
def test_what_is_not_of_a_type_is_not_made_one(
    own: pa.Array, kind: pa.DataType, wrong: list[int]
) -> None:
    found, why = fitted_column(own, kind, "x")
    assert sorted(why) == wrong
    assert [one is None for one in found.to_pylist()] == [
        index in wrong or not valid for index, valid in enumerate(own.is_valid().to_pylist())
    ]


def test_fields_of_objects_in_another_order_and_inside_of_lists() -> None:
    own = column(pa.list_(pa.struct([("b", pa.string()), ("a", pa.int8())])), [{"a": 1, "b": "x"}])
    kind = pa.list_(pa.struct([("a", pa.int64()), ("b", pa.string()), ("c", pa.float64())]))
    found, wrong = fitted_column(own, kind, "x")
    assert (found.to_pylist(), wrong) == ([[{"a": 1, "b": "x", "c": None}]], {})


@given(st.lists(JSON, min_size=1, max_size=5))
def test_values_of_json_fit_the_type_that_they_show(values: list[Any]) -> None:
    kind = settled(joined(map(of_json, values)))
    types = KeptTypes(None, pa.schema([("x", kind)]))
    for value in values:
        try:
            fitting = types.fitting({"x": value})
        except Misfit:
            # Whole numbers beside fractions, of more digits than a double has.
            assert "double" in str(kind)
            continue
        (found,) = Kept.of([fitting], types.fields).json_rows()
        assert is_same(as_text(value) if kind == pa.string() else value, found["x"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([1, True], pa.string()),
        ([2**70], pa.string()),
        ([{"a": 1}], pa.string()),
        ([[1], [], None], pa.list_(pa.int64())),
        ([["a", None]], pa.list_(pa.string())),
        ([[{"a": 1}]], pa.string()),
        ([None], pa.string()),
    ],
)
def test_the_types_of_json(values: list[Any], kind: pa.DataType) -> None:
    assert settled(joined(map(of_json, values))) == kind


def test_what_no_looked_at_row_had_is_a_misfit() -> None:
    types = KeptTypes(pa.int64(), pa.schema([("n", pa.int64()), ("d", pa.decimal128(21, 2))]))
    assert types.fitting({"n": 5, "d": 7}) == {"n": 5, "d": Decimal(7)}
    assert types.fitting({}) == {"n": None, "d": None}
    for row in ({"n": 2**63}, {"n": "5"}, {"n": 5.0}, {"n": True}, {"d": 10**19}, {"d": "7"}):
        with pytest.raises(Misfit, match=r"in the rows that were looked at before the run$"):
            types.fitting(row)
    with pytest.raises(Misfit, match="'more' was in none of the rows"):
        types.fitting({"more": 1})
    with pytest.raises(Misfit, match="field 'key' is x, and int64"):
        types.fitting_id("x", "key")


@pytest.mark.parametrize(
    ("found", "texts"),
    [
        (column(pa.decimal128(10, 2), Decimal("12.50"), None), ["12.50", None]),
        (column(pa.timestamp("us", "America/New_York"), 0), ["1970-01-01T00:00:00.000000Z"]),
        (column(pa.timestamp("us", "No/Where"), 0), ["1970-01-01T00:00:00.000000Z"]),
        (column(pa.timestamp("ns"), 1), ["1970-01-01T00:00:00.000000001"]),
        (column(pa.timestamp("us"), 2**62), ["<value out of range: 4611686018427387904>"]),
        (column(pa.date32(), 1), ["1970-01-02"]),
        (column(pa.time64("us"), 1), ["00:00:00.000001"]),
        (column(pa.duration("ms"), -1500, 0), ["PT-1.500S", "PT0.000S"]),
        (column(pa.duration("ns"), 1), ["PT0.000000001S"]),
        (column(pa.binary_view(), b"abc"), ["YWJj"]),
        (column(pa.uuid(), b"\0" * 15 + b"\1"), ["00000000-0000-0000-0000-000000000001"]),
        (column(pa.float64(), float("nan"), float("-inf")), ["NaN", "-Infinity"]),
        (column(pa.map_(pa.large_string(), pa.int8()), [("a", 1)]), ['{"a":1}']),
        (column(pa.map_(pa.int8(), pa.int8()), [(1, 2)]), ['[{"key":1,"value":2}]']),
        (column(pa.list_(pa.struct([("t", pa.date32())])), [{"t": 0}], []),
         ['[{"t":"1970-01-01"}]', "[]"]),
    ],
)  # fmt: skip
def test_values_as_texts(found: pa.Array, texts: list[str | None]) -> None:
    assert texts_of(found).to_pylist() == texts


@pytest.mark.parametrize(
    ("kind", "of_ids"),
    [
        (pa.int64(), pa.int64()),
        (pa.uint64(), pa.uint64()),
        (pa.decimal128(20, 0), pa.decimal128(20, 0)),
        (pa.uuid(), pa.string()),
        # Python's own have no nanoseconds, and end with the year 9999.
        (pa.timestamp("ns", "UTC"), pa.string()),
        (pa.duration("us"), pa.string()),
        (pa.list_(pa.int8()), pa.string()),
        (pa.null(), pa.string()),
    ],
)
def test_the_types_of_ids(kind: pa.DataType, of_ids: pa.DataType) -> None:
    assert kept_types([kind], {}).id == of_ids


def test_kept_columns_travel_between_machines_without_what_they_are_cut_from() -> None:
    days = [datetime.date.min] * 100_000
    whole = Kept(pa.record_batch({"n": pa.array(range(100_000)), "d": days}))
    part = Kept(whole.columns.slice(5, 2))
    carried = pickle.dumps(part)
    assert len(carried) < 2000
    assert pickle.loads(carried) == part
    assert part.json_rows() == [{"n": 5, "d": "0001-01-01"}, {"n": 6, "d": "0001-01-01"}]
