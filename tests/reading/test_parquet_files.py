"""Parquet files: every type, by every writer; ranges; damage; what is read of them."""

import random
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pandas_for_tests import in_pandas
from runinference_metrics.reading import files, limits, rows, watched
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND, FormatOptions
from runinference_metrics.reading.ranges import ranges
from runinference_metrics.records.kept_types import kept_types
from runinference_metrics.records.plain_types import plain, plain_array
from runinference_metrics.records.record import RecordBatch, Rejected, to_json
from tables_for_tests import (
    ALL,
    arrays,
    by_position,
    counts,
    fault,
    is_equal,
    kept_columns,
    parquet,
    read,
)

relaxed = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
SIZE = 5
TEXTS = [f"text {number}" for number in range(SIZE)]


def cut(path: Path, range_bytes: int, fields: RowFields = ALL) -> list[FileRange]:
    return list(ranges(str(path), path.stat().st_size, AS_FOUND, fields, range_bytes))


@relaxed
@given(arrays(SIZE))
def test_columns_of_every_type(tmp_path: Path, column: pa.Array) -> None:
    try:
        path = parquet(tmp_path / "a.parquet", {"text": TEXTS, "kept": column})
    except pa.ArrowNotImplementedError:
        # Views inside of lists, of which Arrow writes only some.
        return
    own = pq.read_schema(path).field("kept").type
    expected = plain_array(pq.read_table(path)["kept"].combine_chunks())
    # As it is, and as one of the types of a run.
    found = kept_columns(read(path))["kept"].combine_chunks()
    assert is_equal(found, expected)
    types = kept_types([own], {"kept": [own]})
    typed = read(path, RowFields("text", "kept", ("kept",), types=types))
    assert [one for one in typed if not isinstance(one, RecordBatch)] == []
    if not pa.types.is_null(own) and "null" not in str(own):
        assert is_equal(kept_columns(typed)["kept"].combine_chunks(), expected)
    for batch in typed:
        to_json(batch.ids)


