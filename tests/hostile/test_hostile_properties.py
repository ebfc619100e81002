"""Random and mutated files of every format: all rows are accounted for, nothing else is raised."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from unittest import mock

import apache_beam as beam
from files_for_tests import COMPRESS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import ROOT
from runinference_metrics.reading import limits, reading_rows, transform
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND
from runinference_metrics.records.events import PartRead
from runinference_metrics.records.record import RecordBatch, Rejected

FIELDS = RowFields("text", "id", ("*",))
INPUT_PAGE = (ROOT / "docs" / "input.md").read_text()
MAX_BATCH_SIZE = 5
# Small, so that small files meet them.
LIMITS = {"row": 40, "text": 20, "batch": 60}

TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", " ", '"', ",", "\n", "\r\n", "\ufeff", "\x00", "\ud800", "NaN", "[" * 150]
    ),
)


def as_jsonl(texts: list[str]) -> bytes:
    return b"".join(json.dumps({"id": n, "text": t}).encode() + b"\n" for n, t in enumerate(texts))


def as_csv(texts: list[str]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(["id", "text"])
    writer.writerows(enumerate(texts))
    return stream.getvalue().encode(errors="surrogatepass")


def as_text(texts: list[str]) -> bytes:
    return "\n".join(texts).encode(errors="surrogatepass")


WRITE = {".txt": as_text, ".jsonl": as_jsonl, ".csv": as_csv}


@st.composite
def spoiled(draw: Any, content: bytes) -> bytes:
    """The content after up to four changes: bytes cut out, put in, changed, or the end cut off."""
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        more = draw(st.binary(max_size=8) | st.sampled_from([b'"', b"\n", b"\xff", b"{", b"\\ud8"]))
        skip = draw(st.sampled_from([0, 0, 1, len(more), 10**6]))
        content = content[:at] + more + content[at + skip :]
    return content


@st.composite
def hostile_files(draw: Any) -> tuple[str, bytes]:
    """A name, and content of that kind that was spoiled before or after it was compressed."""
    ending, codec = draw(st.sampled_from(sorted(WRITE))), draw(st.sampled_from(sorted(COMPRESS)))
    content = draw(st.lists(TEXT, max_size=12).map(WRITE[ending]) | st.binary(max_size=200))
    content = COMPRESS[codec](draw(spoiled(content)))
    return f"a{ending}{codec}", draw(spoiled(content)) if codec else content


@settings(
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(hostile_files())
def test_every_row_is_a_record_a_dead_letter_or_blank(
    tmp_path: Path, file: tuple[str, bytes]
) -> None:
    name, content = file
    path = tmp_path / name
    path.write_bytes(content)
    reader = transform._ReadRange(FIELDS, AS_FOUND, MAX_BATCH_SIZE)
    with (
        mock.patch.object(limits, "MAX_ROW_BYTES", LIMITS["row"]),
        mock.patch.object(limits, "MAX_TEXT_BYTES", LIMITS["text"]),
        mock.patch.object(reading_rows, "MAX_BATCH_BYTES", LIMITS["batch"]),
    ):
        found = list(reader.process(FileRange(str(path))))
    batches = [one for one in found if isinstance(one, RecordBatch)]
    tagged = [one.value for one in found if isinstance(one, beam.pvalue.TaggedOutput)]
    letters = [one for one in tagged if isinstance(one, Rejected)]
    (counted,) = [one for one in tagged if isinstance(one, PartRead)]
    positions = [position for batch in batches for position in batch.positions]
    assert counted.read == len(positions) + len(letters) + counted.blank
    both = positions + [letter.position for letter in letters]
    assert len(set(both)) == len(both)
    assert positions == sorted(positions)
    for batch in batches:
        assert 0 < len(batch) <= MAX_BATCH_SIZE
        assert batch.row_bytes <= LIMITS["batch"]
        assert all(text.strip() and len(text.encode()) <= LIMITS["text"] for text in batch.texts)
    for letter in letters:
        assert f"`{letter.reason}`" in INPUT_PAGE
        assert json.loads(letter.json_line())["position"] == letter.position
        if letter.reason == "row_too_long":
            assert int(re.findall(r"has ([\d,]+) bytes", letter.detail)[0].replace(",", "")) > 40
    # Each line of these is one row, whatever is in it.
    is_plain = "utf-8" in counted.file_format and "CR" not in counted.file_format
    if name in ("a.txt", "a.jsonl") and is_plain:
        # A last line of byte-order marks alone is none.
        while content.endswith(b"\xef\xbb\xbf"):
            content = content.removesuffix(b"\xef\xbb\xbf")
        ended = content.endswith(b"\n") or not content
        assert counted.read == content.count(b"\n") + (0 if ended else 1)
