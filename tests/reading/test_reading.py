import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from runinference_metrics.reading import files
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND, FormatOptions
from runinference_metrics.reading.lines import Lines
from runinference_metrics.reading.ranges import ranges
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import Record, Rejected

FIELDS = RowFields("text", "", ())
# Zeros and marks mean nothing then.
UTF8 = FormatOptions(encoding="utf-8")
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.compress,
    ".xz": lzma.compress,
}


def read(
    path: Path, content: bytes, fields: RowFields = FIELDS, options: FormatOptions = AS_FOUND
) -> list[Any]:
    path.write_bytes(content)
    return list(rows(FileRange(str(path)), fields, options))


def texts(found: list[Any]) -> list[tuple[int, str]]:
    return [(one.position, one.text) for one in found if isinstance(one, Record)]


def reasons(found: list[Any]) -> list[tuple[int, str]]:
    return [(one.position, one.reason) for one in found if isinstance(one, Rejected)]


@given(
    st.lists(st.text("ab\n\ufeff", max_size=9).map(str.encode), max_size=8), st.integers(1, 3),
    st.integers(3, 12),
)  # fmt: skip
def test_lines_are_the_same_however_the_stream_is_cut(
    chunks: list[bytes], first_line: int, max_bytes: int
) -> None:
    lines = Lines(iter(chunks), first_line, max_bytes)
    found = [(lines.number, line, lines.cut_from_bytes) for line in lines]
    whole = b"".join(chunks).split(b"\n")
    if not whole[-1].replace(b"\xef\xbb\xbf", b""):
        whole.pop()
    expected = []
    for number, line in enumerate(whole, first_line):
        while line.startswith(b"\xef\xbb\xbf"):
            line = line.removeprefix(b"\xef\xbb\xbf")
        cut = len(line) if len(line) > max_bytes else 0
        expected.append((number, line, cut))
    assert found == expected
    assert lines.rest == b""


@pytest.mark.parametrize("codec", COMPRESS)
@pytest.mark.parametrize(
    ("content", "expected", "blank"),
    [
        (b"", [], 0),
        (b"one", [(1, "one")], 0),
        (b"one\n", [(1, "one")], 0),
        (b"one\r\ntwo\r\n", [(1, "one"), (2, "two")], 0),
        (b"\xef\xbb\xbfone\ntwo", [(1, "one"), (2, "two")], 0),
        (b"\n \t\nthree\n\n", [(3, "three")], 3),
        ("a\u2028b\x85c\rd\x0be\n".encode(), [(1, "a\u2028b\x85c\rd\x0be")], 0),
        (b"nul\x00inside\n", [(1, "nul\x00inside")], 0),
    ],
)
def test_text_lines(
    tmp_path: Path, codec: str, content: bytes, expected: list[tuple[int, str]], blank: int
) -> None:
    found = read(tmp_path / f"a.txt{codec}", COMPRESS[codec](content))
    assert texts(found) == expected
    assert found.count(None) == blank
    assert reasons(found) == []


def test_a_line_that_is_not_utf8_is_rejected_and_its_neighbours_are_not(tmp_path: Path) -> None:
    found = read(tmp_path / "a.txt", b"good\nb\xffd\nfine\n")
    assert texts(found) == [(1, "good"), (3, "fine")]
    assert reasons(found) == [(2, "invalid_utf8")]
    assert found[1].text == "b\\xffd"
    assert found[1].detail.startswith("byte 2 of the row")


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        b'{"text": "one", "n": 12345678901234567890123, "more": {"a": [1]}}',
        b"",
        b'{"n": 2, "more": "the text is left out, as BigQuery leaves out what is NULL"}',
        b'{"text": 3}',
        b'{"text": "cut',
        b'["text"]',
        b'{"text": "lone \\ud800"}',
        b'{"text": "pair \\ud83d\\ude00"}',
        b'{"text": NaN}',
        b'{"text": "  "}',
        b'{"text": "\xff"}',
        b'{"text":' + b"[" * 100_000,
        b'{"text": null}',
    ]
    found = read(tmp_path / "a.jsonl", b"\n".join(lines), RowFields("text", "n", ("more",)))
    assert texts(found) == [(1, "one"), (8, "pair 😀")]
    assert found[0].id == 12345678901234567890123
    assert found[0].fields == {"more": {"a": [1]}}
    assert found.count(None) == 4
    assert reasons(found) == [
        (4, "text_not_a_string"),
        (5, "malformed_json"),
        (6, "malformed_json"),
        (7, "invalid_unicode"),
        (9, "malformed_json"),
        (11, "invalid_utf8"),
        (12, "malformed_json"),
    ]
    assert all(one.json_line() for one in found if isinstance(one, Rejected))


