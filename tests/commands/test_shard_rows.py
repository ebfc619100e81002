"""Shards read back: the rows that were written, in whatever format; and damaged ones."""

import contextlib
import random
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from results_for_tests import FORMATS, classified, output, write_folder, write_shard
from runinference_metrics.__main__ import main
from runinference_metrics.commands import flips
from runinference_metrics.commands.recount import verify
from runinference_metrics.commands.shard_names import checked_names
from runinference_metrics.commands.shard_rows import Damaged, Shard
from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.options.choices import OUTPUT_FORMATS, values_of
from runinference_metrics.records.record import ClassifiedBatch, Record, Rejected

NAMES = ("text", "text_pair", "label", "score", "scores", "source", "position", "right_label", "id")
WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
IDS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.string(): WORDS,
    pa.bool_(): st.booleans(),
    pa.binary(): st.binary(max_size=3),
    pa.decimal128(9, 2): st.integers(-(10**9) + 1, 10**9 - 1).map(lambda n: Decimal(n).scaleb(-2)),
}
OF_COLUMNS = [one for one in FORMATS if not one.startswith("jsonl")]
relaxed = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


@st.composite
def batches(draw: Any, pairs: bool, ids: pa.DataType) -> ClassifiedBatch:
    labels = draw(st.lists(WORDS, min_size=1, max_size=3, unique=True))
    texts = st.tuples(WORDS, WORDS) if pairs else WORDS
    records = draw(st.lists(
        st.builds(Record, texts, WORDS, st.integers(1, 2**63 - 1), st.none() | IDS[ids],
                  right_label=st.none() | WORDS),
        min_size=1, max_size=5,
    ))  # fmt: skip
    scores = [[draw(st.floats(0, 1)) for _ in labels] for _ in records]
    return classified(records, labels, scores)


def rows(path: Path, names: tuple[str, ...] = NAMES) -> list[Any]:
    return [row for _, row in Shard("predictions", str(path)).rows(names)]


@relaxed
@given(st.data(), st.booleans(), st.sampled_from(list(IDS)), st.sampled_from(["", "-text", "id",
       "scores:2", "label,position", "right_label"]))  # fmt: skip
def test_every_format_has_the_rows_of_json_lines(
    tmp_path: Path, data: st.DataObject, pairs: bool, ids: pa.DataType, fields: str
) -> None:
    written = [data.draw(batches(pairs, ids)) for _ in range(2)]
    found = {}
    for name in FORMATS:
        how = output(name, fields, ids, pairs, labelled=True)
        write_shard(tmp_path / f"predictions-00000-of-00001.{name}", how, *written)
        found[name] = rows(tmp_path / f"predictions-00000-of-00001.{name}")
    # A row without a right label of its own says so in JSON.
    expected = [
        {name: one for name, one in row.items() if one is not None} for row in found["jsonl"]
    ]
    assert len(expected) == sum(one.predicted_count for one in written)
    assert found["jsonl.gz"] == found["jsonl"]
    assert found["avro"] == found["parquet"] == expected
    assert found["csv"] == found["csv.gz"] == [as_csv_has_it(row) for row in expected]


def as_csv_has_it(row: dict[str, Any]) -> dict[str, Any]:
    """Ids are texts there, and neither ids nor right labels are empty."""
    if "id" in row and not isinstance(row["id"], str):
        row = {**row, "id": orjson.dumps(row["id"]).decode()}
    return {name: one for name, one in row.items() if one or name not in ("id", "right_label")}


