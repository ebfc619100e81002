"""Runs over files that are empty, skipped, damaged or not understood: each is accounted for."""

import gzip
import json
from pathlib import Path

import pytest

from documents_for_tests import schema_faults
from runinference_metrics.__main__ import main
from runinference_metrics.reading import limits
from runinference_metrics.reading.files import RANGE_BYTES
from runinference_metrics.running import preview


@pytest.fixture(autouse=True)
def _looked_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files change after a launch has looked at them, and only some of many are looked at."""
    monkeypatch.setattr(preview, "chosen", lambda files: [])


# What a terminal or a page would act on.
HOSTILE = "\x1b[31m<b>x\n.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of every kind."""
    found = tmp_path / "in"
    found.mkdir()
    (found / "good.txt").write_text("good film\nbad film\n\n" * 400)
    (found / "empty.txt").write_bytes(b"")
    (found / "blank.txt").write_bytes(b"\n \n")
    (found / "_SUCCESS").write_text("no data\n")
    lines = b"".join(b"a good film, the %d th\n" % number for number in range(2000))
    (found / "broken.txt.gz").write_bytes(gzip.compress(lines)[:-2000])
    (found / HOSTILE).write_text('{"review": "good"}\n' * 3)
    return found


def run(folder: Path, out: Path, model: Path, *more: str) -> int:
    return main(["run", f"--input={folder}/", f"--output={out}", f"--model={model}", *more])


def test_every_file_is_accounted_for(
    folder: Path, tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(folder, out, distilbert) == 1
    err = capsys.readouterr().err
    (line,) = [one for one in err.splitlines() if one.startswith("error: ")]
    assert line.startswith(
        "error: 2 of 6 files could not be read to the end, or gave no row that could be read, more "
        f"than --max_failed_files=0 allows: {folder}/broken.txt.gz (corrupt_file: "
    )
    assert f"; {folder}/\\x1b[31m<b>x .jsonl (missing_text_field: " in line
    # All is there to look at.
    document = json.loads((out / "metrics.json").read_text())
    assert schema_faults(document) == []
    found = document["files"]
    counts = ("found", "read", "empty", "skipped", "failed", "with_results")
    assert [found[name] for name in counts] == [6, 3, 2, 1, 2, 3]
    assert found["skipped_by_reason"] == {"hidden": 1}
    assert found["failed_by_reason"] == {"corrupt_file": 1, "missing_text_field": 1}
    assert found["bytes"] == sum(one.stat().st_size for one in folder.iterdir())
    broken, hostile = found["worst"]
    assert (broken["path"], broken["failed"], broken["rejected"]) == (
        f"{folder}/broken.txt.gz", True, 1,
    )  # fmt: skip
    assert broken["rows"] > 2
    assert (hostile["path"], hostile["rows"], hostile["rejected"]) == (f"{folder}/{HOSTILE}", 3, 3)
    page = (out / "report.html").read_text()
    assert "6 files found = 3 read (2 of them empty) + 1 skipped (hidden 1) + 2 failed" in page
    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page
    capsys.readouterr()
    assert main(["verify", str(out)]) == 0
    assert "6 files found = 3 read + 1 skipped + 2 failed" in capsys.readouterr().out


def test_a_file_of_several_ranges_is_one_file(tmp_path: Path, distilbert: Path) -> None:
    source, out = tmp_path / "in" / "big.txt", tmp_path / "out"
    source.parent.mkdir()
    # All rows of the first range are rejected: alone it would be a lost file.
    long = b"x" * (limits.MAX_TEXT_BYTES + 1) + b"\n"
    bad = 1 + RANGE_BYTES // len(long)
    source.write_bytes(long * bad + b"good film\n")
    assert run(source.parent, out, distilbert, "--max_failure_rate=1") == 0
    found = json.loads((out / "metrics.json").read_text())["files"]
    assert [found[name] for name in ("found", "read", "failed", "with_results")] == [1, 1, 0, 1]
    (worst,) = found["worst"]
    assert (worst["failed"], worst["rows"], worst["rejected"]) == (False, bad + 1, bad)


def test_failed_files_may_be_allowed(
    folder: Path, tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(folder, out, distilbert, "--max_failed_files=2") == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert max(map(len, printed.splitlines())) <= 80
    table = [" ".join(line.split()) for line in printed.splitlines()]
    assert "read 3 (2 empty)" in table
    assert "skipped 1 (hidden 1)" in table
    assert any(line.startswith("failed 2 (corrupt_file 1,") for line in table)
    assert any("broken.txt.gz" in line and "rows rejected" in line for line in table)
    assert main(["compare", str(out), str(out)]) == 0
    assert "files failed" in capsys.readouterr().out


def test_no_limit_allows_a_run_that_predicts_nothing(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text('{"review": "good"}\n' * 3)
    out = tmp_path / "out"
    arguments = ["run", f"--input={tmp_path}/a.jsonl", f"--output={out}", f"--model={distilbert}"]
    assert main([*arguments, "--max_failed_files=9", "--max_failure_rate=1"]) == 1
    assert (
        "error: Nothing was predicted: none of 3 rows got a prediction: missing_text_field 3. See "
        "the dead letters.\n"
    ) in capsys.readouterr().err
    assert len((out / "dead_letters-00000-of-00001.jsonl").read_text().splitlines()) == 3


def test_an_input_of_empty_files_is_no_failure_and_is_told(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"")
    (tmp_path / "in" / "b.txt").write_bytes(b"")
    assert run(tmp_path / "in", tmp_path / "out", distilbert) == 0
    assert "Nothing was predicted: of 2 files, 2 hold no row, and 0 were skipped" in caplog.text
    assert "Nothing was predicted: of 2 files" in capsys.readouterr().out


def test_an_input_of_blank_rows_fails(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The wrong column, more often than not.
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_bytes(b"body,text\ngood,\nbad,\n")
    assert run(tmp_path / "in", tmp_path / "out", distilbert) == 1
    assert "error: Nothing was predicted: all 2 rows are blank." in capsys.readouterr().err
