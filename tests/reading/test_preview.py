"""What is shown of a file is what a run reads of it."""

import bz2
import gzip
import json
import lzma
import random
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runinference_metrics.reading.choosing import chosen
from runinference_metrics.reading.estimate import Estimate, estimated
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND, FormatOptions
from runinference_metrics.reading.listing import Found
from runinference_metrics.reading.preview import LOOKED_AT_BYTES, Preview, preview
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import Record, Rejected

FIELDS = RowFields("text", "id", ("stars",))


def looked_at(path: Path, fields: RowFields = FIELDS, **options: str) -> Preview:
    return preview(str(path), path.stat().st_size, fields, FormatOptions(**options))


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_small_file_is_seen_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'id;text;stars\n1;good;5\n2;;3\n3\n"4";"a ""b""";1\n')
    found = looked_at(path)
    assert str(found.file_format) == "csv, semicolons, utf-8"
    assert dict(found.first) == {"id": "1", "text": "good", "stars": "5"}
    assert found.texts == ("good", 'a "b"')
    assert (found.rows, found.blank, dict(found.rejected)) == (4, 1, {"malformed_csv": 1})
    assert found.worst is not None
    assert found.worst.position == 4
    assert found.whole
    assert not found.lost


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.sampled_from([".txt", ".jsonl", ".csv", ""]),
    st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from([
                b"", b"text", b"id,text", b"1,a", b'{"text": "a"}', b'{"id": 1}', b"[1]", b"\xff",
                b'"', b"{", b"a;b", b"\r",
            ]),
        ),
        max_size=12,
    ),
)  # fmt: skip
def test_what_is_seen_of_a_whole_file_is_what_a_run_reads(
    tmp_path_factory: pytest.TempPathFactory, ending: str, lines: list[bytes]
) -> None:
    path = written(tmp_path_factory.mktemp("p") / f"a{ending}", b"\n".join(lines))
    found = looked_at(path)
    read = list(rows(FileRange(str(path)), FIELDS, AS_FOUND))
    assert found.rows == len(read)
    assert found.blank == read.count(None)
    assert found.num_rejected == sum(isinstance(one, Rejected) for one in read)
    assert list(found.texts) == [one.text for one in read if isinstance(one, Record)]
    assert found.whole


@pytest.mark.parametrize("ending", [".txt", ".jsonl", ".csv"])
def test_of_a_big_file_the_beginning_is_seen(tmp_path: Path, ending: str) -> None:
    line = {".txt": "a good film, {}\n", ".csv": '{},"a good film, {}",5\n',
            ".jsonl": '{{"id": {}, "text": "a good film", "stars": 5}}\n'}[ending]  # fmt: skip
    head = "id,text,stars\n" if ending == ".csv" else ""
    path = written(tmp_path / f"a{ending}",
                   head + "".join(line.format(i, i) for i in range(100_000)))  # fmt: skip
    found = looked_at(path)
    assert not found.whole
    assert LOOKED_AT_BYTES <= found.row_bytes < LOOKED_AT_BYTES + 1000
    assert 1000 < found.rows == len(found.texts)


