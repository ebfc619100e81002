"""Rows with two texts: what makes a pair, and what each other row becomes."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from runinference_metrics.reading import limits
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import FormatOptions
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import Record, Rejected

PAIRS = RowFields("premise", "id", ("*",), "hypothesis")


def read(path: Path, content: bytes, fields: RowFields = PAIRS) -> list[Any]:
    path.write_bytes(content)
    return list(rows(FileRange(str(path)), fields))


def reasons(found: list[Any]) -> list[tuple[int, str]]:
    return [(one.position, one.reason) for one in found if isinstance(one, Rejected)]


def test_json_lines_with_two_texts(tmp_path: Path) -> None:
    values: list[dict[str, Any]] = [
        {"id": 1, "premise": "a", "hypothesis": "b", "label": 0},
        {"id": 2, "premise": "a"},
        {"id": 3, "hypothesis": "b"},
        {"id": 4, "premise": "a", "hypothesis": None},
        {"id": 5, "premise": ["a"], "hypothesis": "b"},
        {"id": 6, "premise": "a", "hypothesis": ""},
        {"id": 7, "premise": " ", "hypothesis": "b"},
        {"id": 8, "premise": " ", "hypothesis": "\n"},
    ]
    found = read(tmp_path / "a.jsonl", "\n".join(map(json.dumps, values)).encode())
    records = [one for one in found if isinstance(one, Record)]
    pairs = [("a", "b"), ("a", ""), ("", "b"), ("a", ""), ("a", ""), (" ", "b")]
    assert [one.text for one in records] == pairs
    assert [one.id for one in records] == [1, 2, 3, 4, 6, 7]
    # All but the two texts.
    assert records[0].fields == {"id": 1, "label": 0}
    assert reasons(found) == [(5, "text_not_a_string")]
    assert found.count(None) == 1
    # A row that gives no pair is shown as it stands.
    (letter,) = [one for one in found if isinstance(one, Rejected)]
    assert json.loads(letter.json_line())["text"] == json.dumps(values[4])
    assert "text_pair" not in json.loads(letter.json_line())


def test_a_field_that_no_row_has_is_no_empty_one(tmp_path: Path) -> None:
    found = read(tmp_path / "a.jsonl", b'{"id": 1, "premise": "a"}\n{"id": 2, "premise": "b"}\n')
    assert reasons(found) == [(1, "missing_text_pair_field"), (2, "missing_text_pair_field")]
    assert found[0].detail == (
        "no field 'hypothesis' (--text_pair_field); there are 'id', 'premise'"
    )


def test_csv_with_two_texts(tmp_path: Path) -> None:
    content = b"id,hypothesis,premise\n1,b,a\n2,,a\n3, , \n"
    found = read(tmp_path / "a.csv", content)
    assert [one.text for one in found[:2]] == [("a", "b"), ("a", "")]
    assert found[2] is None
    assert reasons(read(tmp_path / "b.csv", b"id,premise\n1,a\n")) == [
        (2, "missing_text_pair_field")
    ]


def test_a_column_without_a_name_is_kept_where_there_is_no_second_text(tmp_path: Path) -> None:
    fields = RowFields("text", "", ("*",))
    (found,) = read(tmp_path / "a.csv", b"text,\na,b\n", fields)
    assert (found.text, found.fields) == ("a", {"2": "b"})


def test_the_limit_of_a_text_counts_both(tmp_path: Path) -> None:
    half = limits.MAX_TEXT_BYTES // 2
    values = [{"premise": "a" * half, "hypothesis": "é" * (half // 2 + more)} for more in (0, 1)]
    found = read(tmp_path / "a.jsonl", "\n".join(map(json.dumps, values)).encode())
    assert isinstance(found[0], Record)
    assert reasons(found) == [(2, "text_too_long")]
    assert f"has {limits.MAX_TEXT_BYTES + 2:,} bytes" in found[1].detail


def test_a_text_file_that_comes_late_gives_no_pairs(tmp_path: Path) -> None:
    found = read(tmp_path / "a.txt", b"good\n\nbad\n")
    assert reasons(found) == [(1, "missing_text_pair_field"), (3, "missing_text_pair_field")]
    assert (found[0].text, found[1]) == ("good", None)


# A byte-order mark at the beginning of a line is no part of a text.
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\ufeff"), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXT, TEXT), max_size=12))
def test_pairs_are_read_back_as_they_were_written(
    tmp_path: Path, pairs: list[tuple[str, str]]
) -> None:
    # The NULL of databases.
    assume("\\N" not in [text for pair in pairs for text in pair])
    utf8 = FormatOptions(encoding="utf-8")
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerows([("premise", "hypothesis"), *pairs])
    lines = [json.dumps({"premise": first, "hypothesis": second}) for first, second in pairs]
    expected = [pair for pair in pairs if any(text.strip() for text in pair)]
    for name, content in (("a.csv", stream.getvalue()), ("a.jsonl", "\n".join(lines))):
        (tmp_path / name).write_bytes(content.encode())
        found = list(rows(FileRange(str(tmp_path / name)), PAIRS, utf8))
        assert [one.text for one in found if isinstance(one, Record)] == expected
        assert found.count(None) == len(pairs) - len(expected) == len(found) - len(expected)
