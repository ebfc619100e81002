"""Predictions in every format, read back by others: exactly the values and types that were kept."""

import base64
import csv
import gzip
import io
import json
import math
import random
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from documents_for_tests import make_batch
from pandas_for_tests import in_pandas
from runinference_metrics.errors import UserError
from runinference_metrics.options import output as options
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.fitting import fitted_column
from runinference_metrics.records.kept import Kept, as_text, json_values
from runinference_metrics.records.kept_types import kept_types
from runinference_metrics.records.measured import BatchStats
from runinference_metrics.records.plain_types import plain_array
from runinference_metrics.records.prediction import FIELDS, PredictionFields, PredictionTable, lines
from runinference_metrics.records.record import ClassifiedBatch, RecordBatch
from runinference_metrics.writing.formats import Output, columns_named, types_in
from tables_for_tests import NAMES, Stream, arrays, is_equal

STATS = BatchStats(2, 8, 0, 0, 1, 1, 1, 1, {4: 2})
RUN = make_batch(random.Random(1)).run
relaxed = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
COLUMNAR = ["csv", "csv.gz", "parquet", "avro"]
LABELS = ("NEGATIVE", 'it\'s "so", é.')


def classified(size: int, kept: Kept | None, ids: list[Any] | None = None) -> ClassifiedBatch:
    texts = [f'text "{at}",\nagain' for at in range(size)]
    fields: Any = [None] * size if kept is None else kept
    batch = RecordBatch(texts, ["gs://b/a"] * size, [*range(1, size + 1)], ids or [None] * size,
                        fields, [None] * size)  # fmt: skip
    scores = [[0.25, 0.75] if at % 2 else [1 / 3, 2 / 3] for at in range(size)]
    found = Classification(LABELS, scores, [1] * size, STATS)
    return ClassifiedBatch(batch, found, RUN)


def output(
    name: str, columns: dict[str, pa.Array], wanted: PredictionFields | None = None,
    ids: pa.DataType | None = None,
) -> tuple[Output, Kept | None, set[int]]:  # fmt: skip
    """How columns are written in a format, they themselves, and the rows that cannot be."""
    found = kept_types(None if ids is None else [ids], {n: [c.type] for n, c in columns.items()})
    types = types_in(name, found)
    fitted, wrong = [], set()
    for one in types.fields:
        column, misfits = fitted_column(plain_array(columns[one.name]), one.type, one.name)
        fitted.append(column)
        wrong |= set(misfits)
    kept = Kept(pa.RecordBatch.from_arrays(fitted, schema=types.fields)) if columns else None
    names = columns_named(name, types.fields.names)
    wanted = wanted or PredictionFields()
    table = PredictionTable(wanted, types, names)
    return Output(name, wanted, table, schema=table.schema), kept, wrong


def written(how: Output, *batches: ClassifiedBatch) -> bytes:
    stream = Stream()
    shard = how.shard(stream)
    for one in batches:
        assert how.table
        shard.write(how.table.columns(one))
    shard.close()
    assert shard.num_bytes == len(stream.getvalue())
    return stream.getvalue()


@relaxed
@given(arrays(4), st.text("ab1 .é", min_size=1, max_size=4))
def test_parquet_has_the_values_and_types(column: pa.Array, name: str) -> None:
    how, kept, wrong = output("parquet", {name: column})
    assert wrong == set()
    assert kept
    table = pq.read_table(pa.BufferReader(written(how, classified(4, kept))))
    expected = kept.columns.column(0)
    found = table.column(table.num_columns - 1).combine_chunks()
    if "timestamp[s" in str(expected.type):
        return
    assert is_equal(found.cast(expected.type), expected)
    assert table["scores"].to_pylist()[0] == [
        {"label": LABELS[0], "score": 1 / 3}, {"label": LABELS[1], "score": 2 / 3}
    ]  # fmt: skip
    assert table["text"].to_pylist() == classified(4, None).batch.texts


