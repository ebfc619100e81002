"""Any table of texts, as programs write it, comes back equal, or is asked about."""

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

from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND, FormatOptions
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import Record, Rejected

FIELDS = RowFields("text", "", ("*",))
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.compress,
    ".xz": lzma.compress,
}
# What programs write: Excel in both of its habits and as "Unicode text", pandas, PowerShell.
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
SINGLE_BYTE = ("cp1252", "latin-1", "cp1251")
# Texts as people write them: no control characters but tabs and line ends.
CHARACTERS = st.characters(
    exclude_categories=("Cs", "Cc", "Co", "Cn"),
    include_characters="\t\n",
    # A mark, where a file begins with it.
    exclude_characters="\ufeff",
)
TEXT = st.text(CHARACTERS, max_size=20)
WORDS = st.lists(
    st.sampled_from(
        ["good", "not,bad", "so; so", 'a "film"', "l|r", "tab\there", "été", "да", "1"]
    ),
    max_size=6,
).map(" ".join)
TEXTS = st.lists(TEXT | WORDS, min_size=1, max_size=12)
relaxed = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)


def read(path: Path, content: bytes, options: FormatOptions = AS_FOUND) -> list[Any]:
    path.write_bytes(content)
    return list(rows(FileRange(str(path)), FIELDS, options))


def texts_of(found: list[Any]) -> list[str]:
    assert not [one for one in found if isinstance(one, Rejected)], found
    return [one.text if isinstance(one, Record) else "" for one in found]


def asked(found: list[Any]) -> bool:
    return [getattr(one, "reason", "") for one in found] == ["unknown_format"]


def is_blank(text: str) -> str:
    return text if text.strip() else ""


def is_null(text: str) -> str:
    # What databases write for NULL is blank in a table.
    return "" if text == "\\N" else is_blank(text)


@st.composite
def tables(draw: Any) -> tuple[list[str], str, str]:
    """Texts, what parts their columns, and the table as csv.writer and pandas write it."""
    texts = draw(TEXTS)
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    # Such a cell may look like rows whose quotes are letters, as in GLUE's tables.
    assume(delimiter != "\t" or not any("\n" in text and "\t" in text for text in texts))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream,
        delimiter=delimiter,
        quoting=quoting,
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    # pandas gives its index no name; Excel has columns without one at the end.
    header = draw(
        st.sampled_from([("id", "text"), ("", "text"), ("text", "", ""), ("text", "x", "x")])
    )
    writer.writerow(header)
    at = header.index("text")
    writer.writerows(
        [text if index == at else str(number) for index in range(len(header))]
        for number, text in enumerate(texts)
    )
    return texts, delimiter, stream.getvalue()


@relaxed
@given(tables(), st.sampled_from(ENCODINGS), st.sampled_from(sorted(COMPRESS)), st.booleans())
def test_a_table_in_csv(
    tmp_path: Path, table: tuple[list[str], str, str], encoding: str, codec: str, named: bool
) -> None:
    texts, delimiter, content = table
    path = tmp_path / (f"a.csv{codec}" if named else "part-00000")
    found = read(path, COMPRESS[codec](content.encode(encoding)))
    expected = [is_null(text) for text in texts]
    if not asked(found):
        assert texts_of(found) == expected
        return
    # It is asked only where more than one answer makes sense.
    said = FormatOptions("csv", delimiter, encoding=encoding.removesuffix("-sig"))
    assert texts_of(read(path, COMPRESS[codec](content.encode(encoding)), said)) == expected


@relaxed
@given(tables(), st.sampled_from(SINGLE_BYTE), st.sampled_from(sorted(COMPRESS)))
def test_a_table_in_an_encoding_that_is_named(
    tmp_path: Path, table: tuple[list[str], str, str], encoding: str, codec: str
) -> None:
    texts, _, content = table
    written = content.encode(encoding, errors="ignore")
    expected = [is_null(text.encode(encoding, "ignore").decode(encoding)) for text in texts]
    found = read(tmp_path / f"a.csv{codec}", COMPRESS[codec](written),
                 FormatOptions(encoding=encoding))  # fmt: skip
    assert asked(found) or texts_of(found) == expected


@relaxed
@given(TEXTS, st.sampled_from(ENCODINGS), st.sampled_from(sorted(COMPRESS)),
       st.sampled_from(["a.jsonl", "a.ndjson", "a.JSON", "out-00000-of-00010"]))  # fmt: skip
def test_a_table_in_json_lines(
    tmp_path: Path, texts: list[str], encoding: str, codec: str, name: str
) -> None:
    # BigQuery leaves out a NULL.
    lines = [{"id": n, **({"text": text} if text else {})} for n, text in enumerate(texts)]
    assume(any(texts))
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    found = read(tmp_path / name, COMPRESS[codec](content.encode(encoding)))
    if asked(found):
        said = FormatOptions(encoding=encoding.removesuffix("-sig"))
        found = read(tmp_path / name, COMPRESS[codec](content.encode(encoding)), said)
    assert sorted(texts_of(found)) == sorted(is_blank(text) for text in texts)


