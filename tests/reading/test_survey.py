"""What a few spots tell of whole inputs, beside what is in them."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from runinference_metrics.reading import spots as surveying
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND
from runinference_metrics.reading.listing import Found
from runinference_metrics.reading.rows import rows
from runinference_metrics.reading.spots import surveyed
from runinference_metrics.reading.survey import Spot, Survey
from runinference_metrics.records.interval import Interval
from runinference_metrics.records.record import Record

FIELDS = RowFields("text", "", ())
TEXTS = [" ".join(["word"] * random.Random(at).randint(1, 40)) for at in range(20_000)]


@pytest.fixture
def _in_spots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some hundred kilobytes are large."""
    monkeypatch.setattr(surveying, "_WHOLE_BYTES", 0)
    monkeypatch.setattr(surveying, "_SPOT_BYTES", 1 << 13)


def survey(*paths: Path) -> Survey:
    return surveyed([Found(str(one), one.stat().st_size) for one in paths], FIELDS, AS_FOUND)


def characters(spot: Spot) -> float:
    return spot.num_texts * sum(map(len, spot.texts)) / max(1, len(spot.texts))


def sorted_lines(folder: Path) -> list[Path]:
    (folder / "a.txt").write_text("\n".join(sorted(TEXTS, key=len)))
    return [folder / "a.txt"]


def json_lines(folder: Path) -> list[Path]:
    lines = [json.dumps({"id": at, "text": one}) for at, one in enumerate(TEXTS)]
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n")
    return [folder / "a.jsonl"]


def unlike_files(folder: Path) -> list[Path]:
    """Many small files, and a large one with long texts."""
    for at in range(0, 10_000, 100):
        (folder / f"{at}.txt").write_text("\n".join(one[:20] for one in TEXTS[at : at + 100]))
    (folder / "large.txt").write_text("\n".join(TEXTS[10_000:]))
    return sorted(folder.iterdir())


def some_zipped(folder: Path) -> list[Path]:
    (folder / "a.txt.gz").write_bytes(gzip.compress("\n".join(TEXTS[:10_000]).encode()))
    (folder / "b.csv").write_text("text\n" + "\n".join(TEXTS[10_000:]) + "\n")
    return sorted(folder.iterdir())


def blanks_at_the_end(folder: Path) -> list[Path]:
    (folder / "a.txt").write_text("\n".join(TEXTS) + "\n" * 200_000)
    return [folder / "a.txt"]


@pytest.mark.usefixtures("_in_spots")
@pytest.mark.parametrize("make", [sorted_lines, json_lines, unlike_files, some_zipped])
def test_a_fifth_is_the_most_that_an_estimate_is_off(
    tmp_path: Path, make: Callable[[Path], list[Path]]
) -> None:
    paths = make(tmp_path)
    every = [row for path in paths for row in rows(FileRange(str(path)), FIELDS)]
    texts = [str(row.text) for row in every if isinstance(row, Record)]
    found = survey(*paths)
    for of, actual in (
        (lambda one: one.rows, len(every)),
        (lambda one: one.num_texts, len(texts)),
        (characters, sum(map(len, texts))),
    ):
        total = found.total(of)
        assert total.likely == pytest.approx(actual, rel=0.2)
        assert total.low <= actual <= total.high or (found.whole and of is characters)
    sample = found.texts(2_000)
    assert 300 <= len(sample) <= 2_000
    mean = sum(map(len, texts)) / len(texts)
    assert sum(len(str(one)) for one in sample) / len(sample) == pytest.approx(mean, rel=0.2)


@pytest.mark.usefixtures("_in_spots")
def test_what_lies_at_the_end_is_seen(tmp_path: Path) -> None:
    found = survey(*blanks_at_the_end(tmp_path))
    total = found.total(lambda one: one.blank)
    assert total.low <= 200_000 <= total.high
    assert total.likely == pytest.approx(200_000, rel=0.5)


@pytest.mark.parametrize("make", [sorted_lines, json_lines, unlike_files, some_zipped])
def test_a_small_input_is_counted(
    tmp_path: Path, make: Callable[[Path], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveying, "_KEPT_TEXTS", 1 << 12)
    paths = make(tmp_path)
    every = [row for path in paths for row in rows(FileRange(str(path)), FIELDS)]
    found = survey(*paths)
    assert found.whole
    assert found.beginnings == 0
    assert found.total(lambda one: one.rows) == Interval.exactly(len(every))
    texts = [str(row.text) for row in every if isinstance(row, Record)]
    mean = sum(map(len, texts)) / len(texts)
    sample = found.texts(1_000)
    assert sum(len(str(one)) for one in sample) / len(sample) == pytest.approx(mean, rel=0.1)


@pytest.mark.usefixtures("_in_spots")
def test_compressed_files_that_are_read_to_their_end_are_counted(tmp_path: Path) -> None:
    found = survey(*some_zipped(tmp_path))
    assert found.whole
    assert found.total(lambda one: one.num_texts) == Interval.exactly(len(TEXTS))


@pytest.mark.usefixtures("_in_spots")
def test_nobody_is_sure_of_what_lies_behind_a_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveying, "_BEGINNING_BYTES", 1)
    monkeypatch.setattr(surveying, "_LEAST_BEGINNING_BYTES", 200_000)
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "\n".join(TEXTS) + "\n")
    found = survey(path)
    assert not found.whole
    assert found.beginnings == 1
    total = found.total(lambda one: one.num_texts)
    assert total.likely == pytest.approx(len(TEXTS), rel=0.1)
    assert total.high / total.likely == pytest.approx(1.25)


@pytest.mark.usefixtures("_in_spots")
def test_rows_longer_than_a_spot_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join("x" * random.Random(at).randint(1, 30_000) for at in range(2_000)))
    total = survey(path).total(lambda one: one.num_texts)
    assert total.low <= 2_000 <= total.high
    assert total.likely == pytest.approx(2_000, rel=0.3)


@pytest.mark.usefixtures("_in_spots")
@pytest.mark.parametrize(
    "content", [b"x" * 6_000_000, b"\n" * 50_000, b"a", b"a\n" + b"y" * 99_999]
)
def test_odd_files_are_surveyed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    found = survey(path)
    assert found.total(lambda one: one.rows).likely > 0
    assert len(found.texts(10)) <= 10


def test_files_of_no_bytes_hold_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    found = survey(tmp_path / "a.txt")
    assert found.total(lambda one: one.rows) == Interval.exactly(0)
    assert found.texts(5) == []
