"""Files as other programs leave them: the right rows, or a sentence; never a wrong text."""

from pathlib import Path
from typing import Any

import pytest

from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND, FormatOptions
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import Record, Rejected

FIELDS = RowFields("text", "", ("*",))


def read(path: Path, content: bytes, options: FormatOptions = AS_FOUND) -> list[Any]:
    path.write_bytes(content)
    return list(rows(FileRange(str(path)), FIELDS, options))


def texts(found: list[Any]) -> list[str]:
    """The texts, where nothing was rejected."""
    assert not [one for one in found if isinstance(one, Rejected)], found
    return [one.text for one in found if isinstance(one, Record)]


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", BOM + b"good\n" + BOM + b"bad\n"),
        ("a.jsonl", BOM + b'{"text": "good"}\n' + BOM + b'{"text": "bad"}\n'),
        ("a.csv", BOM + b"id,text\n1,good\n" + BOM + b"id,text\n2,bad\n"),
        ("a.csv", BOM + BOM + b"text,id\ngood,1\nbad,2\n"),
        ("a.csv", "id,text\n1,good\n".encode("utf-16") + "id,text\n2,bad\n".encode("utf-16")),
    ],
)
def test_marks_of_files_put_behind_one_another(tmp_path: Path, name: str, content: bytes) -> None:
    assert texts(read(tmp_path / name, content)) == ["good", "bad"]


def test_a_mark_between_two_reads_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"good\n" + BOM + b"bad\n"
    for size in range(4, len(content)):
        monkeypatch.setattr("runinference_metrics.reading.files.CHUNK_BYTES", size)
        monkeypatch.setattr("runinference_metrics.reading.opening.SNIFF_BYTES", 1)
        assert texts(read(tmp_path / "a.txt", content)) == ["good", "bad"]


@pytest.mark.parametrize(
    "content",
    [
        b"id,text\n1,good\nid,text\n2,bad\n",
        b"text\ngood\ntext\nbad\n",
        # sqlcmd, and a table of Markdown.
        b"id,text\n--,----\n1,good\n2,bad\n",
        b"|id|text|\n|---|:---|\n|1|good|\n|2|bad|\n",
    ],
)
def test_headers_are_no_texts(tmp_path: Path, content: bytes) -> None:
    assert texts(read(tmp_path / "a.csv", content)) == ["good", "bad"]


def test_dashes_may_be_a_text(tmp_path: Path) -> None:
    assert texts(read(tmp_path / "a.csv", b"id,text\n1,good\n-,--\n")) == ["good", "--"]


@pytest.mark.parametrize("delimiter", [b",", b"\t"])
def test_nulls_of_databases_are_blank(tmp_path: Path, delimiter: bytes) -> None:
    content = b"id,text,note\n1,good,x\n2,\\N,\\N\n3,bad,\\N\n4,see \\N,y\n".replace(
        b",", delimiter
    )
    found = read(tmp_path / "a.csv", content)
    assert texts(found) == ["good", "bad", "see \\N"]
    assert found[1] is None
    assert found[2].fields == {"id": "3", "note": None}