def test_a_field_that_few_rows_have_is_looked_for(tmp_path: Path) -> None:
    rows = [{"text": "x" * 100} for _ in range(5000)]
    rows[2000]["stars"] = "5"
    path = written(tmp_path / "a.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    found = looked_at(path, RowFields("text", "", ("stars",)))
    assert "stars" in found.first
    # But no longer than a first read takes.
    gone = looked_at(path, RowFields("text", "", ("none",)))
    assert gone.lacks("none")
    assert gone.row_bytes <= (1 << 20) + 1000


def test_a_file_of_one_endless_line_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = written(tmp_path / "b.txt", "x" * (9 << 20))
    found = looked_at(path)
    assert (found.rows, found.whole, found.lost) == (0, False, False)


@pytest.mark.parametrize(
    ("name", "content", "lost"),
    [
        ("a.jsonl", "[1]\n[2]\n", True),
        ("a.jsonl", '[1]\n{"text": "a"}\n', False),
        ("a.jsonl", "\n\n", False),
        ("a.jsonl", "\n[1]\n", True),
        ("a.csv", "id,text,text\n1,2,3\n", True),
        ("a.csv", "id,text\n", False),
        ("a.txt", b"", False),
        ("a.txt.gz", gzip.compress(b"good\n" * 1000, mtime=0)[:-9], True),
        # Far more than is looked at, with one fault or with many.
        ("a.csv", "id,text,text\n" + "1,2,3\n" * 50_000, True),
        ("a.jsonl", "".join(f"{'x' * (i % 7)} no JSON\n" for i in range(100_000)), False),
    ],
)
def test_a_file_is_lost_if_nothing_in_it_can_be_read(
    tmp_path: Path, name: str, content: str | bytes, lost: bool
) -> None:
    assert looked_at(written(tmp_path / name, content)).lost is lost


def test_an_unclear_file_says_what_must_be_said(tmp_path: Path) -> None:
    found = looked_at(written(tmp_path / "a.orc", b"ORC" + bytes(40)))
    assert found.unclear is not None
    assert (found.unclear.flag, found.file_format, found.lost) == ("input", None, True)


def test_doubts_about_an_encoding_end_where_it_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", "gut\nschön\n".encode("cp1252"))
    doubt = looked_at(path).doubt
    assert doubt is not None
    assert "'schön'" in doubt.got
    assert looked_at(path, encoding="utf-8").doubt is None
    assert looked_at(path, encoding="cp1252").texts == ("gut", "schön")
    assert looked_at(written(tmp_path / "b.txt", "schön\nsch\xf6n")).doubt is None
    # A character that the end of the sample cuts is no doubt.
    long = written(tmp_path / "c.txt", "x" * (LOOKED_AT_BYTES - 2) + "€" * 1000)
    assert looked_at(long).doubt is None


def compress(codec: str, data: bytes) -> bytes:
    return {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress,
            ".zst": zstandard.compress}[codec](data)  # fmt: skip


@pytest.mark.parametrize("codec", ["", ".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_number_of_rows_is_about_right(tmp_path: Path, codec: str, encoding: str) -> None:
    some = random.Random(7)
    words = [f"w{i}" for i in range(3000)]
    lines = [" ".join(some.choices(words, k=some.randint(3, 25))) for _ in range(40_000)]
    data = compress(codec, "".join(f"{line}\n" for line in lines).encode(encoding))
    path = written(tmp_path / f"a.txt{codec}", data)
    found = looked_at(path)
    assert not found.whole
    estimate = estimated([found], [Found(str(path), len(data))])
    assert not estimate.exact
    assert estimate.rows == pytest.approx(40_000, rel=0.1)


def test_rows_are_counted_where_all_were_seen_and_guessed_from_the_like_of_others() -> None:
    seen = Preview("a", 100, rows=10)
    assert estimated([seen], [Found("a", 100)]) == Estimate(10, True)
    assert estimated([seen], [Found("a", 100), Found("b", 0)]) == Estimate(10, True)
    more = estimated([seen], [Found("a", 100), Found("b", 12_300)])
    assert more == Estimate(1240, False)
    assert (str(more), str(Estimate(1240, True))) == ("about 1,200", "1,240")
    assert estimated([], []) == Estimate(0, True)


def test_files_are_chosen_by_kind_folder_and_place() -> None:
    files = [Found(f"in/{i:04}.csv", 5) for i in range(1000)]
    files[700] = Found("in/0700.jsonl.gz", 5)
    files[701] = Found("in/0701.JSONL.GZ", 5)
    files[702] = Found("in/deep/0702.csv", 5)
    files[703] = Found("in/0703.txt", 0)
    found = chosen(files)
    assert len(found) == 20
    assert found == sorted(found, key=files.index) == chosen(files)
    assert {files[0], files[700], files[702]} <= set(found)
    assert files[701] not in found
    assert files[703] not in found
    assert found[-1] == files[-1]
    assert chosen(files[:5]) == files[:5]
    assert chosen([files[703]]) == [files[703]]
    assert chosen([]) == []
