"""The same sentences with typed columns from every format into every format: one answer each."""

import csv
import gzip
import io
import json
import os
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import DEMO_MODEL, WORDS, Program
from documents_for_tests import make_batch
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.options import command_line
from runinference_metrics.reading.formats import AS_FOUND
from runinference_metrics.reading.preview import preview
from runinference_metrics.records.kept import as_text, json_values
from runinference_metrics.records.prediction import lines
from runinference_metrics.records.record import ClassifiedBatch, RecordBatch
from runinference_metrics.running.output import output_of
from runinference_metrics.running.preview import row_fields
from runinference_metrics.writing.formats import Output
from tables_for_tests import Stream, parquet, read

RUN = make_batch(random.Random(1)).run
SIZE = 872
KINDS = {
    "number": pa.int64(),
    "price": pa.decimal128(10, 2),
    "at": pa.timestamp("us", "UTC"),
    "tags": pa.list_(pa.string()),
    "seen": pa.bool_(),
}
INPUTS = ("parquet", "avro", "jsonl", "csv")
OUTPUTS = ("parquet", "avro", "jsonl", "jsonl.gz", "csv", "csv.gz")
TYPED = ("parquet", "avro")


def sentences() -> list[str]:
    """SST-2's, where somebody has them; see tests/classifier/test_classifier.py."""
    if folder := os.environ.get("SST2_FOLDER"):
        return [line.split("\t")[0] for line in (Path(folder) / "dev.tsv").read_text().splitlines()]
    rng = random.Random(872)
    return [" ".join(rng.choices(WORDS, k=rng.randint(2, 47))) for _ in range(SIZE)]


def made() -> pa.Table:
    rng = random.Random(5)

    def some(value: Any) -> Any:
        return value if rng.random() > 0.1 else None

    rows = [
        {
            "text": text,
            "number": some(rng.randint(-(2**63), 2**63 - 1)),
            "price": some(Decimal(rng.randint(-(10**9), 10**9)).scaleb(-2)),
            "at": some(rng.randint(-(2**50), 2**50)),
            "tags": some([rng.choice(['a "b"', "é,;", "", "line\nend"])] * rng.randint(0, 3)),
            "seen": some(rng.random() < 0.5),
        }
        for text in sentences()
    ]
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in KINDS.items()}
    return pa.table({"text": [row["text"] for row in rows], **columns})


TABLE = made()


def plain_rows() -> list[dict[str, Any]]:
    values = {name: json_values(TABLE[name].combine_chunks()) for name in TABLE.column_names}
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def write(folder: Path, kind: str) -> Path:
    """The table as others write it."""
    path = folder / f"in.{kind}"
    if kind == "parquet":
        return parquet(path, TABLE, row_group_size=100)
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in plain_rows()))
        return path
    if kind == "csv":
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(TABLE.column_names)
            writer.writerows([as_text(one) for one in row.values()] for row in plain_rows())
        return path
    longs = {"type": "long", "logicalType": "timestamp-micros"}
    decimals = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
    tags = {"type": "array", "items": "string"}
    kinds = {"text": "string", "number": "long", "price": decimals, "at": longs, "tags": tags,
             "seen": "boolean"}  # fmt: skip
    schema = {"type": "record", "name": "Row",
              "fields": [{"name": n, "type": ["null", k]} for n, k in kinds.items()]}  # fmt: skip
    with path.open("wb") as stream:
        fastavro.writer(stream, fastavro.parse_schema(schema), TABLE.to_pylist(), "deflate")
    return path


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return ClassifierSpec(str(DEMO_MODEL), precision="float32").load()


@pytest.fixture(scope="module")
def expected(classifier: Classifier) -> list[tuple[str, float]]:
    found = classifier.classify(TABLE["text"].to_pylist())
    return [
        (found.label_names[winner or 0], scores[winner or 0])
        for winner, scores in zip(found.winners, found.scores, strict=True)
    ]


