"""What people write for a table or a query, and BigQuery's types."""

import pyarrow as pa
import pytest
from google.cloud.bigquery import SchemaField
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.bigquery import schemas
from runinference_metrics.bigquery.addresses import (
    Destination,
    Source,
    Table,
    TableError,
    destination,
    is_table_or_query,
    source,
)

T = Table("my-project", "d", "t")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("bq://my-project.d.t", Source(T)),
        (" BQ://my-project:d.t ", Source(T)),
        ("bigquery://`my-project.d.t`", Source(T)),
        ("bq://my-project.d.t WHERE a > 3 AND b IN (1, 2)", Source(T, "a > 3 AND b IN (1, 2)")),
        ("bq://my-project.d.t\nwhere\na", Source(T, "a")),
        ("bq://example.com:my-project.d.t", Source(Table("example.com:my-project", "d", "t"))),
        ("bq://my-project.d.wähle mich-1", Source(Table("my-project", "d", "wähle mich-1"))),
        ("https://console.cloud.google.com/bigquery?p=my-project&d=d&t=t&page=table", Source(T)),
        ("SELECT a FROM b", Source(None, query="SELECT a FROM b")),
        ("with x as (select 1) select * from x",
         Source(None, query="with x as (select 1) select * from x")),
        ("SELECT(1)", Source(None, query="SELECT(1)")),
        ("gs://bucket/SELECT a", None),
        ("selected.txt", None),
        ("in/*.jsonl", None),
    ],
)  # fmt: skip
def test_an_input_is_a_table_a_query_or_neither(given: str, found: Source | None) -> None:
    assert source(given) == found
    assert is_table_or_query(given) == (found is not None)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("bq://my-project.d.t", Destination(T)),
        ("bq://my-project.d.t?partition=day&cluster=label, id",
         Destination(T, "day", ("label", "id"))),
        ("bq://my-project.d.t$20261126", Destination(Table("my-project", "d", "t$20261126"))),
        ("out", None),
        ("gs://bucket/out", None),
    ],
)  # fmt: skip
def test_an_output_is_a_table_or_a_folder(given: str, found: Destination | None) -> None:
    assert destination(given) == found


@pytest.mark.parametrize(
    "given",
    ["bq://", "bq://t", "bq://d.t", "bq://my-project.d", "bq://my-project.d.t.u",
     "bq://my_project.d.t", "bq://my-project.d-d.t"],
)  # fmt: skip
def test_what_is_no_table_is_refused(given: str) -> None:
    for parse in (source, destination):
        with pytest.raises(TableError) as refused:
            parse(given)
        assert refused.value.got == repr(given)
        assert refused.value.takes.startswith("bq://PROJECT.DATASET.TABLE")


@pytest.mark.parametrize(
    "given",
    ["bq://my-project.d.t?colour=1", "bq://my-project.d.t?partition", "bq://my-project.d.t?x",
     "bq://my-project.d.t?cluster=a,b,c,d,e"],
)  # fmt: skip
def test_what_a_table_cannot_be_made_with_is_refused(given: str) -> None:
    if given.endswith("partition"):
        assert destination(given) == Destination(T)
        return
    with pytest.raises(TableError):
        destination(given)


def test_a_table_beside_a_partition_has_none() -> None:
    assert Table("p", "d", "t$20261126").beside("_runs") == Table("p", "d", "t_runs")


LEAVES = st.sampled_from([
    pa.null(), pa.bool_(), pa.int8(), pa.int64(), pa.uint32(), pa.uint64(), pa.float32(),
    pa.float64(), pa.string(), pa.binary(), pa.date32(), pa.time32("ms"), pa.time64("ns"),
    pa.timestamp("s"), pa.timestamp("ns", "UTC"), pa.duration("us"), pa.decimal128(10, 2),
    pa.decimal128(38, 0), pa.decimal256(76, 38), pa.decimal256(60, 0),
    pa.map_(pa.string(), pa.int64()),
])  # fmt: skip
NAMES = st.text("abcAB_1 é", min_size=0, max_size=3)
KINDS = st.recursive(
    LEAVES,
    lambda inner: (
        inner.map(pa.list_) | st.lists(st.tuples(NAMES, inner), max_size=3).map(pa.struct)
    ),
    max_leaves=6,
)


@given(KINDS)
def test_every_type_has_one_in_a_table(kind: pa.DataType) -> None:
    nearest = schemas.nearest(kind)
    assert schemas.nearest(nearest) == nearest
    (field,) = schemas.table_schema(pa.schema([("a", nearest)]))
    assert isinstance(field, SchemaField)
    (found,) = schemas.arrow_schema([field])
    # Decimals have one precision there.
    if not any(pa.types.is_decimal(one) for one in _leaves(nearest)):
        assert found.type == _nullable(nearest)


def _leaves(kind: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_list(kind):
        return _leaves(kind.value_type)
    if pa.types.is_struct(kind):
        return [leaf for one in kind for leaf in _leaves(one.type)]
    return [kind]


def _nullable(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_nullable(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(one.name, _nullable(one.type)) for one in kind])
    return kind