@pytest.mark.parametrize("version", ["1.0", "2.4", "2.6"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_every_version_and_compression(tmp_path: Path, version: str, compression: str) -> None:
    table = {"text": TEXTS, "when": pa.array(range(SIZE), pa.timestamp("us", "UTC"))}
    path = parquet(tmp_path / "a.parquet", table, version=version, compression=compression,
                   data_page_version="1.0" if version == "1.0" else "2.0")  # fmt: skip
    found = by_position(read(path))
    assert list(found) == [1, 2, 3, 4, 5]
    assert found[3] == ("text 2", {"when": "1970-01-01T00:00:00.000002Z"})


PANDAS = """
frame = pd.DataFrame({
    "text": ["good", None, "bad"],
    "stars": pd.array([5, None, 1], "Int64"),
    "kind": pd.Categorical(["a", "b", "a"]),
    "when": pd.to_datetime(["2026-11-28T05:21:30.5"] * 3).tz_localize("Europe/Berlin"),
    "share": pd.Series([0.5, None, 1], index=[7, 8, 9]).astype("float32").to_numpy(),
}, index=pd.Index([7, 8, 9], name="key"))
frame.to_parquet(arguments[0])
"""


@pytest.mark.starts
def test_as_pandas_writes_it(tmp_path: Path) -> None:
    in_pandas(PANDAS, tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert found.count(None) == 1
    assert by_position(found)[1] == (
        "good",
        {"stars": 5, "kind": "a", "when": "2026-11-28T04:21:30.500000Z", "share": 0.5, "key": 7},
    )


def test_as_duckdb_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    duckdb.sql(
        f"""COPY (SELECT 'good' AS text, 12.50::DECIMAL(10,2) AS price, [1, NULL] AS list,
            {{'a': 1, 'b': 'x'}} AS object, MAP {{'k': 2}} AS map, DATE '2026-11-28' AS day,
            uuid '00000000-0000-0000-0000-000000000001' AS key, '{{"a": 1}}'::JSON AS json,
            [uuid '00000000-0000-0000-0000-000000000002'] AS keys, 'a'::ENUM('a', 'b') AS enum,
            TIMESTAMPTZ '2026-11-28 05:21:30+00' AS at, TIME '01:02:03' AS time,
            2::UTINYINT AS tiny, 'ab'::BLOB AS blob, 18446744073709551615::UBIGINT AS big
        ) TO '{path}' (FORMAT parquet)"""
    )
    ((text, kept),) = by_position(read(path)).values()
    assert text == "good"
    assert kept == {
        "price": "12.50", "list": [1, None], "object": {"a": 1, "b": "x"}, "map": {"k": 2},
        "day": "2026-11-28", "key": "00000000-0000-0000-0000-000000000001", "json": '{"a": 1}',
        "keys": ["00000000-0000-0000-0000-000000000002"], "enum": "a",
        "at": "2026-11-28T05:21:30.000000Z", "time": "01:02:03.000000", "tiny": 2, "blob": "YWI=",
        "big": 2**64 - 1,
    }  # fmt: skip


def test_ids_are_exact(tmp_path: Path) -> None:
    key = pa.array([2**63, None], pa.uint64())
    path = parquet(tmp_path / "a.parquet", {"text": ["a", "b"], "key": key, "label": [1, None]})
    (batch,) = read(path, RowFields("text", "key", (), label_field="label"))
    assert batch.ids == [2**63, None]
    assert batch.right_labels == ["1", ""]


# What texts may be.


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()),
             pa.binary(), pa.large_binary(), pa.json_()]
)  # fmt: skip
def test_columns_of_texts(tmp_path: Path, kind: pa.DataType) -> None:
    texts = [b"gut", None, b" "] if "binary" in str(kind) else ["gut", None, " "]
    path = parquet(tmp_path / "a.parquet", {"text": pa.array(texts, kind), "n": counts(3)})
    found = read(path)
    assert found.count(None) == 2
    assert by_position(found) == {1: ("gut", {"n": 0})}


def test_what_is_no_text(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": [5, None], "n": [1, 2]})
    letter, blank = read(path)
    assert (letter.reason, letter.position) == ("text_not_a_string", 1)
    assert letter.detail == "field 'text' is not a string but int64"
    assert letter.text == '{"text":5,"n":1}'
    assert blank is None


def test_a_column_of_nulls_is_blank(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": pa.nulls(3)})
    assert read(path) == [None, None, None]


def test_a_field_that_is_not_there(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"review": ["a", "b"], "n": [1, 2]})
    first, second = read(path)
    assert (first.reason, first.position, second.position) == ("missing_text_field", 1, 2)
    assert first.detail == "no field 'text' (--text_field); there are 'review', 'n'"
    pair = RowFields("review", "", (), text_pair_field="answer")
    assert [one.reason for one in read(path, pair)] == ["missing_text_pair_field"] * 2


def test_pairs(tmp_path: Path) -> None:
    table = {"a": ["x", None, " "], "b": ["y", "z", None], "n": [1, 2, 3]}
    path = parquet(tmp_path / "a.parquet", table)
    found = read(path, RowFields("a", "", ("*",), text_pair_field="b"))
    assert found.count(None) == 1
    assert by_position(found) == {1: (("x", "y"), {"n": 1}), 2: (("", "z"), {"n": 2})}


def invalid(values: list[bytes | None], kind: pa.DataType) -> pa.Array:
    """Strings that are no UTF-8, as they stand in files of others."""
    return pa.array(values, pa.binary()).view(pa.string()).cast(kind)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_strings_that_are_no_utf8_cost_their_row(tmp_path: Path, kind: pa.DataType) -> None:
    table = {"text": invalid([b"good", b"b\xff", b"bad", b"so"], kind),
             "kept": invalid([b"a", b"b", b"\xfe", None], kind)}  # fmt: skip
    path = parquet(tmp_path / "a.parquet", table)
    found = by_position(read(path))
    assert [found[1], found[4]] == [("good", {"kept": "a"}), ("so", {"kept": None})]
    assert [found[at].reason for at in (2, 3)] == ["invalid_utf8"] * 2
    assert found[2].text == "b\\xff"
    assert found[3].detail == "columns 'kept' hold strings that are no UTF-8"
    # Where the column is not read nobody minds.
    assert len(by_position(read(path, RowFields("text", "", ())))) == 4
    assert fault(read(path, RowFields("text", "", ()))).position == 2


def test_a_wrong_string_in_a_dictionary_costs_its_rows_alone(tmp_path: Path) -> None:
    words = invalid([b"good", b"b\xff"], pa.string())
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, 0], pa.int32()), words)
    path = parquet(tmp_path / "a.parquet", {"text": column})
    assert fault(read(path)).position == 2
    assert len(by_position(read(path))) == 4


