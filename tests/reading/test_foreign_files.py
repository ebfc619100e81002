"""Files as other programs leave them: the right rows, or a sentence; never a wrong text."""

import gzip
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND, FormatOptions
from runinference_metrics.reading.listing import listed
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import Record, Rejected

FIELDS = RowFields("text", "", ("*",))

# Without the time, which would give the test another name in each of the processes that run it.
THRICE = reduce(lambda content, _: gzip.compress(content, mtime=0), range(3), b"good\n")


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


QUOTED = ['"Great" film', 'He said "good"', "bad", '"open', "last"]


@pytest.mark.parametrize("header", [b"text\tid\n", b""])
def test_quotes_between_tabs_may_be_letters(tmp_path: Path, header: bytes) -> None:
    rest = "".join(f"{text}\t{number}\n" for number, text in enumerate(QUOTED)).encode()
    said = FormatOptions() if header else FormatOptions(header=("text", "id"))
    assert texts(read(tmp_path / "a.tsv", header + rest, said)) == QUOTED


def test_a_text_between_two_quotes_of_others_is_its_own_row(tmp_path: Path) -> None:
    content = b'id\ttext\n1\t"Great film\n2\tbad\n3\tfine"\n'
    assert texts(read(tmp_path / "a.tsv", content)) == ['"Great film', "bad", 'fine"']


def test_rows_that_a_late_quote_holds_together_are_no_text(tmp_path: Path) -> None:
    # Behind what is looked at of a file, nobody has seen that quotes mean nothing.
    content = b"id\ttext\n" + b"1\tplain\n" * 10_000 + b'2\t"open\n3\tbad\n4\tclosed"\n5\tlast\n'
    found = read(tmp_path / "a.tsv", content)
    (lost,) = [one for one in found if isinstance(one, Rejected)]
    assert (lost.reason, lost.position) == ("malformed_csv", 10_002)
    assert "a quote opens here and closes 2 lines on" in lost.detail
    assert lost.text == '2\t"open\n3\tbad\n4\tclosed"'
    assert found[-1].text == "last"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # A cell of several lines, as Excel writes it between tabs.
        (b'id\ttext\n1\t"two\nlines"\n2\t"""so"" it is"\n', ["two\nlines", '"so" it is']),
        # pandas with doublequote=False, and with quoting=3, and Spark.
        (b'id,text\n1,so \\"it\\" is\n2,good\n', ['so "it" is', "good"]),
        (b'id,text\n1,so\\, it \\"is\\"\n2,good\n', ['so, it "is"', "good"]),
        (b"id,text\n1,so\\, it is\n2,good\n", ["so, it is", "good"]),
        (b'id,text\n1,"so \\"it\\" is"\n2,C:\\new\n3,"a\\\\b"\n',
         ['so "it" is', "C:\\new", "a\\b"]),
        # MySQL, whose NULL is no N.
        (b'id,text\n1,"so \\"it\\" is"\n2,\\N\n3,"N"\n', ['so "it" is', "N"]),
        # Written by hand.
        (b'id, text\n1, "so, it is"\n2, "good"\n', ["so, it is", "good"]),
        (b"'id','text'\n'1','so, it is'\n'2','it''s good'\n", ["so, it is", "it's good"]),
        # A cell of two lines, each of which looks like a row.
        (b'id,text\n,"\n,"\n1,good\n', ["\n,", "good"]),
        # A backslash is no escape where a cell ends with it.
        (b'id,text\n1,"""\\"\n', ['"\\']),
        (b'id,text\n1,"C:\\dir\\"\n2,"bad"\n', ["C:\\dir\\", "bad"]),
    ],
)  # fmt: skip
def test_quotes_as_programs_write_them(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    assert texts(read(tmp_path / "a.csv", content)) == expected


@pytest.mark.parametrize(
    "content",
    [
        b'"text","stars"\n"1","good",5\n"2","bad",1\n',
        b'"stars"\t"text"\n"1"\t5\t"good"\n"2"\t1\t"bad"\n',
        b'"text" "stars"\n"one" "good" 5\n"two" "bad" 1\n',
        b'"text","note"\n"1","good",""\n"2","bad",""\n',
        b'"text"\n"1","good"\n"2","bad"\n',
    ],
)
def test_names_of_rows_that_r_writes(tmp_path: Path, content: bytes) -> None:
    found = read(tmp_path / "a.csv", content)
    assert texts(found) == ["good", "bad"]
    assert found[0].fields["1"] in ("1", "one")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text,note\n1,good,\n2,bad,\n", ("row", "text", "note")),
        (b"text,note\n1,good,x\n2,bad,y\n", ("row", "text", "note")),
        (b"text\n1,good\n2,bad\n", ("row", "text")),
    ],
)
def test_rows_longer_than_the_header_are_asked_about(
    tmp_path: Path, content: bytes, said: tuple[str, ...]
) -> None:
    (letter,) = read(tmp_path / "a.csv", content)
    assert letter.reason == "unknown_format"
    assert f"--header={','.join(said)}" in letter.detail or len(said) == 2
    # What it says helps.
    assert texts(read(tmp_path / "a.csv", content, FormatOptions(header=said))) == ["good", "bad"]


