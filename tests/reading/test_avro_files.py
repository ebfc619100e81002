"""Avro files: every type and codec; ranges; damage; which fields are decoded."""

import datetime as dt
import random
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND, FormatOptions
from runinference_metrics.reading.ranges import ranges
from runinference_metrics.records.record import RecordBatch
from tables_for_tests import ALL, avro, by_position, fault, kept_columns, read

relaxed = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
CODECS = ("null", "deflate", "bzip2", "xz", "snappy", "zstandard")
UTC = dt.UTC
POINT = {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]}
NODE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "v", "type": "int"}, {"name": "next", "type": ["null", "Node"]}],
}


def logical(kind: str, meaning: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": meaning, **more}


def cut(path: Path, range_bytes: int) -> list[FileRange]:
    return list(ranges(str(path), path.stat().st_size, AS_FOUND, ALL, range_bytes))


@pytest.mark.parametrize(
    ("kind", "value", "arrow", "as_json"),
    [
        ("null", None, pa.null(), None),
        ("boolean", True, pa.bool_(), True),
        ("int", -5, pa.int32(), -5),
        ("long", 2**62, pa.int64(), 2**62),
        ("float", 0.5, pa.float32(), 0.5),
        ("double", float("inf"), pa.float64(), "Infinity"),
        ("bytes", b"abc", pa.binary(), "YWJj"),
        ("string", "é", pa.string(), "é"),
        ({"type": "fixed", "name": "F", "size": 3}, b"abc", pa.binary(), "YWJj"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", pa.string(), "B"),
        ({"type": "array", "items": ["null", "long"]}, [1, None], pa.list_(pa.int64()), [1, None]),
        ({"type": "map", "values": "int"}, {"k": 1}, pa.map_(pa.string(), pa.int32()), {"k": 1}),
        ({"type": "map", "values": POINT}, {"k": {"x": 1}},
         pa.map_(pa.string(), pa.struct([("x", pa.int32())])), {"k": {"x": 1}}),
        (POINT, {"x": 1}, pa.struct([("x", pa.int32())]), {"x": 1}),
        ({"type": "record", "name": "None_", "fields": []}, {}, pa.string(), "{}"),
        (logical("bytes", "decimal", precision=10, scale=2), Decimal("12.50"),
         pa.decimal128(10, 2), "12.50"),
        (logical("fixed", "decimal", precision=10, scale=2, name="D", size=8), Decimal("-0.01"),
         pa.decimal128(10, 2), "-0.01"),
        (logical("bytes", "decimal", precision=50, scale=1), Decimal(10**40),
         pa.decimal256(50, 1), f"{10**40}.0"),
        (logical("bytes", "decimal", precision=80, scale=2), Decimal("1.25"), pa.string(), "1.25"),
        (logical("int", "date"), dt.date(2026, 11, 28), pa.date32(), "2026-11-28"),
        (logical("int", "time-millis"), dt.time(1, 2, 3, 4000), pa.time32("ms"), "01:02:03.004"),
        (logical("long", "time-micros"), dt.time(1, 2, 3, 4), pa.time64("us"), "01:02:03.000004"),
        (logical("long", "timestamp-millis"), dt.datetime(2026, 11, 28, tzinfo=UTC),
         pa.timestamp("ms", "UTC"), "2026-11-28T00:00:00.000Z"),
        (logical("long", "timestamp-micros"), dt.datetime(1, 1, 1, tzinfo=UTC),
         pa.timestamp("us", "UTC"), "0001-01-01T00:00:00.000000Z"),
        (logical("long", "timestamp-nanos"), 1, pa.timestamp("ns", "UTC"),
         "1970-01-01T00:00:00.000000001Z"),
        (logical("long", "local-timestamp-millis"), dt.datetime(2026, 11, 28),
         pa.timestamp("ms"), "2026-11-28T00:00:00.000"),
        (logical("long", "local-timestamp-micros"), dt.datetime(2026, 11, 28),
         pa.timestamp("us"), "2026-11-28T00:00:00.000000"),
        (logical("string", "uuid"), uuid.UUID(int=1), pa.string(), str(uuid.UUID(int=1))),
        (logical("fixed", "duration", name="L", size=12), b"123456789012", pa.binary(),
         "MTIzNDU2Nzg5MDEy"),
        # Logical types of another type are none, and neither are unknown ones.
        (logical("string", "date"), "today", pa.string(), "today"),
        (logical("string", "decimal"), "1.5", pa.string(), "1.5"),
        (logical("string", "varchar"), "a", pa.string(), "a"),
        (logical("int", "timestamp-micros"), 5, pa.int32(), 5),
        # Several types, and one that holds itself, are texts.
        (["int", "string"], 5, pa.string(), "5"),
        (["int", "string"], "a", pa.string(), "a"),
        (["null", "int", POINT], {"x": 1}, pa.string(), '{"x":1}'),
        (["null", "string", logical("long", "timestamp-micros")],
         dt.datetime(2026, 11, 28, tzinfo=UTC), pa.string(), "2026-11-28T00:00:00Z"),
        (["string", logical("bytes", "decimal", precision=9, scale=2)], Decimal("1.25"),
         pa.string(), "1.25"),
        (NODE, {"v": 1, "next": {"v": 2, "next": None}}, pa.string(),
         '{"v":1,"next":{"v":2,"next":null}}'),
    ],
)  # fmt: skip
def test_columns_of_every_type(
    tmp_path: Path, kind: Any, value: Any, arrow: pa.DataType, as_json: Any
) -> None:
    path = avro(tmp_path / "a.avro", {"text": "string", "kept": kind},
                [{"text": "a", "kept": value}, {"text": "b", "kept": value}])  # fmt: skip
    found = read(path)
    assert kept_columns(found)["kept"].type == arrow
    assert list(by_position(found).values()) == [("a", {"kept": as_json}), ("b", {"kept": as_json})]
    if isinstance(kind, list) or kind == "null":
        return
    optional = {"text": "string", "kept": ["null", kind]}
    path = avro(tmp_path / "b.avro", optional, [{"text": "a", "kept": None}])
    assert by_position(read(path)) == {1: ("a", {"kept": None})}


def some_rows(number: int) -> list[dict[str, Any]]:
    return [{"text": f"text {at}" if at % 3 else None, "n": at} for at in range(number)]


FIELDS = {"text": ["null", "string"], "n": "long"}


@relaxed
@given(st.integers(0, 200), st.integers(1, 2000), st.integers(16, 500), st.sampled_from(CODECS))
def test_any_ranges_have_the_rows_of_the_whole(
    tmp_path: Path, number: int, range_bytes: int, block_bytes: int, codec: str
) -> None:
    path = avro(tmp_path / "a.avro", FIELDS, some_rows(number), codec, block_bytes)
    expected = {at + 1: (f"text {at}", {"n": at}) for at in range(number) if at % 3}
    assert by_position(read(path)) == expected
    parts = cut(path, range_bytes)
    found = [row for part in parts for row in read(part)]
    assert by_position(found) == expected
    assert [at for one in found if one for at in one.positions] == list(expected)
    assert found.count(None) == len(range(0, number, 3))


def test_a_type_that_another_field_names(tmp_path: Path) -> None:
    fields = {"a": POINT, "b": ["null", "Point"], "text": "string", "c": "Point"}
    path = avro(
        tmp_path / "a.avro", fields, [{"a": {"x": 1}, "b": None, "c": {"x": 3}, "text": "t"}]
    )
    for name, value in (("a", {"x": 1}), ("b", None), ("c", {"x": 3})):
        assert by_position(read(path, RowFields("text", "", (name,)))) == {1: ("t", {name: value})}
    assert by_position(read(path, RowFields("text", "c.x", ("a.x",)))) == {1: ("t", {"a.x": 1})}
    (batch,) = read(path, RowFields("text", "c.x", ()))
    assert batch.ids == [3]


def test_a_row_that_holds_rows(tmp_path: Path) -> None:
    fields = {"text": "string", "answers": {"type": "array", "items": "Row"}}
    row = {"text": "a", "answers": [{"text": "b", "answers": []}]}
    path = avro(tmp_path / "a.avro", fields, [row])
    assert by_position(read(path)) == {1: ("a", {"answers": '[{"text":"b","answers":[]}]'})}
    assert [one.texts for one in read(path, RowFields("text", "", ()))] == [["a"]]


def test_columns_of_texts(tmp_path: Path) -> None:
    path = avro(tmp_path / "a.avro", {"text": "bytes"}, [{"text": b"ok"}, {"text": b"n\xff"}])
    found = by_position(read(path))
    assert found[1][0] == "ok"
    assert found[2].reason == "invalid_utf8"
    path = avro(tmp_path / "b.avro", {"text": POINT}, [{"text": {"x": 1}}])
    assert fault(read(path)).reason == "text_not_a_string"
    assert fault(read(path, RowFields("review", "", ()))).reason == "missing_text_field"


def test_strings_that_are_no_utf8_cost_their_row(tmp_path: Path) -> None:
    inner = {"type": "record", "name": "Inner", "fields": [{"name": "s", "type": "string"}]}
    fields = {"text": "string", "kept": {"type": "array", "items": inner},
              "map": {"type": "map", "values": "string"}}  # fmt: skip
    path = avro(tmp_path / "a.avro", fields, [
        {"text": f"{at}@@@", "kept": [{"s": f"{at}###"}], "map": {"k": f"{at}%%%"}}
        for at in range(5)
    ])  # fmt: skip
    content = path.read_bytes()
    for good, bad in ((b"1@@@", b"1@\xff@"), (b"2###", b"2#\xfe#"), (b"3%%%", b"3%%\xfd")):
        content = content.replace(good, bad)
    path.write_bytes(content)
    found = by_position(read(path))
    assert [found[at].reason for at in (2, 3, 4)] == ["invalid_utf8"] * 3
    assert found[2].text == "1@\\xff@"
    assert found[3].detail == "columns 'kept' hold strings that are no UTF-8"
    assert [found[at][0] for at in (1, 5)] == ["0@@@", "4@@@"]


def test_a_file_that_is_written_anew_is_not_read_in_part(tmp_path: Path) -> None:
    path = avro(tmp_path / "a.avro", FIELDS, some_rows(100), sync_interval=100)
    first, second, *_ = cut(path, 1)
    assert by_position(read(second))
    avro(path, FIELDS, some_rows(100), sync_interval=100)
    for part in (first, second):
        with pytest.raises(OSError, match="was changed while it was being read"):
            read(part)


def test_a_file_that_became_shorter_is_damaged(tmp_path: Path) -> None:
    path = avro(tmp_path / "a.avro", FIELDS, some_rows(100), sync_interval=100)
    parts = cut(path, 1)
    content = path.read_bytes()
    for size in (parts[2].start, parts[2].start + 1, (parts[2].stop or 0) - 1):
        path.write_bytes(content[:size])
        assert fault(read(parts[2])).reason == "corrupt_file"
        assert len(by_position(read(parts[1]))) > 1


@pytest.fixture(scope="module", params=CODECS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "a.avro"
    return avro(path, FIELDS, some_rows(200), request.param, 400).read_bytes()


@settings(parent=relaxed, max_examples=60)
@given(st.data())
def test_damaged_files_lose_no_row_without_a_word(
    tmp_path: Path, whole: bytes, data: st.DataObject
) -> None:
    path = tmp_path / "a.avro"
    path.write_bytes(whole)
    starts = {part.start for part in cut(path, 1)}
    at = data.draw(st.integers(0, len(whole) - 1) | st.sampled_from(sorted(starts)))
    how = data.draw(st.sampled_from(["cut", "flipped", "more"]))
    if how == "cut":
        path.write_bytes(whole[:at])
    elif how == "flipped":
        changed = whole[at] ^ 1 << data.draw(st.integers(0, 7))
        path.write_bytes(whole[:at] + bytes([changed]) + whole[at + 1 :])
    else:
        path.write_bytes(whole[:at] + b"\x15\x00" + whole[at:])
    for parts in ([FileRange(str(path))], cut(path, 1) if path.stat().st_size > 1 else []):
        found = [row for part in parts for row in read(part)]
        reasons = {getattr(one, "reason", "") for one in found}
        if not parts or reasons & {"corrupt_file", "unknown_format"}:
            continue
        # A file that ends where a block does looks whole: no place of it says how long it is.
        rows_lost = how == "cut" and at in {0, *starts}
        assert rows_lost or len(by_position(found)) + found.count(None) == 200


def test_what_stands_before_the_damage_is_kept(tmp_path: Path) -> None:
    path = avro(tmp_path / "a.avro", FIELDS, some_rows(100), sync_interval=200)
    starts = [part.start for part in cut(path, 1)]
    content = bytearray(path.read_bytes())
    content[starts[3] - 1] ^= 1
    path.write_bytes(content)
    found = read(path)
    letter = fault(found)
    before = letter.position - 1
    assert (letter.reason, before > 10) == ("corrupt_file", True)
    assert letter.detail.endswith(f"; {before} rows came before")
    assert len(by_position(found)) - 1 + found.count(None) == before


def test_a_checksum_of_snappy_is_looked_at(tmp_path: Path) -> None:
    path = avro(tmp_path / "a.avro", FIELDS, some_rows(10), "snappy")
    content = bytearray(path.read_bytes())
    content[-17] ^= 1
    path.write_bytes(content)
    assert "the checksum of a block is wrong" in fault(read(path)).detail


@pytest.mark.parametrize(
    ("name", "content", "said", "reason"),
    [
        ("a.avro", b"Obj\x01", "auto", "unknown_format"),
        ("a.avro", b"Obj\x01" + bytes(50), "auto", "corrupt_file"),
        ("a.avro", b"Obj", "auto", "unknown_format"),
        ("a.avro", b'{"text": "good"}\n', "auto", "unknown_format"),
        ("a.jsonl", b'{"text": "good"}\n', "avro", "unknown_format"),
        ("a", b"PAR1" + bytes(50), "avro", "unknown_format"),
    ],
)
def test_what_is_no_avro(tmp_path: Path, name: str, content: bytes, said: str, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    (letter,) = read(tmp_path / name, ALL, FormatOptions(said))
    assert letter.reason == reason


@pytest.mark.parametrize("said", ["text", "csv", "jsonl", "document", "parquet"])
def test_avro_is_read_as_nothing_else(tmp_path: Path, said: str) -> None:
    path = avro(tmp_path / "a.avro", FIELDS, some_rows(3))
    (letter,) = read(path, ALL, FormatOptions(said))
    assert letter.detail.startswith(f"{said}, a file of Avro (--input_format takes")


def test_rows_that_are_no_records(tmp_path: Path) -> None:
    with (tmp_path / "a.avro").open("wb") as stream:
        fastavro.writer(stream, "string", ["good"])
    (letter,) = read(tmp_path / "a.avro")
    assert letter.detail == 'its rows are no records but "string"; 0 rows came before'


def test_a_codec_that_nobody_knows(tmp_path: Path) -> None:
    path = avro(tmp_path / "a.avro", FIELDS, some_rows(3))
    path.write_bytes(path.read_bytes().replace(b"\x08null", b"\x08lzo9"))
    letter = fault(read(path))
    assert "lzo9" in letter.detail


def test_batches_of_many_rows(tmp_path: Path) -> None:
    path = avro(tmp_path / "a.avro", FIELDS, some_rows(5000), "deflate")
    found = [one for one in read(path) if isinstance(one, RecordBatch)]
    assert max(map(len, found)) <= 512
    assert [at for one in found for at in one.positions] == [
        at + 1 for at in range(5000) if at % 3
    ]  # fmt: skip


def test_fields_that_are_not_asked_for_are_not_decoded(tmp_path: Path) -> None:
    """A string that is no UTF-8 in one of them is not even looked at."""
    rng = random.Random(2)
    fields = {"text": "string", "other": "string"}
    some = [{"text": f"text {rng.random()}", "other": "@@@"} for _ in range(10)]
    path = avro(tmp_path / "a.avro", fields, some)
    path.write_bytes(path.read_bytes().replace(b"@@@", b"\xff\xff\xff"))
    assert len(by_position(read(path, RowFields("text", "", ())))) == 10
    assert {one.reason for one in read(path)} == {"invalid_utf8"}
