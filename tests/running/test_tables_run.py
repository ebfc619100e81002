"""Runs over tables and into tables: what is shown before, how many files come, in a bucket too."""

import io
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import storage

from buckets_for_tests import emulated
from conftest import DEMO_MODEL
from runinference_metrics.__main__ import main
from runinference_metrics.writing import shard_files
from tables_for_tests import avro, counts, parquet

MODEL = f"--model={DEMO_MODEL}"


def table(size: int = 1000) -> pa.Table:
    texts = pa.array([f"a good film, the {at} th" for at in range(size)], pa.string())
    kinds = pa.array(["a"] * size, pa.string()).dictionary_encode()
    return pa.table({"text": texts, "n": counts(size), "kind": kinds})


def run(*arguments: str) -> int:
    return main(["run", MODEL, *arguments])


def test_check_shows_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    parquet(tmp_path / "in" / "a.parquet", table(), row_group_size=100)
    rows = [{"text": "a bad film", "n": 1}, {"text": None, "n": 2}]
    avro(tmp_path / "in" / "b.avro", {"text": ["null", "string"], "n": "int"}, rows)
    assert main(["check", MODEL, f"--input={tmp_path}/in/"]) == 0
    out = capsys.readouterr().out
    assert f"{tmp_path}/in/a.parquet\n  parquet; " in out
    assert "fields: text, n, kind\n    a good film, the 0 th\n" in out
    assert "  1 with text, 1 blank\n" in out
    assert "parquet 1" in out
    assert "avro 1" in out
    assert "Rows: 1,002\n" in out


def test_check_names_a_column_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = parquet(tmp_path / "a.parquet", table())
    assert main(["check", MODEL, f"--input={path}", "--text_field=texts"]) == 2
    said = capsys.readouterr()
    assert "--text_field" in said.out + said.err
    assert "text, n, kind" in said.out + said.err


def test_a_column_that_has_two_names_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": ["good"], "a.b": [1], "a b": [2]})
    found = run(f"--input={path}", f"--output={tmp_path}/out", "--keep_fields=*",
                "--output_format=parquet")  # fmt: skip
    assert found == 2
    assert "--keep_fields takes fields that have names of their own" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["parquet", "avro", "csv.gz", "jsonl.gz"])
def test_as_many_files_as_are_asked_for(tmp_path: Path, name: str) -> None:
    path = parquet(tmp_path / "a.parquet", table(100))
    arguments = [f"--input={path}", f"--output={tmp_path}/out", f"--output_format={name}"]
    assert run(*arguments, "--output_shards=3", "--max_batch_size=10") == 0
    assert sorted(one.name for one in (tmp_path / "out").glob("pred*")) == [
        f"predictions-0000{at}-of-00003.{name}" for at in range(3)
    ]


def test_an_input_without_rows_gives_a_file_with_columns(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", table(0))
    found = run(f"--input={path}", f"--output={tmp_path}/out", "--output_format=parquet",
                "--keep_fields=*")  # fmt: skip
    shards = list((tmp_path / "out").glob("pred*"))
    assert found == 0
    (shard,) = shards
    schema = pq.read_schema(shard)
    assert [(one, str(schema.field(one).type)) for one in ("n", "kind")] == [
        ("n", "int64"), ("kind", "string")
    ]  # fmt: skip


def test_files_of_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_files, "_GROUP_ROWS", 1)
    long = [f"good film {at} " + "x" * 20_000 for at in range(300)]
    path = parquet(tmp_path / "a.parquet", {"text": long})
    found = run(f"--input={path}", f"--output={tmp_path}/out", "--output_format=csv",
                "--output_shards=1MB", "--max_batch_size=8", "--min_batch_size=1")  # fmt: skip
    assert found == 0
    shards = list((tmp_path / "out").glob("pred*"))
    assert len(shards) >= 5
    assert max(one.stat().st_size for one in shards) < 2 << 20


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_from_a_bucket_into_a_bucket(tmp_path: Path, kind: str) -> None:
    rows = table(200).to_pylist()
    if kind == "parquet":
        path = parquet(tmp_path / "a", table(200), row_group_size=50)
    else:
        path = avro(tmp_path / "a", {"text": "string", "n": "long", "kind": "string"}, rows)
    with emulated("tables", {f"in/a.{kind}": path.read_bytes()}):
        found = run("--input=gs://tables/in/", "--output=gs://tables/out", "--keep_fields=n",
                    f"--output_format={kind}")  # fmt: skip
        assert found == 0
        bucket = storage.Client().bucket("tables")
        written = {one.name: one.download_as_bytes() for one in bucket.list_blobs(prefix="out/")}
    shards = [io.BytesIO(one) for name, one in written.items() if "/predictions-" in name]
    if kind == "parquet":
        got = pa.concat_tables(map(pq.read_table, shards)).to_pylist()
    else:
        got = [dict(row) for one in shards for row in fastavro.reader(one)]  # type: ignore[arg-type]
    assert {(row["position"], row["n"]) for row in got} == {(at + 1, at) for at in range(200)}