def written(how: Output, batch: ClassifiedBatch) -> bytes:
    stream = Stream()
    shard = how.shard(stream)
    shard.write(how.table.columns(batch) if how.table else b"\n".join(lines(batch, how.wanted)))
    shard.close()
    return stream.getvalue()


def table_of(kind: str, content: bytes) -> pa.Table:
    """Predictions as their readers have them."""
    if kind == "parquet":
        return pq.read_table(pa.BufferReader(content))
    if kind == "avro":
        return pa.Table.from_pylist([dict(row) for row in fastavro.reader(io.BytesIO(content))])  # type: ignore[arg-type]
    if kind.endswith(".gz"):
        content = gzip.decompress(content)
    if kind.startswith("jsonl"):
        rows = [json.loads(line) for line in content.splitlines()]
        return pa.Table.from_pylist([{**row, **row["fields"]} for row in rows])
    return pa.Table.from_pylist(list(csv.DictReader(io.StringIO(content.decode(), newline=""))))


def texts(table: pa.Table) -> Iterator[tuple[str | None, ...]]:
    """The kept columns as texts; nothing is nothing."""
    columns = [map(as_text, json_values(table[name].combine_chunks())) for name in KINDS]
    for row in zip(*columns, strict=True):
        yield tuple(one or None for one in row)


@pytest.mark.parametrize("kind", INPUTS)
def test_every_output_of_an_input_has_the_same(
    tmp_path: Path, kind: str, classifier: Classifier, expected: list[tuple[str, float]]
) -> None:
    path = write(tmp_path, kind)
    for name in OUTPUTS:
        settings, _ = command_line.parse([
            f"--input={path}", f"--output={tmp_path}/out", f"--model={DEMO_MODEL}",
            "--keep_fields=*", f"--output_format={name}",
        ])  # fmt: skip
        fields = row_fields(settings)
        how = output_of(settings, [preview(str(path), path.stat().st_size, fields, AS_FOUND)])
        fields = row_fields(settings, how)
        kinds = how.table.types.fields if how.table else None
        found = [one if isinstance(one, RecordBatch) else RecordBatch.of([one], kinds)
                 for one in read(path, fields)]  # fmt: skip
        batch = RecordBatch.join(found)
        assert batch.texts == TABLE["text"].to_pylist()
        answers = classifier.classify(batch.texts)
        table = table_of(name, written(how, ClassifiedBatch(batch, answers, RUN)))
        got = zip(table["label"].to_pylist(), map(float, table["score"].to_pylist()), strict=True)
        assert list(got) == expected
        assert list(texts(table)) == list(texts(TABLE)), (kind, name)
        if kind in TYPED and name in TYPED:
            for column, arrow in KINDS.items():
                same = table[column].cast(arrow) if name == "avro" else table[column]
                assert same.combine_chunks().equals(TABLE[column].combine_chunks())


@pytest.mark.parametrize("kind", TYPED)
def test_a_run_from_a_table_into_tables(
    program: Program, tmp_path: Path, kind: str, expected: list[tuple[str, float]]
) -> None:
    path = write(tmp_path, kind)
    done = program(
        f"--input={path}", f"--model={DEMO_MODEL}", "--keep_fields=*", "--precision=float32",
        f"--output_format={kind}", "--output_shards=3",
    )  # fmt: skip
    assert done.code == 0, done.err
    shards = sorted(done.folder.glob("predictions-*"))
    assert [one.name for one in shards] == [
        f"predictions-0000{at}-of-00003.{kind}" for at in range(3)
    ]
    table = pa.concat_tables([table_of(kind, one.read_bytes()) for one in shards],
                             promote_options="default").sort_by("position")  # fmt: skip
    assert table["position"].to_pylist() == list(range(1, SIZE + 1))
    assert table["label"].to_pylist() == [label for label, _ in expected]
    for score, (_, right) in zip(table["score"].to_pylist(), expected, strict=True):
        # Other texts beside it in a batch move the last digits.
        assert score == pytest.approx(right, abs=1e-5)
    assert list(texts(table)) == list(texts(TABLE))