def folder_of(
    folder: Path, name: str, fields: str = "", flipped: int = 0, source: str = "gs://b/a",
    ids: bool = True,
) -> Path:  # fmt: skip
    """Three shards of a hundred rows each, and three dead letters."""
    written = []
    for first in (1, 101, 201):
        places = range(first, first + 100)
        records = [
            Record(f"text {at}", source, at, id=at if ids else None, right_label=f"{at % 3}")
            for at in places
        ]
        scores = [[0.25, 0.75] if (at % 2 == 0) ^ (at <= flipped) else [0.75, 0.25]
                  for at in places]  # fmt: skip
        written.append(classified(records, ("NO", "YES"), scores))
    dead = [Rejected("a_reason", "so it is", "read", source, at, "x") for at in (301, 302, 303)]
    how = output(name, fields, pa.int64())
    return write_folder(folder, how, written, dead, fields)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of all formats, by their names."""
    place = tmp_path_factory.mktemp("whole")
    for name in FORMATS:
        folder_of(place / name, name)
    return place


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_is_counted_and_every_damage_is_a_difference(
    whole: Path, tmp_path: Path, name: str
) -> None:
    assert verify(str(whole / name))[1].differences == []
    folder = Path(shutil.copytree(whole / name, tmp_path / "out"))
    shard = folder / f"predictions-00001-of-00003.{name}"
    content = shard.read_bytes()
    rng = random.Random(name)
    cuts = [0, 1, len(content) - 1, *(rng.randrange(len(content)) for _ in range(20))]
    for size in cuts:
        shard.write_bytes(content[:size])
        differences = verify(str(folder))[1].differences
        # The last newline is no row.
        assert differences or (size == len(content) - 1 and name in ("jsonl", "csv"))
        if name not in ("jsonl", "csv") and size:
            assert differences[0].startswith(f"{shard.name} cannot be read"), differences
    for _ in range(20):
        spoilt = bytearray(content)
        for at in range(rng.randrange(len(content)), len(content), 211):
            spoilt[at] ^= rng.randrange(1, 256)
        shard.write_bytes(spoilt)
        # Whatever it says, it ends.
        verify(str(folder))
        with contextlib.suppress(RunFailed):
            flips.changes(str(folder), str(whole / name))


@pytest.mark.parametrize("name", FORMATS)
def test_other_shards_are_counted_beside_a_damaged_one(
    whole: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(whole / name, tmp_path / "out"))
    shard = folder / f"predictions-00001-of-00003.{name}"
    shard.write_bytes(b"\x00\xff \x01" * 99)
    (folder / f"predictions-00002-of-00003.{name}").unlink()
    assert main(["verify", str(folder)]) == 1
    shown = capsys.readouterr()
    assert f"difference: {shard.name}" in shown.out
    assert f"difference: missing: predictions-00002-of-00003.{name}" in shown.out
    assert "predictions: metrics.json says 300, the shards have 100" in shown.out
    assert "Traceback" not in shown.err


def test_a_row_says_where_a_shard_ends(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "predictions-00000-of-00001.csv"
    path.write_bytes((whole / "csv" / "predictions-00000-of-00003.csv").read_bytes() + b'"open')
    with pytest.raises(Damaged, match="behind row 100: unexpected end of data"):
        rows(path)
    path.write_text('"label","score"\n"x",0.5\n"y"\n"z",high\n')
    assert rows(path) == [
        {"label": "x", "score": 0.5}, "it has 1 cells, and the header 2",
        "could not convert string to float: 'high'",
    ]  # fmt: skip


def test_what_cannot_be_read_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "predictions-00000-of-00001.avro"
    path.mkdir()
    with pytest.raises(RunFailed, match=f"{path} cannot be read: .*directory") as caught:
        rows(path)
    assert not isinstance(caught.value, Damaged)


def test_every_output_format_is_named_as_a_shard() -> None:
    for ending in values_of(OUTPUT_FORMATS):
        name = f"predictions-00000-of-00001.{ending}"
        assert name in checked_names([name, f"{name}.bak"])[0]
        assert f"{name}.bak is not named as a shard" in checked_names([f"{name}.bak"])[1]


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet", "avro"])
@pytest.mark.parametrize("fields", ["label", "-position", "-source", "source,position", "id"])
def test_what_is_left_is_verified(
    tmp_path: Path, name: str, fields: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path / "out", name, fields)
    assert main(["verify", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "are complete" not in out
    assert ("whether one is there twice" in out) == (fields != "source,position")
    assert ("of 1 input file\n" in out) == (fields in ("-position", "source,position"))
    letters = folder / "dead_letters-00000-of-00001.jsonl"
    first, second, _ = letters.read_text().splitlines()
    # That a dead letter is there twice is known whatever predictions lack.
    letters.write_text("\n".join([first, second, second]) + "\n")
    assert main(["verify", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "row 302 of 'gs://b/a' is there 2 times" in out
    assert "Not checked" in out


@pytest.mark.parametrize("other", FORMATS)
def test_runs_of_two_formats_are_compared_row_by_row(
    whole: Path, tmp_path: Path, other: str
) -> None:
    flipped = folder_of(tmp_path / "out", other, flipped=7)
    found, _ = flips.changes(str(whole / "jsonl"), str(flipped))
    assert (found.by, found.matched, found.flipped) == (flips.BY_ROW, 300, 7)
    assert found.moves
    assert found.moves.largest == 0.5
    # Ids are numbers in some formats and texts in others.
    moved = folder_of(tmp_path / "moved", other, flipped=7, source="gs://b/c")
    found, _ = flips.changes(str(whole / "jsonl"), str(moved))
    assert (found.by, found.matched, found.flipped) == (flips.BY_ID, 300, 7)


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet", "avro"])
def test_labels_are_compared_without_texts_places_and_scores(
    whole: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path / "out", name, "label,score,id", flipped=7)
    listed, page = tmp_path / "flips.jsonl", tmp_path / "page.html"
    arguments = [str(whole / name), str(folder), f"--flips={listed}", f"--html={page}"]
    assert main(["compare", *arguments]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "rows of both 300, by id" in out
    assert "with another label 7" in out
    assert "scores moved by not known: by --output_fields" in out
    assert "id 3" in out
    for line in listed.read_bytes().splitlines():
        row = orjson.loads(line)
        assert (row["moved"], row["text"], row["source"]) == (None, [], None)
    # The first run's scores are not needed.
    found, _ = flips.changes(str(folder), str(whole / name))
    assert found.moves


def test_rows_that_nothing_tells_apart_are_refused(whole: Path, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "out", "parquet", "label,score,id", ids=False)
    with_ids = folder_of(tmp_path / "ids", "avro", "label,score,id")
    with_places = folder_of(tmp_path / "places", "csv", "-id")
    for pair in ((whole / "jsonl", folder), (with_ids, with_places)):
        with pytest.raises(UserError, match="without source and position, nor have all rows of"):
            flips.changes(*map(str, pair))


def test_ids_of_every_type_are_written_with_flips(tmp_path: Path) -> None:
    for kind, values in ((pa.decimal128(9, 2), [Decimal("1.50")]), (pa.binary(), [b"\xff"])):
        for name in ("parquet", "avro"):
            runs = [tmp_path / f"{name}{kind}{at}" for at in range(2)]
            for at, run in enumerate(runs):
                record = Record("a text", f"file {at}", 1, id=values[0])
                scores = [[0.25, 0.75]] if at else [[0.75, 0.25]]
                how = output(name, "", kind)
                write_folder(run, how, [classified([record], ("NO", "YES"), scores)])
            listed = tmp_path / "flips.jsonl"
            assert main(["compare", *map(str, runs), f"--flips={listed}"]) == 0
            assert orjson.loads(listed.read_bytes())["id"] in ("1.50", "/w==")