@relaxed
@given(TEXTS, st.sampled_from(ENCODINGS), st.sampled_from(sorted(COMPRESS)),
       st.sampled_from(["a.txt", "out-00000-of-00010", "a.log"]))  # fmt: skip
def test_texts_in_lines(
    tmp_path: Path, texts: list[str], encoding: str, codec: str, name: str
) -> None:
    texts = [text.replace("\n", " ") for text in texts]
    content = "".join(f"{text}\n" for text in texts).encode(encoding)
    found = read(tmp_path / name, COMPRESS[codec](content))
    if asked(found):
        said = FormatOptions("text", encoding=encoding.removesuffix("-sig"))
        found = read(tmp_path / name, COMPRESS[codec](content), said)
    assert texts_of(found) == [is_blank(text) for text in texts]


@relaxed
@given(TEXT, st.sampled_from(ENCODINGS), st.sampled_from(sorted(COMPRESS)))
def test_a_text_a_file(tmp_path: Path, text: str, encoding: str, codec: str) -> None:
    # Two characters without a mark may be anything.
    unmarked = encoding in ("utf-16-le", "utf-16-be")
    said = FormatOptions("document", encoding=encoding if unmarked else "auto")
    found = read(tmp_path / "a.md", COMPRESS[codec](text.encode(encoding)), said)
    if not asked(found):
        assert texts_of(found) == ([is_blank(text.rstrip("\r\n"))] if text.encode(encoding) else [])


def table(*cells: str, delimiter: str = ",") -> bytes:
    return "".join(f"{row}\n" for row in cells).replace(",", delimiter).encode()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "part-00000", "export"])