def test_a_wrong_string_inside_of_a_list_costs_its_row_alone(tmp_path: Path) -> None:
    words = invalid([b"a", b"b", b"\xff", b"d"], pa.string())
    column = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3, 4], pa.int32()), words)
    path = parquet(tmp_path / "a.parquet", {"text": list("abcd"), "kept": column})
    assert fault(read(path)).position == 3
    assert len(by_position(read(path))) == 4


def test_bytes_that_are_no_utf8_are_no_text(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": pa.array([b"ok", b"n\xff"])})
    letter = fault(read(path))
    assert (letter.reason, letter.position) == ("invalid_utf8", 2)
    assert letter.detail == "byte 2 of the text: invalid start byte"


def test_a_text_beyond_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TEXT_BYTES", 10)
    table = {"text": ["é" * 5, "é" * 6, "good"], "n": [1, 2, 3]}
    found = by_position(read(parquet(tmp_path / "a.parquet", table)))
    assert found[2].reason == "text_too_long"
    assert found[2].detail == "the text has 12 bytes, the most is 10"
    assert [found[1][0], found[3][0]] == ["é" * 5, "good"]


# Ranges.


@relaxed
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
    st.integers(1, 3000),
    st.sampled_from([ALL, RowFields("text", "n", ())]),
)
def test_any_ranges_have_the_rows_of_the_whole(
    tmp_path: Path, sizes: list[int], range_bytes: int, fields: RowFields
) -> None:
    path, total = tmp_path / "a.parquet", sum(sizes)
    table = pa.table({"text": [f"text {at}" if at % 3 else None for at in range(total)],
                      "n": counts(total), "long": ["x" * 100] * total})  # fmt: skip
    with pq.ParquetWriter(path, table.schema) as writer:
        for at, size in enumerate(sizes):
            writer.write_table(table.slice(sum(sizes[:at]), size))
    whole = read(path, fields)
    parts = cut(path, range_bytes, fields)
    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    found = [row for part in parts for row in read(part, fields)]
    assert list(by_position(found).items()) == list(by_position(whole).items())
    assert found.count(None) == whole.count(None) == (total + 2) // 3
    assert [at for one in found if one for at in one.positions] == sorted(by_position(whole))


def test_a_file_that_is_written_anew_is_not_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet(path, {"text": [f"text {at}" for at in range(100)]}, row_group_size=10)
    first, second, *_ = cut(path, 1)
    assert len(by_position(read(first))) == 10
    # As many rows, of the same size.
    parquet(path, {"text": [f"next {at}" for at in range(100)]}, row_group_size=10)
    for part in (first, second):
        with pytest.raises(OSError, match="was changed while it was being read"):
            read(part)


# Damage.


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "a.parquet"
    rng = random.Random(3)
    table = {"text": [f"text {rng.random()}" for _ in range(300)], "n": counts(300),
             "tags": [["a", None], [], None] * 100}  # fmt: skip
    return parquet(
        path, table, row_group_size=100, write_page_checksum=True, use_dictionary=False
    ).read_bytes()


