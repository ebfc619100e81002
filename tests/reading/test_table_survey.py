"""Estimates of tables from spots, beside what is in them; and tables in a bucket."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from buckets_for_tests import emulated
from runinference_metrics.reading import spots as surveying
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND
from runinference_metrics.reading.listing import Found, listed
from runinference_metrics.reading.preview import preview
from runinference_metrics.reading.ranges import ranges
from runinference_metrics.reading.spots import surveyed
from runinference_metrics.reading.survey import Survey
from runinference_metrics.records.interval import Interval
from tables_for_tests import avro, by_position, parquet, read

COUNT = 60_000
LENGTHS = sorted(random.Random(4).choices(range(1, 40), k=COUNT))
# Words that do not compress away.
RNG = random.Random(6)
TEXTS = [" ".join(f"{RNG.getrandbits(20):05x}" for _ in range(length)) for length in LENGTHS]
FIELDS = RowFields("text", "", ())


def survey(*paths: Path) -> Survey:
    return surveyed([Found(str(one), one.stat().st_size) for one in paths], FIELDS, AS_FOUND)


def num_rows(found: Survey) -> Interval:
    return found.total(lambda spot: spot.rows)


@pytest.fixture
def _in_spots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some megabytes are large."""
    monkeypatch.setattr(surveying, "_WHOLE_BYTES", 0)


@pytest.mark.usefixtures("_in_spots")
@pytest.mark.parametrize("group_rows", [COUNT, 1000])
def test_parquet_sorted_by_length(tmp_path: Path, group_rows: int) -> None:
    found = survey(parquet(tmp_path / "a.parquet", {"text": TEXTS}, row_group_size=group_rows))
    assert not found.whole
    assert num_rows(found).likely == pytest.approx(COUNT, rel=0.03)
    texts = [str(text) for text in found.texts(10_000)]
    mean = sum(map(len, TEXTS)) / COUNT
    assert sum(map(len, texts)) / len(texts) == pytest.approx(mean, rel=0.05)


@pytest.mark.usefixtures("_in_spots")
@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_avro_sorted_by_length(tmp_path: Path, codec: str) -> None:
    path = avro(tmp_path / "a.avro", {"text": "string"}, [{"text": one} for one in TEXTS], codec)
    found = survey(path)
    # It is read from its beginning, as far as there is time for, which here is to its end.
    assert found.whole
    assert num_rows(found).likely == COUNT


@pytest.mark.usefixtures("_in_spots")
def test_avro_of_which_a_part_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = random.Random(1).sample(TEXTS, COUNT)
    path = avro(tmp_path / "a.avro", {"text": "string"}, [{"text": one} for one in mixed])
    monkeypatch.setattr(surveying, "_BEGINNING_BYTES", 2 << 20)
    found = survey(path)
    assert not found.whole
    assert num_rows(found).likely == pytest.approx(COUNT, rel=0.05)


def test_small_tables_are_counted(tmp_path: Path) -> None:
    some = {"text": ["good", None, "bad"]}
    one = parquet(tmp_path / "a.parquet", some)
    two = avro(tmp_path / "b.avro", {"text": "string"}, [{"text": "good"}])
    found = survey(one, two)
    assert (found.whole, num_rows(found).likely) == (True, 4)


def test_a_damaged_table_among_others(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": ["good"] * 10})
    (tmp_path / "b.parquet").write_bytes(path.read_bytes()[:-20])
    found = survey(path, tmp_path / "b.parquet")
    assert num_rows(found).likely == 11


def test_a_preview_knows_columns_and_rows(tmp_path: Path) -> None:
    table = pa.table({"text": ["good"] * 5000, "n": range(5000), "none": pa.nulls(5000)})
    path = parquet(tmp_path / "a.parquet", table)
    found = preview(str(path), path.stat().st_size, RowFields("text", "n", ("*",)), AS_FOUND)
    assert found.num_rows == 5000
    assert list(found.first) == ["text", "n", "none"]
    assert found.kinds == {"n": pa.int64(), "none": pa.null()}
    assert found.id_kind == pa.int64()
    assert found.rows < 5000 or found.whole
    avros = avro(tmp_path / "a.avro", {"text": "string", "n": "int"}, [{"text": "a", "n": 1}])
    found = preview(str(avros), 100, RowFields("text", "", ("*",)), AS_FOUND)
    assert (found.num_rows, found.kinds) == (None, {"n": pa.int32()})


def test_tables_in_a_bucket(tmp_path: Path) -> None:
    columns = {"text": [f"text {at}" for at in range(1000)], "n": range(1000)}
    one = parquet(tmp_path / "a.parquet", pa.table(columns), row_group_size=100)
    rows = [{"text": f"text {at}", "n": at} for at in range(1000)]
    two = avro(tmp_path / "b.avro", {"text": "string", "n": "long"}, rows, sync_interval=1000)
    names = {"in/a.parquet": one.read_bytes(), "in/b.avro": two.read_bytes()}
    fields = RowFields("text", "", ("*",))
    expected = {at + 1: (f"text {at}", {"n": at}) for at in range(1000)}
    with emulated("tables", names):
        for name, content in names.items():
            path = f"gs://tables/{name}"
            assert by_position(read(FileRange(path), fields)) == expected
            parts = list(ranges(path, len(content), AS_FOUND, fields, 2000))
            assert len(parts) > 3
            assert by_position([row for one in parts for row in read(one, fields)]) == expected
        found = surveyed(listed(["gs://tables/in/"]).files, FIELDS, AS_FOUND)
        assert num_rows(found).likely == 2000
    assert pq.read_metadata(one).num_row_groups == 10