def as_avro_has_it(value: Any) -> Any:
    """A value that fastavro read, as JSON has it."""
    if isinstance(value, dict):
        return {name: as_avro_has_it(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_avro_has_it(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if value is None or isinstance(value, str | int | float) else str(value)


def short_times(value: Any) -> Any:
    """Times without what writers put differently: T, Z and zeros behind the point."""
    if isinstance(value, dict):
        return {name: short_times(one) for name, one in value.items()}
    if isinstance(value, list):
        return [short_times(one) for one in value]
    if isinstance(value, str) and re.match(r"-?\d+-\d\d-\d\d|\d\d:\d\d:", value):
        bare = value.replace("T", " ").removesuffix("Z").removesuffix("+00:00")
        return bare.rstrip("0").rstrip(".") if "." in bare else bare
    return value


@relaxed
@given(arrays(4), st.sampled_from(["a", "a b", "é", "1st"]))
def test_avro_has_the_values(column: pa.Array, name: str) -> None:
    how, kept, wrong = output("avro", {name: column})
    # Nanoseconds are not cut off but said.
    assert not wrong or "[ns" in str(column.type)
    assert kept
    found = [*fastavro.reader(io.BytesIO(written(how, classified(4, kept))))]
    expected = json_values(kept.columns.column(0))
    got = [as_avro_has_it(list(row.values())[-1]) for row in found]
    assert short_times(got) == short_times(expected)
    assert [row["score"] for row in found] == [2 / 3, 0.75, 2 / 3, 0.75]


@relaxed
@given(arrays(4), NAMES, st.booleans())
def test_csv_has_the_texts(column: pa.Array, name: str, zipped: bool) -> None:
    how, kept, wrong = output("csv.gz" if zipped else "csv", {name: column})
    assert wrong == set()
    assert kept
    content = written(how, classified(4, kept))
    text = (gzip.decompress(content) if zipped else content).decode()
    header, *found = csv.reader(io.StringIO(text, newline=""))
    assert header[-1] == name
    assert [row[0] for row in found] == classified(4, None).batch.texts
    for row, value in zip(found, json_values(kept.columns.column(0)), strict=True):
        expected = as_text(value) or ""
        if isinstance(value, float) or value in ("NaN", "Infinity", "-Infinity"):
            assert repr(float(row[-1])) == repr(float(value))
        else:
            assert row[-1] == expected
    assert json.loads(found[0][3]) == {LABELS[0]: 1 / 3, LABELS[1]: 2 / 3}


COLUMNS = {
    "n": pa.array([2**53 + 1, None], pa.int64()),
    "price": pa.array([Decimal("12.50"), None], pa.decimal128(10, 2)),
    "when": pa.array([1764307290123456, None], pa.timestamp("us", "UTC")),
    "tags": pa.array([["a", 'b"'], None], pa.list_(pa.string())),
    "yes": pa.array([True, None], pa.bool_()),
}


@pytest.mark.starts
def test_parquet_as_pandas_and_duckdb_read_it(tmp_path: Path) -> None:
    how, kept, _ = output("parquet", COLUMNS)
    path = tmp_path / "a.parquet"
    path.write_bytes(written(how, classified(2, kept)))
    rows = duckdb.sql(f"SELECT n, price, epoch_us(\"when\"), tags, yes, score FROM '{path}'")
    assert rows.fetchall() == [
        (2**53 + 1, Decimal("12.50"), 1764307290123456, ["a", 'b"'], True, 2 / 3),
        (None, None, None, None, None, 0.75),
    ]
    kinds = dict(duckdb.sql(f"DESCRIBE FROM '{path}'").project("#1, #2").fetchall())
    assert [kinds[name] for name in COLUMNS] == [
        "BIGINT", "DECIMAL(10,2)", "TIMESTAMP WITH TIME ZONE", "VARCHAR[]", "BOOLEAN"
    ]  # fmt: skip
    tags, kind = in_pandas(
        "frame = pd.read_parquet(arguments[0])\n"
        "print(json.dumps([list(frame['tags'][0]), str(frame['when'].dtype)]))",
        path,
    )
    assert (tags, kind) == (["a", 'b"'], "datetime64[us, UTC]")


@pytest.mark.starts
@pytest.mark.parametrize("name", ["csv", "csv.gz"])
def test_csv_as_pandas_and_duckdb_read_it(tmp_path: Path, name: str) -> None:
    how, kept, _ = output(name, COLUMNS)
    path = tmp_path / f"a.{name}"
    path.write_bytes(written(how, classified(2, kept)))
    rows = duckdb.sql(f"SELECT n, price, epoch_us(\"when\"), tags, yes, score FROM '{path}'")
    (n, price, when, tags, yes, score), _ = rows.fetchall()
    assert (n, float(price), when, yes, score) == (2**53 + 1, 12.5, 1764307290123456, True, 2 / 3)
    assert json.loads(tags) == ["a", 'b"']
    found = in_pandas(
        "frame = pd.read_csv(arguments[0], dtype={'n': 'Int64', 'price': 'string'})\n"
        "first = [int(frame['n'][0]), *(frame[name][0] for name in ('price', 'when'))]\n"
        "print(json.dumps([*first, list(frame['text'])]))",
        path,
    )
    texts = classified(2, None).batch.texts
    assert found == [2**53 + 1, "12.50", "2025-11-28T05:21:30.123456Z", texts]


@pytest.mark.parametrize("name", COLUMNAR)
@pytest.mark.parametrize("columns", [{}, COLUMNS])
def test_without_rows_there_is_a_file_with_the_columns(
    name: str, columns: dict[str, pa.Array]
) -> None:
    how, _, _ = output(name, columns)
    content = written(how)
    names = ["text", "label", "score", "scores", "source", "position", *columns]
    if name == "parquet":
        assert pq.read_table(pa.BufferReader(content)).column_names == names
    elif name == "avro":
        reader = fastavro.reader(io.BytesIO(content))
        assert [one["name"] for one in reader.writer_schema["fields"]] == names  # type: ignore
        assert list(reader) == []
    else:
        text = (gzip.decompress(content) if name.endswith("gz") else content).decode()
        assert list(csv.reader(io.StringIO(text))) == [names]


def test_a_row_group_has_many_batches() -> None:
    how, _, _ = output("parquet", {})
    content = written(how, *[classified(100, None)] * 20)
    metadata = pq.ParquetFile(pa.BufferReader(content)).metadata
    assert (metadata.num_rows, metadata.num_row_groups) == (2000, 1)


def test_rows_without_a_score_are_left_out_of_columns_too() -> None:
    how, kept, _ = output("parquet", {"n": pa.array([1, 2, 3])})
    whole = classified(3, kept)
    found = Classification(LABELS, [[0.1, 0.9], [math.nan] * 2, [0.2, 0.8]], [1, None, 1],
                           STATS)  # fmt: skip
    table = pq.read_table(pa.BufferReader(written(how, ClassifiedBatch(whole.batch, found, RUN))))
    assert table["n"].to_pylist() == [1, 3]
    assert table["position"].to_pylist() == [1, 3]


# What columns are called.


@pytest.mark.parametrize(
    ("name", "fields", "columns"),
    [
        ("parquet", ["a.b", "a b", "é", "1"], ["a_b", None, "é", "_1"]),
        ("parquet", ["a.b", "é", "1", "Text"], ["a_b", "é", "_1", "input_Text"]),
        ("avro", ["a.b", "é", "x-y"], ["a_b", "_", "x_y"]),
        ("csv", ["a.b", "é", 'x"y', "label"], ["a.b", "é", 'x"y', "input_label"]),
    ],
)
def test_the_names_of_columns(name: str, fields: list[str], columns: list[Any]) -> None:
    if None in columns:
        with pytest.raises(UserError, match=r"--keep_fields takes .* got 'a.b' and 'a b', both"):
            columns_named(name, fields)
    else:
        assert list(columns_named(name, fields)) == columns


@pytest.mark.parametrize(
    "fields", [["a", "A"], ["label", "input_label"], ["text_pair", "input_text_pair"]]
)
@pytest.mark.parametrize("name", ["parquet", "avro", "csv"])
def test_names_that_collide_are_refused(name: str, fields: list[str]) -> None:
    with pytest.raises(UserError, match="keep_fields"):
        columns_named(name, fields)


def test_objects_in_avro_have_names_of_their_own() -> None:
    inner = pa.struct([("b", pa.struct([("x", pa.int8())]))])
    columns = {
        "a": pa.array([{"b": {"x": 1}}], inner),
        "a_b": pa.array([{"x": 2}], pa.struct([("x", pa.int8())])),
        "item": pa.array([[{"x": 3}]], pa.list_(pa.struct([("x", pa.int8())]))),
        "odd": pa.array([{"a b": 4}], pa.struct([("a b", pa.int8())])),
    }
    how, kept, _ = output("avro", columns)
    (row,) = fastavro.reader(io.BytesIO(written(how, classified(1, kept))))
    assert [row[name] for name in columns] == [  # type: ignore[index,call-overload]
        {"b": {"x": 1}}, {"x": 2}, [{"x": 3}], '{"a b":4}'
    ]  # fmt: skip


# Which fields there are.


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("", FIELDS),
        ("label", ("label",)),
        ("label,score,id", ("label", "score", "id")),
        ("-text,-source", tuple(one for one in FIELDS if one not in ("text", "source"))),
        ("fields,label", ("label", "fields")),
    ],
)
@pytest.mark.parametrize("name", ["parquet", "avro", "csv"])
def test_output_fields(said: str, names: tuple[str, ...], name: str) -> None:
    found = options.output_fields(said)
    assert found.names == names
    kept = {"n": pa.array([1, 2])} if "fields" in names else {}
    how, columns, _ = output(name, kept, PredictionFields(found.names), pa.int64())
    expected = [one for one in names if one not in ("right_label", "fields")] + list(kept)
    content = written(how, classified(2, columns, [7, 8]))
    if name == "parquet":
        rows = pq.read_table(pa.BufferReader(content)).to_pylist()
    elif name == "avro":
        rows = [dict(row) for row in fastavro.reader(io.BytesIO(content))]  # type: ignore
    else:
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert [list(row) for row in rows] == [expected] * 2
    if "id" in names:
        assert [int(row["id"]) for row in rows] == [7, 8]


def test_the_best_scores_alone() -> None:
    found = options.output_fields("label,scores:1")
    wanted = PredictionFields(found.names, found.most_scores)
    how, _, _ = output("parquet", {}, wanted)
    rows = pq.read_table(pa.BufferReader(written(how, classified(2, None)))).to_pylist()
    assert rows[0] == {"label": LABELS[1], "scores": [{"label": LABELS[1], "score": 2 / 3}]}
    (first, _) = lines(classified(2, None), wanted)
    assert json.loads(first) == {"label": LABELS[1], "scores": {LABELS[1]: 2 / 3}}


@pytest.mark.parametrize(
    "said", ["none", "label,label", "-" + ",-".join(FIELDS), "a,-b", "scores:0"]
)
def test_output_fields_that_are_none(said: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        options.output_fields(said)


@given(st.text(max_size=12))
def test_any_output_shards_are_understood_or_refused(said: str) -> None:
    try:
        found = options.shards(said)
    except ValueError:
        return
    assume(found != options.Shards())
    assert 1 <= found.number <= 10_000 or (found.most_bytes or 0) >= 1 << 20
