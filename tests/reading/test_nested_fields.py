"""Fields of objects by their paths, the same in Parquet, Avro and JSON lines."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from runinference_metrics.reading.fields import RowFields
from tables_for_tests import avro, by_position, parquet, read

ROWS: list[dict[str, Any]] = [
    {"review": {"text": "good", "answer": "so", "stars": 5, "by": {"key": "k1"}}, "n": 1},
    {"review": {"text": None, "answer": None, "stars": 1, "by": None}, "n": 2},
    {"review": None, "n": 3},
    {"review": {"text": "bad", "answer": None, "stars": None, "by": {"key": None}}, "n": 4},
]
KEY = {"type": "record", "name": "By", "fields": [{"name": "key", "type": ["null", "string"]}]}
REVIEW = {
    "type": "record",
    "name": "Review",
    "fields": [
        {"name": "text", "type": ["null", "string"]},
        {"name": "answer", "type": ["null", "string"]},
        {"name": "stars", "type": ["null", "long"]},
        {"name": "by", "type": ["null", KEY]},
    ],
}


def write(kind: str, folder: Path, some: list[dict[str, Any]]) -> Path:
    path = folder / f"a.{kind}"
    if kind == "avro":
        return avro(path, {"review": ["null", REVIEW], "n": "long"}, some)
    if kind == "parquet":
        return parquet(path, pa.Table.from_pylist(some), row_group_size=2)
    path.write_text("".join(json.dumps(row) + "\n" for row in some))
    return path


@pytest.fixture(params=["parquet", "avro", "jsonl"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write(request.param, tmp_path, ROWS)


def test_a_text_inside_of_an_object(path: Path) -> None:
    found = read(path, RowFields("review.text", "", ()))
    assert found.count(None) == 2
    assert {at: text for at, (text, _) in by_position(found).items()} == {1: "good", 4: "bad"}


def test_everything_else_inside_of_objects(path: Path) -> None:
    fields = RowFields(
        "review.text", "review.by.key", ("review.stars", "n"), "review.answer", "review.stars"
    )
    found = by_position(read(path, fields))
    assert found == {
        1: (("good", "so"), {"review.stars": 5, "n": 1}),
        4: (("bad", ""), {"review.stars": None, "n": 4}),
    }
    ids, rights = [], []
    for one in read(path, fields):
        if one is not None:
            ids += one.ids if hasattr(one, "ids") else [one.id]
            rights += one.right_labels if hasattr(one, "ids") else [one.right_label]
    assert ids == ["k1", None]
    assert rights == ["5", ""]


def test_all_fields_but_the_texts_inside_of_objects(path: Path) -> None:
    found = by_position(read(path, RowFields("review.text", "", ("*",), "review.answer")))
    assert found[1][1] == {"review": {"stars": 5, "by": {"key": "k1"}}, "n": 1}
    assert found[4][1] == {"review": {"stars": None, "by": {"key": None}}, "n": 4}


def test_objects_in_which_nothing_is_left_are_left_out(path: Path) -> None:
    small = [{"review": {"text": "good"}, "n": 1}]
    if path.suffix == ".avro":
        kind = {"type": "record", "name": "Small", "fields": [{"name": "text", "type": "string"}]}
        avro(path, {"review": kind, "n": "long"}, small)
    else:
        write(path.suffix[1:], path.parent, small)
    found = by_position(read(path, RowFields("review.text", "", ("*",))))
    assert found == {1: ("good", {"n": 1})}


def test_a_field_that_no_object_has(path: Path) -> None:
    letters = read(path, RowFields("review.txt", "", ()))
    assert [one.reason for one in letters if one] == ["missing_text_field"] * 4
    assert "no field 'review.txt' (--text_field); there are 'review', 'n'" in letters[0].detail
    assert [one.reason for one in read(path, RowFields("n.text", "", ()))] == [
        "missing_text_field"
    ] * 4


def test_an_object_is_no_text(path: Path) -> None:
    found = read(path, RowFields("review.by", "", ()))
    reasons = [one.reason for one in found if one]
    assert set(reasons) == {"text_not_a_string"}
    assert found[0].text.startswith('{"review":{') or path.suffix == ".jsonl"


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_column_that_is_called_like_a_path(tmp_path: Path, kind: str) -> None:
    both = [{"a.b": "column", "a": {"b": "path", "c": 1}}, {"a.b": "second", "a": None}]
    found = by_position(read(write(kind, tmp_path, both), RowFields("a.b", "", ("*",))))
    assert found[1] == ("column", {"a": {"b": "path", "c": 1}})
    assert found[2] == ("second", {"a": None})
    alone = [{"a.b": "column", "n": 1}]
    found = by_position(read(write(kind, tmp_path, alone), RowFields("a.b", "", ("*",))))
    assert found == {1: ("column", {"n": 1})}


def test_a_path_in_a_column_with_a_dot(tmp_path: Path) -> None:
    table = pa.table({"a.b": [{"c": "x"}], "n": [1]})
    path = parquet(tmp_path / "a.parquet", table)
    # The first dot parts the names.
    assert read(path, RowFields("a.b.c", "", ()))[0].reason == "missing_text_field"


def test_texts_inside_of_objects_alone(tmp_path: Path) -> None:
    for path in (
        parquet(tmp_path / "a.parquet", {"text": ["good", "bad"]}),
        avro(tmp_path / "a.avro", {"text": "string"}, [{"text": "good"}, {"text": "bad"}]),
    ):
        (batch,) = read(path, RowFields("text", "", ("*",)))
        assert batch.texts == ["good", "bad"]
        assert len(batch.fields) == len(batch.only([1]).fields) + 1 == 2
