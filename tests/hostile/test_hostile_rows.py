"""Every hostile file, read: each row has its expected outcome."""

from pathlib import Path
from typing import Any

import pytest
from files_for_tests import BLANK, COMPRESS, FILES, Dead, Outcome

from runinference_metrics.reading import limits
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND
from runinference_metrics.reading.ranges import ranges
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import Record, RecordBatch, Rejected


def outcome(row: Any) -> Outcome:
    if isinstance(row, Record):
        return row.text
    return Dead(row.reason) if isinstance(row, Rejected) else BLANK


FIELDS = RowFields("text", "", ("*",))


def read(path: Path) -> list[Any]:
    parts = ranges(str(path), path.stat().st_size, AS_FOUND, FIELDS.text_field)
    return [row for part in parts for row in rows(part, FIELDS)]


@pytest.mark.parametrize("name", FILES)
def test_every_row_has_its_outcome(tmp_path: Path, name: str) -> None:
    content, expected = FILES[name]
    (tmp_path / name).write_bytes(content)
    found = read(tmp_path / name)
    assert [outcome(row) for row in found] == expected
    # And can go on to the model, to a file and to another machine.
    for row in found:
        if isinstance(row, Rejected):
            assert row.json_line()
            assert len(row.detail) < 500
    assert RecordBatch.of([row for row in found if isinstance(row, Record)]).fingerprint() >= 0


@pytest.mark.parametrize("codec", [".gz", ".bz2", ".zst"])
@pytest.mark.parametrize("name", ["floods.txt", "rows.jsonl", "cells.csv"])
def test_compression_changes_nothing(tmp_path: Path, name: str, codec: str) -> None:
    content, expected = FILES[name]
    (tmp_path / f"{name}{codec}").write_bytes(COMPRESS[codec](content))
    assert [outcome(row) for row in read(tmp_path / f"{name}{codec}")] == expected


def test_a_dead_letter_of_a_long_row_has_its_beginning_and_true_length(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    # The cut falls into a character of four bytes.
    line = b"ab" + "\U0001f600".encode() * (2 << 20)
    path.write_bytes(b"good\n" + line + b"\nfine\n")
    one, long, other = read(path)
    assert (one.text, other.text, other.position) == ("good", "fine", 3)
    assert long.position == 2
    assert f"the row has {len(line):,} bytes, the most is 4,194,304" in long.detail
    assert long.text == "ab" + "\U0001f600" * 249
    assert len(long.json_line()) < 2000


def test_a_row_of_csv_that_swallows_others_says_how_far(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    content, _ = FILES["long_row.csv"]
    path.write_bytes(content)
    lost, *others = read(path)
    assert lost.position == 2
    assert lost.detail.endswith(f"the next row begins at line {others[0].position:,}")
    assert lost.text.startswith('"never closed...')
    assert len(lost.text) == limits.ROW_PREFIX_BYTES


def test_what_a_damaged_file_had_begun_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(FILES["truncated.csv.gz"][0])
    (letter,) = read(path)
    assert (letter.position, letter.text) == (2, '"one\ntwo\n')


def test_a_row_with_many_fields_has_a_short_detail(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{" + ", ".join(f'"field {n}": {n}' for n in range(9000)) + "}\n")
    (letter,) = read(path)
    assert letter.detail.endswith("and 8,980 more")


def test_a_million_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\n" * 1_000_000 + b"good\n")
    found = read(path)
    assert len(found) == 1_000_001
    assert found.count(None) == 1_000_000
    assert found[-1].position == 1_000_001


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl.gz"])
def test_a_file_that_is_gone_or_a_folder_is_an_error_of_the_system(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotFoundError):
        list(rows(FileRange(str(tmp_path / name)), FIELDS))
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError):
        list(rows(FileRange(str(tmp_path / name)), FIELDS))


def test_a_file_that_shrinks_is_an_error_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\n" * 10)
    part = FileRange(str(path), 0, 50)
    path.write_bytes(b"good\n" * 5)
    with pytest.raises(OSError, match="was changed"):
        list(rows(part, FIELDS))


def test_the_limits_are_the_documented_ones() -> None:
    assert (limits.MAX_ROW_BYTES, limits.MAX_TEXT_BYTES) == (4 << 20, 1 << 20)