def test_a_column_alone_needs_no_quotes(tmp_path: Path) -> None:
    content = b'text\ngood\nbad, really\n"well, well"\nso; so\n'
    expected = ["good", "bad, really", "well, well", "so; so"]
    assert texts(read(tmp_path / "a.csv", content)) == expected


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.txt", b"<!DOCTYPE html>\n<html>404</html>\n", "a page of HTML or XML"),
        ("rows.xml", b"<?xml version='1.0'?>\n<row>good</row>\n", "a page of HTML or XML"),
        ("tweets.js", b'window.YTD.tweets.part0 = [\n {\n "text": "good"\n} ]\n', "a script"),
        ("000000_0", b"1\x01good\n2\x01bad\n", r"--delimiter=$'\x01'"),
        ("a.txt", b"+----+------+\n| id | text |\n+----+------+\n", "drawn with lines"),
        ("a.txt", b" id | text \n----+------\n  1 | good\n", "drawn with lines"),
        ("a.txt", b'"id" "text"\n"1" 5 "good"\n', "names of columns in its first line"),
        ("export", b"id,text\n1,so, it is\n2,good\n", "columns, as it seems, with ','"),
        ("a.json", b'{"text": "a"},\n{"text": "b"}\n', "commas between them"),
        ("a.txt", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "Git LFS"),
        ("a.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "Git LFS"),
        ("a.csv.snappy", b"\x00\x10good\x00\xff\xfe\xfd", "compressed, as its name says"),
        ("a.gz", THRICE, "more than twice"),
    ],
)
def test_what_is_no_text_is_asked_about(
    tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    (letter,) = read(tmp_path / name, content)
    assert letter.reason == "unknown_format"
    assert what in letter.detail


@pytest.mark.parametrize(
    "content",
    [b"The text, as it is\n", b"Dash -- dash | pipe\n", b"--\nsigned\n", b"so = [good]\n"],
)
@pytest.mark.parametrize("name", ["a.txt", "part-00000"])
def test_what_may_be_a_text_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    assert texts(read(tmp_path / name, content)) == content.decode().splitlines()


def test_a_page_may_be_a_document(tmp_path: Path) -> None:
    said = FormatOptions("document")
    assert texts(read(tmp_path / "a.html", b"<html>good</html>\n", said)) == ["<html>good</html>"]


def test_lines_within_cells_of_a_macintosh(tmp_path: Path) -> None:
    content = b'id,text\r1,"two\nlines"\r2,good\r'
    assert texts(read(tmp_path / "a.csv", content)) == ["two\nlines", "good"]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (b'1,"a"b', "goes on behind the quote"),
        (b'1,"a', "none closes it"),
        (b"1,a\rb", "a carriage return stands in a cell"),
    ],
)
def test_faults_of_rows_are_told_in_words(tmp_path: Path, row: bytes, what: str) -> None:
    *_, letter = read(tmp_path / "a.csv", b"id,text\n2,good\n" + row + b"\n")
    assert what in letter.detail


def test_what_is_left_over_beside_files(tmp_path: Path) -> None:
    names = ["Thumbs.db", "desktop.ini", "~$a.xlsx", "a.csv~", "#a.csv#"]
    (tmp_path / "beam-temp-out-1").mkdir()
    for name in [*names, "beam-temp-out-1/0", "a.csv", "a~b.csv", "beam-temp.txt"]:
        (tmp_path / name).write_bytes(b"text\ngood\n")
    found = listed([str(tmp_path)], "")
    assert [Path(one.path).name for one in found.files] == ["a.csv", "a~b.csv", "beam-temp.txt"]
    assert found.skipped == {"left over": 6}


def test_what_powershell_adds_to_a_file_is_no_text(tmp_path: Path) -> None:
    content = b"good film\r\n" * 99 + "bad film\r\nso\r\n".encode("utf-16-le")
    found = read(tmp_path / "a.txt", content)
    # The second half of the last line end is a row by itself, which has no token.
    assert [one.text for one in found if isinstance(one, Record)] == ["good film"] * 99 + ["\0"]
    letters = [one for one in found if isinstance(one, Rejected)]
    assert {one.reason for one in letters} == {"invalid_encoding"}
    assert letters[0].position == 100


@pytest.mark.parametrize(
    "above",
    [b"# exported, by me, 2024-01-01\n", b"Report\nFrom,2024-01-01,x,y\nTo,2024-02-01,x,y\n\n"],
)
def test_titles_of_several_cells_stand_above_a_header(tmp_path: Path, above: bytes) -> None:
    content = above + b"id,text\n1,good\n2,bad\n"
    assert texts(read(tmp_path / "a.csv", content))[-2:] == ["good", "bad"]


def test_a_text_called_as_its_column_is_no_header(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", b"id,comment\n1,text\n2,bad\n")
    assert {one.reason for one in found} == {"missing_text_field"}
