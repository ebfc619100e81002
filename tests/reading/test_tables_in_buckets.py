"""Tables in a bucket: what is asked for of them."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud.storage import Blob

from buckets_for_tests import emulated
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND
from runinference_metrics.reading.preview import preview
from runinference_metrics.reading.ranges import ranges
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import RecordBatch

FIELDS = RowFields("text", "", ())
ROWS = 40_000


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of some 42 MB in four row groups, of which the texts are a twentieth."""
    chance = random.Random(1)
    path = tmp_path_factory.mktemp("tables") / "a.parquet"
    noise = [chance.randbytes(1000) for _ in range(ROWS)]
    texts = [f"a good film, number {number}, {chance.random()}" for number in range(ROWS)]
    columns = {"noise": noise, "text": texts, "more": noise[: ROWS // 100] * 100}
    pq.write_table(pa.table(columns), path, row_group_size=ROWS // 4)
    return path


def test_of_a_buckets_table_little_more_is_asked_for_than_is_read(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    download = Blob.download_as_bytes

    def noted(blob: Any, *args: Any, **named: Any) -> bytes:
        content = download(blob, *args, **named)
        asked.append(len(content))
        return content

    monkeypatch.setattr(Blob, "download_as_bytes", noted)
    size = table.stat().st_size
    with emulated("b", {"a.parquet": table.read_bytes()}):
        parts = list(ranges("gs://b/a.parquet", size, AS_FOUND, FIELDS, 1))
        assert len(parts) == 4
        # What a file is, is told by its beginning, for which one request is made; then its end.
        assert sum(asked) < 20 << 20
        asked.clear()
        found = [
            text
            for part in parts
            for one in rows(part, FIELDS, AS_FOUND)
            if isinstance(one, RecordBatch)
            for text in one.texts
        ]
        assert len(found) == ROWS
        groups = pq.ParquetFile(table).metadata
        texts = sum(groups.row_group(at).column(1).total_compressed_size for at in range(4))
        # Each part looks at the file's end besides.
        assert texts < sum(asked) < texts + (8 << 20) < size / 3
        assert len(asked) < 20
        asked.clear()
        seen = preview("gs://b/a.parquet", size, FIELDS, AS_FOUND)
        assert (seen.num_rows, seen.texts[0]) == (ROWS, found[0])
        assert sum(asked) < 22 << 20
        asked.clear()
        assert len(list(rows(FileRange("gs://b/a.parquet"), FIELDS, AS_FOUND))) > 0