def accounted(path: Path, fields: RowFields) -> None:
    """Fails where a row is missing without a word."""
    found = read(path, fields)
    placed = by_position(found)
    if any(getattr(one, "reason", "") in ("corrupt_file", "unknown_format") for one in found):
        return
    assert len(placed) + found.count(None) == 300


@relaxed
@given(st.data())
def test_damaged_files_lose_no_row_without_a_word(
    tmp_path: Path, whole: bytes, data: st.DataObject
) -> None:
    path = tmp_path / "a.parquet"
    # Half of the places are in what stands at the end.
    at = data.draw(st.integers(0, len(whole) - 1) | st.integers(len(whole) - 900, len(whole) - 1))
    how = data.draw(st.sampled_from(["cut", "flipped", "zeros", "more"]))
    if how == "cut":
        path.write_bytes(whole[:at])
    elif how == "flipped":
        changed = whole[at] ^ 1 << data.draw(st.integers(0, 7))
        path.write_bytes(whole[:at] + bytes([changed]) + whole[at + 1 :])
    elif how == "zeros":
        path.write_bytes(whole[:at] + bytes(8) + whole[at + 8 :])
    else:
        path.write_bytes(whole[:at] + b"\x15\x00" + whole[at:])
    if path.stat().st_size:
        accounted(path, data.draw(st.sampled_from([ALL, RowFields("text", "", ())])))


def test_a_changed_byte_of_a_page_is_found_by_its_checksum(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.parquet"
    second = pq.ParquetFile(pa.BufferReader(whole)).metadata.row_group(1).column(0)
    at = second.data_page_offset + second.total_compressed_size // 2
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    found = read(path, RowFields("text", "", ()))
    letter = fault(found)
    assert (letter.reason, letter.position) == ("corrupt_file", 101)
    assert letter.detail.endswith("; 100 rows came before")
    assert len(by_position(found)) == 101
    # The other row groups are other ranges.
    each = [by_position(read(part, RowFields("text", "", ()))) for part in cut(path, 1)]
    assert [len(one) for one in each] == [100, 1, 100]


@pytest.mark.parametrize("said", ["auto", "parquet"])
@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"PAR1\x15\x00\x15", "corrupt_file", "; 0 rows came before"),
        (b"PAR1" + bytes(100) + b"PAR1", "corrupt_file", "; 0 rows came before"),
        (b"PARE\x15\x00\x15" + bytes(20) + b"PARE", "unknown_format", "Parquet"),
        (b"PAR1 is a word\n", "unknown_format", "Parquet"),
        (b"<html>Access denied</html>\n", "unknown_format", "Parquet"),
        (b'{"text": "good"}\n', "unknown_format", "Parquet"),
    ],
)
def test_what_is_no_parquet(
    tmp_path: Path, said: str, content: bytes, reason: str, detail: str
) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    (letter,) = read(tmp_path / "a.parquet", ALL, FormatOptions(said))
    assert (letter.reason, letter.position) == (reason, 1)
    assert detail in letter.detail


def test_an_encrypted_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PARE" + bytes(20) + b"PARE")
    (letter,) = read(tmp_path / "a.parquet")
    assert "an encrypted Parquet file: decrypt it first" in letter.detail


def test_a_text_may_begin_like_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"PAR1 is a word\n")
    (record,) = read(tmp_path / "a.txt")
    assert record.text == "PAR1 is a word"


@pytest.mark.parametrize("said", ["text", "csv", "jsonl", "document", "avro"])
def test_parquet_is_read_as_nothing_else(tmp_path: Path, said: str) -> None:
    parquet(tmp_path / "a.parquet", {"text": TEXTS})
    (letter,) = read(tmp_path / "a.parquet", ALL, FormatOptions(said))
    assert letter.reason == "unknown_format"
    assert letter.detail.startswith(f"{said}, a file of Parquet (--input_format takes")


