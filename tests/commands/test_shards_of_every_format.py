"""verify and compare, whatever the format of the predictions."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runinference_metrics.__main__ import main
from runinference_metrics.commands.shard_rows import Shard

FORMATS = ("jsonl", "jsonl.gz", "csv", "csv.gz", "parquet", "avro")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, distilbert: Path) -> Callable[..., Path]:
    """Makes an output folder of a run over sixty rows, three of them dead letters; each once."""
    folder = tmp_path_factory.mktemp("formats")
    source = folder / "in.jsonl"
    texts = ["a good film", 'a "dull", bad\nstory', "fine acting"]
    rows = [{"text": texts[one % 3], "id": one, "stars": one % 5} for one in range(57)]
    lines = [json.dumps(row) for row in rows] + ['{"text": 1}'] * 3
    source.write_text("\n".join(lines) + "\n")
    made: dict[tuple[str, ...], Path] = {}

    def run(*arguments: str) -> Path:
        if arguments not in made:
            out = folder / f"out{len(made)}"
            assert main(["run", f"--input={source}", f"--output={out}", f"--model={distilbert}",
                         "--id_field=id", "--keep_fields=stars", "--max_failure_rate=0.5",
                         *arguments]) == 0  # fmt: skip
            made[arguments] = out
        return made[arguments]

    return run


def predictions(folder: Path) -> Path:
    (found,) = folder.glob("predictions-*")
    return found


@pytest.fixture
def copied(runs: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    return lambda *arguments: Path(shutil.copytree(runs(*arguments), tmp_path / "out"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_folder_of_any_format(
    runs: Callable[..., Path], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = runs(f"--output_format={name}")
    assert predictions(folder).name == f"predictions-00000-of-00001.{name}"
    capsys.readouterr()
    assert main(["verify", str(folder)]) == 0
    assert "The shards are complete, agree with metrics.json, and hold no row twice." in (
        capsys.readouterr().out
    )
    # Each format has the same predictions as the lines of JSON.
    assert main(["compare", str(runs("--output_format=jsonl")), str(folder)]) == 0
    wanted, found = (rows(one) for one in (runs("--output_format=jsonl"), folder))
    assert found == wanted


def rows(folder: Path) -> list[dict[str, Any]]:
    names = ("text", "label", "score", "scores", "source", "position")
    found = []
    for _, row in Shard("predictions", str(predictions(folder))).rows(names):
        assert isinstance(row, dict)
        found.append({name: row[name] for name in names})
    return sorted(found, key=lambda row: row["position"])


def again(path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Writes a shard of Parquet anew."""
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), table.schema), path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows + rows[:1], "row 1 of"),
        (lambda rows: rows[1:], "predictions: metrics.json says 57, the shards have 56"),
        (lambda rows: [{**rows[0], "label": "x"}, *rows[1:]],
         "predictions of x: metrics.json says 0, the shards have 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_columns_is_named(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str],
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], said: str,
) -> None:  # fmt: skip
    folder = copied("--output_format=parquet")
    path = predictions(folder)
    again(path, change)
    assert main(["verify", str(folder)]) == 1
    assert said in capsys.readouterr().out


def test_shards_of_two_formats_are_of_two_runs(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied("--output_format=jsonl")
    path = predictions(folder)
    (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert main(["verify", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert "shards of predictions of several runs: of 00001 (jsonl) and 00001 (jsonl.gz)" in shown


def test_a_lost_shard_is_named_with_its_ending(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied("--output_format=avro", "--output_shards=3")
    (folder / "predictions-00001-of-00003.avro").unlink()
    assert main(["verify", str(folder)]) == 1
    assert "missing: predictions-00001-of-00003.avro" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet", "avro"])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("-text", "hold no row twice"),
        (
            "label,score,id",
            "no source, position by --output_fields=label,score,id: their input "
            "files, whether one is there twice.",
        ),
        ("source,position", "no label by --output_fields=source,position: their labels."),
        (
            "id",
            "no label, source, position by --output_fields=id: their labels, their input files, "
            "whether one is there twice.",
        ),
    ],
)
def test_what_predictions_do_not_have_is_not_compared(
    runs: Callable[..., Path], name: str, fields: str, said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = runs(f"--output_format={name}", f"--output_fields={fields}")
    capsys.readouterr()
    assert main(["verify", str(folder)]) == 0
    assert said in capsys.readouterr().out
    can = fields in ("-text", "label,score,id")
    assert main(["compare", str(folder), str(folder)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert ("rows of both 57" in out) == can
    assert ("Labels are not compared row by row" in out) != can
    if not can:
        # Who asks for it is told that it cannot be.
        assert main(["compare", str(folder), str(folder), "--flips=x.jsonl"]) == 2
        assert f"by --output_fields={fields}" in capsys.readouterr().err


def test_the_best_labels_come_first(runs: Callable[..., Path]) -> None:
    folder = runs("--output_format=jsonl", "--output_fields=label,scores:2")
    for line in predictions(folder).read_text().splitlines():
        row = json.loads(line)
        assert set(row) == {"label", "scores"}
        assert next(iter(row["scores"])) == row["label"]
        assert sorted(row["scores"].values(), reverse=True) == list(row["scores"].values())
        assert len(row["scores"]) == 2