def test_what_parts_the_columns_is_found(tmp_path: Path, delimiter: str, name: str) -> None:
    content = table("id,text,stars", "1,good,5", "2,bad,1", delimiter=delimiter)
    found = read(tmp_path / name, content)
    assert texts_of(found) == ["good", "bad"]
    assert found[0].fields == {"id": "1", "stars": "5"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # Excel.
        (b"sep=;\nid;text\n1;good, really\n", ["good, really"]),
        (b'"sep=|"\r\nid|text\r\n1|a;b,c\r\n', ["a;b,c"]),
        (b"v1,text,,,\nham,good,,,\nspam,bad,,,\n", ["good", "bad"]),
        (b"text,label,label\ngood,1,2\n", ["good"]),
        # Old Excel on a Mac.
        (b"id,text\r1,good\r2,bad\r", ["good", "bad"]),
        # pandas, with its index; Spark, with its own quotes.
        (b",text\n0,good\n", ["good"]),
        (b'id,text\n1,"he said \\"good\\", twice"\n2,"plain"\n',
         ['he said "good", twice', "plain"]),
        # GLUE, and scripts without a library: quotes are letters, which swallow no rows.
        (b'id\ttext\n1\t"he said\n2\tshe said"\n3\t"both"\n', ['"he said', 'she said"', '"both"']),
        (b'id,text\n1,"he" said\n2,she "said"\n3,so\n', ['"he" said', 'she "said"', "so"]),
        # Between commas a cell may have two lines.
        (b'id,text\n1,"he said\n2,she said"\n3,so\n', ["he said\n2,she said", "so"]),
        (b'id\ttext\n1\t"a ""b"""\n2\t"c\td"\n', ['a "b"', "c\td"]),
        (b'id\ttext\n1\t"c\nd"\n', ["c\nd"]),
        # A title, and blank lines above the header.
        (b"Reviews of May\n\nid,text\n1,good\n", ["", "good"]),
        (b'"Reviews, of May",,\n,,\nid,text,n\n1,good,2\n', ["good"]),
        # Spaces around names, and a delimiter too much at the end of rows.
        (b"id, text\n1, good\n", [" good"]),
        (b"id,text\n1,good,\n2,bad,,\n", ["good", "bad"]),
        # One column, whose texts hold what parts others.
        (b'text\n"a, b; c"\nd; e\n', ["a, b; c", "d; e"]),
        (b"id;text\n1;a, b\n2;c, d\n", ["a, b", "c, d"]),
        (b"id,text\n,\n1,good\n", ["", "good"]),
    ],
)  # fmt: skip
def test_tables_as_programs_write_them(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    found = texts_of(read(tmp_path / "a.csv", content))
    assert [one for one in found if one] == [one for one in expected if one]


@pytest.mark.parametrize(
    ("content", "said", "expected"),
    [
        (
            b"good\nbad, really\n",
            FormatOptions(header="no", delimiter=";"),
            ["good", "bad, really"],
        ),
        (b"1,good\n2,bad\n", FormatOptions(header=("id", "text")), ["good", "bad"]),
        # The names are there too, after all.
        (b"id,text\n2,bad\n", FormatOptions(header=("id", "text")), ["bad"]),
        (b"1;good, really\n2;bad\n", FormatOptions(header=("id", "text")), ["good, really", "bad"]),
        (b"1~good\n2~bad\n", FormatOptions(header=("id", "text"), delimiter="~"), ["good", "bad"]),
        (b"id text\n1 good\n", FormatOptions(delimiter=" "), ["good"]),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "part-00000", "a.txt"])
def test_what_is_said_of_a_table(
    tmp_path: Path, content: bytes, said: FormatOptions, expected: list[str], name: str
) -> None:
    assert texts_of(read(tmp_path / name, content, said)) == expected


def test_a_stray_quote_far_into_a_table_with_tabs_joins_no_rows(tmp_path: Path) -> None:
    plain = b"".join(b"%d\tgood film\n" % number for number in range(9000))
    content = b"id\ttext\n" + plain + b'0\t"he said\n1\tshe said"\n2\tgood\n'
    found = read(tmp_path / "a.tsv", content)
    (letter,) = [one for one in found if isinstance(one, Rejected)]
    assert (letter.reason, letter.position) == ("malformed_csv", 9002)
    assert letter.detail == (
        "a quote opens here and closes 1 lines on; each of the lines has 2 cells by itself"
    )
    assert {one.text for one in found if isinstance(one, Record)} == {"good film", "good"}


@pytest.mark.parametrize(
    ("header", "first", "reason"),
    [
        ("no", b"1,g\xf6\xf6d\n", "invalid_utf8"),
        ("no", b'1,"a"b\n', "malformed_csv"),
        (("id", "text"), b"1,g\xf6\xf6d\n", "invalid_utf8"),
        (("id", "text"), b'1,"a"b\n', "malformed_csv"),
        (("id", "text"), b"1,two,three\n", "malformed_csv"),
    ],
)
def test_without_a_header_a_bad_first_row_is_one_bad_row(
    tmp_path: Path, header: str | tuple[str, ...], first: bytes, reason: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(first + b"2,fine\n3,bad\n")
    fields = RowFields("2" if header == "no" else "text", "", ())
    rejected, *others = rows(FileRange(str(path)), fields, FormatOptions(header=header))
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason
    assert "as in the header" not in rejected.detail
    assert texts_of(others) == ["fine", "bad"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["-le", "-be"])
def test_an_order_of_bytes_that_no_mark_tells_is_found_or_asked_for(
    tmp_path: Path, encoding: str, order: str
) -> None:
    said = FormatOptions(encoding=encoding)
    content = "id,text\n1,gut\n2,schön\n".encode(encoding + order)
    assert texts_of(read(tmp_path / "a.csv", content, said)) == ["gut", "schön"]
    (letter,) = read(tmp_path / "b.csv", b"id,text\n1,good\n", said)
    assert letter.reason == "unknown_format"
    assert f"--encoding takes {encoding}-le or {encoding}-be for files without" in letter.detail


def test_columns_without_names_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,good\n2,bad\n")
    part, said = FileRange(str(tmp_path / "a.csv")), FormatOptions(header="no")
    found = list(rows(part, RowFields("2", "1", ("*",)), said))
    assert [(one.text, one.id, one.fields) for one in found if isinstance(one, Record)] == [
        ("good", "1", {"1": "1"}), ("bad", "2", {"1": "2"})
    ]  # fmt: skip
    (letter, _) = rows(part, FIELDS, said)
    assert isinstance(letter, Rejected)
    assert letter.reason == "missing_text_field"
    assert "there are '1', '2'" in letter.detail


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", b"a;b,c\nd;e,f\n", "columns that ',' or ';' may part"),
        ("part-0", b"1;good\n2;bad\n", "columns, as it seems, with ';' between them"),
        ("part-0", b"text\ngood\n", "'text' as its first line, which may be a header"),
        ("a.txt", b"text\ngood\n", "'text' as its first line, which may be a header"),
        ("a.txt", b"id\ttext\n1\tgood\n", "columns, as it seems, with '\\t' between them"),
        ("a.txt", b'{"text": "good"}\n', "a JSON object in its first line"),
        ("a.json", b'[{"text": "good"}]', "one JSON array"),
        ("export", b'[\n  {"text": "good"}\n]', "one JSON array"),
        ("a.jsonl", b'{\n "text": "good"\n}\n', "a JSON object over several lines"),
        ("a.txt", b"g\x00o\x00\x00o", "many zero bytes"),
        ("a.csv", b"PK\x03\x04\x14\x00\x06\x00", "a zip archive, or an Excel"),
        ("a.txt", b"%PDF-1.7\n", "a PDF file"),
        ("a.txt.gz", gzip.compress(b"n" * 257 + b"ustar\x00", mtime=0), "a tar archive"),
    ],
)
def test_what_cannot_be_told_is_asked(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    found = read(tmp_path / name, content)
    assert asked(found)
    assert what in found[0].detail


@pytest.mark.parametrize(
    "content",
    [b"ORC and man\n", b"PAR1 is a word\n", b"Some, text, here\n", b"[2024-01-01] an error\n",
     b"a;b\nc\n", b"GIF89a\n", b"one, two\nthree, four\n"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.txt", "part-00000", "a.log"])
def test_lines_that_are_nothing_but_texts(tmp_path: Path, content: bytes, name: str) -> None:
    assert texts_of(read(tmp_path / name, content)) == content.decode().splitlines()