def test_parquet_needs_no_name(tmp_path: Path) -> None:
    path = parquet(tmp_path / "part-00000", {"text": TEXTS})
    assert len(by_position(read(path))) == SIZE


def test_parquet_that_is_compressed_as_a_whole(tmp_path: Path) -> None:
    import gzip

    path = parquet(tmp_path / "a.parquet", {"text": TEXTS})
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(path.read_bytes()))
    (letter,) = read(tmp_path / "a.parquet.gz")
    assert "a file of Parquet that is compressed as a whole: unpack it first" in letter.detail


def test_files_without_rows(tmp_path: Path) -> None:
    assert read(parquet(tmp_path / "a.parquet", {"text": pa.array([], pa.string())})) == []
    (tmp_path / "b.parquet").write_bytes(b"")
    assert read(tmp_path / "b.parquet") == []


# What is read.


class Counted:
    """A file that knows what was read of it."""

    def __init__(self, stream: BinaryIO, seen: list[int]) -> None:
        self._stream = stream
        self._seen = seen

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._seen.append(len(data))
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> "Counted":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def test_other_columns_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    count = 20_000
    table = {"image": [rng.randbytes(500) for _ in range(count)],
             "review": [{"text": f"text {at}", "html": rng.randbytes(500)} for at in range(count)],
             "n": counts(count)}  # fmt: skip
    path = parquet(tmp_path / "a.parquet", table)
    seen: list[int] = []
    monkeypatch.setattr(rows, "open_raw", lambda one: Counted(files.open_raw(one), seen))
    found = read(path, RowFields("review.text", "", ("n",)))
    assert len(by_position(found)) == count
    assert path.stat().st_size > 15 << 20
    # The pages of a column are read some MiB at a time.
    assert sum(seen) < 4 << 20


def test_a_file_that_cannot_be_read_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": TEXTS})

    class Failing(Counted):
        def read(self, size: int = -1) -> bytes:
            if len(self._seen) > 2:
                raise TimeoutError("the bucket is slow")
            return super().read(size)

    monkeypatch.setattr(rows, "open_table", lambda one: Failing(files.open_raw(one), []))
    monkeypatch.setattr(watched, "_PIECE_BYTES", 8)
    with pytest.raises(TimeoutError, match="the bucket is slow"):
        read(path)


def test_rows_with_long_texts_are_small_batches(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": ["x" * 500_000] * 100})
    sizes = [len(one) for one in read(path)]
    assert sum(sizes) == 100
    assert max(sizes) <= 8


def test_what_few_files_have_is_no_silent_loss(tmp_path: Path) -> None:
    """Of a file that was not looked at before the run."""
    types = kept_types(None, {"n": [pa.int64()]})
    fields = RowFields("text", "", ("*",), types=types)
    path = parquet(tmp_path / "a.parquet", {"text": ["a"], "n": [1], "more": [2]})
    (letter,) = read(path, fields)
    assert isinstance(letter, Rejected)
    assert letter.reason == "field_type"
    assert letter.detail.startswith("columns 'more' were in none of the files that were looked at")
    path = parquet(tmp_path / "b.parquet", {"text": ["a", "b"], "n": ["1", None]})
    found = by_position(read(path, fields))
    assert found[1].reason == "field_type"
    assert "has the type int64 in the files" in found[1].detail
    assert found[2] == ("b", {"n": None})


def test_decimals_of_a_few_bits_are_plain(tmp_path: Path) -> None:
    price = pa.array([Decimal("1.50")], pa.decimal32(5, 2))
    path = parquet(tmp_path / "a.parquet", {"text": ["a"], "price": price})
    assert plain(pq.read_schema(path).field("price").type) == pa.decimal128(5, 2)
    assert kept_columns(read(path))["price"].type == pa.decimal128(5, 2)