def test_csv(tmp_path: Path) -> None:
    content = (
        b"\xef\xbb\xbfid,text,stars\r\n"
        b'1,"two\r\nlines, and ""quotes""",5\r\n'
        b"\r\n"
        b"2,plain,4\r\n"
        b"3,too few\r\n"
        b"4,one,too,many\r\n"
        b'5,"bad"quote,3\r\n'
        b"6,n\xffn,3\r\n"
        b"7,,3\r\n"
        b"8,last,1"
    )
    found = read(tmp_path / "a.csv", content, RowFields("text", "id", ("*",)))
    assert texts(found) == [(2, 'two\r\nlines, and "quotes"'), (5, "plain"), (11, "last")]
    assert found[0].id == "1"
    assert found[0].fields == {"id": "1", "stars": "5"}
    assert found.count(None) == 2
    assert reasons(found) == [
        (6, "malformed_csv"),
        (7, "malformed_csv"),
        (8, "malformed_csv"),
        (9, "invalid_utf8"),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"id,body\n1,x\n", [(2, "missing_text_field")]),
        (b"text,text\na,b\n", [(1, "malformed_csv"), (2, "malformed_csv")]),
        (b"t\xffxt\na\n", [(1, "invalid_utf8"), (2, "malformed_csv")]),
        (b'text\nfine\n"never closed\nmore\n', [(3, "malformed_csv")]),
    ],
)
def test_csv_that_cannot_be_understood_is_rejected_row_by_row(
    tmp_path: Path, content: bytes, expected: list[tuple[int, str]]
) -> None:
    assert reasons(read(tmp_path / "a.csv", content)) == expected


def test_an_unclosed_quote_keeps_what_it_swallowed(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", b'text\n"never closed\nmore\n')
    assert found[0].text == '"never closed\nmore'


@pytest.mark.parametrize("codec", [".gz", ".bz2", ".zst", ".xz"])
def test_members_one_after_another_are_one_file(tmp_path: Path, codec: str) -> None:
    compress = COMPRESS[codec]
    found = read(tmp_path / f"a.txt{codec}", compress(b"one\ntw") + compress(b"o\n"))
    assert texts(found) == [(1, "one"), (2, "two")]


@pytest.mark.parametrize("zeros", [4, 1 << 14, 50_000])
@pytest.mark.parametrize("codec", [".gz", ".xz"])
def test_zeros_behind_a_member_are_padding(tmp_path: Path, codec: str, zeros: int) -> None:
    compress, padding = COMPRESS[codec], bytes(zeros)
    # Random enough to end near the end of what is taken at once.
    lines = b"".join(b"%d\n" % (i * 7919**3 % 10**9) for i in range(3000))
    found = read(tmp_path / f"a.txt{codec}", compress(lines) + padding + compress(b"z\n") + padding)
    assert reasons(found) == []
    assert b"".join(b"%b\n" % text.encode() for _, text in texts(found)) == lines + b"z\n"


@pytest.mark.parametrize("codec", [".gz", ".bz2", ".zst", ".xz"])
def test_compressed_data_that_ends_early_is_said_so(tmp_path: Path, codec: str) -> None:
    whole = COMPRESS[codec](b"".join(b"line %d\n" % (i * 7919 % 10**6) for i in range(200_000)))
    found = read(tmp_path / f"a.txt{codec}", whole[: len(whole) * 3 // 4])
    assert reasons(found)[0][1] == "corrupt_file"
    assert "ends early" in found[-1].detail
    good = texts(found)
    assert good == [(i + 1, f"line {i * 7919 % 10**6}") for i in range(len(good))]


@pytest.mark.parametrize("codec", [".gz", ".bz2", ".zst", ".xz"])
def test_a_file_that_is_not_compressed_as_its_name_says(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"a.txt{codec}"
    assert texts(read(path, b"plain text\n")) == [(1, "plain text")]
    # What is neither is damaged.
    assert reasons(read(path, b"\x03\x00\x01" * 9)) == [(1, "corrupt_file")]


LINE = st.one_of(st.binary(max_size=12), st.text(max_size=12).map(str.encode), st.just(b""))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(LINE, max_size=40), st.integers(1, 60), st.sampled_from([b"\n", b"\r\n"]))
def test_ranges_give_the_same_rows_as_the_whole_file(
    tmp_path: Path, lines: list[bytes], range_bytes: int, newline: bytes
) -> None:
    path = tmp_path / "a.txt"
    # Behind a blank, nothing is the beginning of a file of another kind.
    content = b" " + newline.join(lines) if lines else b""
    # Where there are no newlines at all, carriage returns end the lines.
    assume(b"\n" in content or b"\r" not in content)
    path.write_bytes(content)
    options = FormatOptions("text", encoding="latin-1", compression="none")
    whole = list(rows(FileRange(str(path)), FIELDS, options))
    parts = list(ranges(str(path), len(content), options, RowFields("text", "", ()), range_bytes))
    apart = [row for part in parts for row in rows(part, FIELDS, options)]
    assert apart == whole
    count = content.count(b"\n") + (0 if content.endswith(b"\n") or not content else 1)
    assert len(whole) == count


@pytest.mark.parametrize("now", [b"shorter\n", b"not the same lines, and more of them\n" * 9])
def test_a_file_that_was_written_anew_since_it_was_cut_is_no_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: bytes
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 20)
    path = tmp_path / "a.txt"
    path.write_bytes(b"one line\nor two\n" * 9)
    *_, last = ranges(str(path), 144, AS_FOUND, RowFields("text", "", ()), 40)
    path.write_bytes(now)
    with pytest.raises(OSError, match=r"a\.txt was changed while it was being read; run again"):
        list(rows(last, FIELDS))


def test_a_big_file_is_cut_and_the_line_numbers_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 1000)
    path = tmp_path / "a.txt"
    path.write_text("".join(f"line {i}\n" for i in range(1, 5001)))
    parts = list(ranges(str(path), path.stat().st_size, AS_FOUND, RowFields("text", "", ()), 4000))
    assert len(parts) > 5
    found = [row for part in parts for row in rows(part, FIELDS)]
    assert texts(found) == [(i, f"line {i}") for i in range(1, 5001)]


# A byte-order mark at the beginning of a line is no part of a text.
CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\ufeff"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(CELL, max_size=20), st.sampled_from(sorted(COMPRESS)))
def test_what_the_csv_module_writes_is_read_back(
    tmp_path: Path, cells: list[str], codec: str
) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(["n", "text"])
    writer.writerows(enumerate(cells))
    found = read(
        tmp_path / f"a.csv{codec}", COMPRESS[codec](stream.getvalue().encode()), FIELDS, UTF8
    )
    assert [one.text for one in found if isinstance(one, Record)] == [
        cell for cell in cells if cell.strip()
    ]
    assert len(found) == len(cells)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.text(max_size=20).map(lambda text: json.dumps({"text": text}).encode()),
        ),
        max_size=20,
    )
)
def test_every_json_line_is_one_record_one_rejection_or_one_blank(
    tmp_path: Path, lines: list[bytes]
) -> None:
    # Behind a blank, nothing is the beginning of an archive.
    lines = [b" " + line.replace(b"\n", b" ") for line in lines]
    # With that alone in its first line, a file is said to be one value over several lines.
    assume(not any(line.decode(errors="ignore").strip() in ("{", "[") for line in lines))
    found = read(tmp_path / "a.jsonl", b"".join(line + b"\n" for line in lines), FIELDS, UTF8)
    assert len(found) == len(lines)
    positions = [one.position for one in found if one is not None]
    assert positions == sorted(set(positions))
