"""`report` and `compare`, as a user runs them."""

import json
from pathlib import Path
from typing import Any

import pytest

from documents_for_tests import PARAMETERS, make_document
from runinference_metrics.__main__ import main
from runinference_metrics.report.comparison import compare
from runinference_metrics.report.comparison_table import render


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return left_by_a_run(tmp_path / "run", make_document(batches=30))


def left_by_a_run(folder: Path, document: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(document))
    return folder


def test_report_renders_a_folder_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(folder)]) == 0
    first = (folder / "report.html").read_text()
    assert "Over time" in first
    assert "num_inferences" in capsys.readouterr().out
    (folder / "report.html").unlink()
    assert main(["report", str(folder / "metrics.json")]) == 0
    assert (folder / "report.html").read_text() == first
    assert sorted(path.name for path in folder.iterdir()) == ["metrics.json", "report.html"]


def test_report_prices_a_run_afterwards(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"currency": "EUR", "region": "here", "date": "2026-01-31", '
                      '"vcpu_hour": 1, "memory_gb_hour": 0}')  # fmt: skip
    assert main(["report", str(folder), f"--prices={prices}"]) == 0
    hours = json.loads((folder / "metrics.json").read_text())["resources"]["vcpu_hours"]
    assert f"{hours:.3g} EUR (here, prices of" in capsys.readouterr().out
    assert "EUR per million texts" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report"], "report takes either an output folder or --job_id; got neither"),
        (["report", "{tmp}/x", "--job_id=1"], "got both"),
        (["report", "--job_id=1"], "--project takes the project of the job; got nothing"),
        (["report", "{tmp}/none"], "FOLDER takes a file that can be read; got '{tmp}/none/metri"),
        (["report", "{tmp}/a.json"], "which is no JSON"),
        (["report", "{tmp}/b.json"], "which is not one of this program's"),
        (["report", "{tmp}/old.json"], "of version 1"),
        (["report", "{tmp}/x", "--prices={tmp}/none"], "--prices takes a file that can be read"),
        (["compare", "{tmp}/x"], "RUN takes two or more runs; got one"),
        (["compare", "{tmp}/x", "{tmp}/y"], "RUN takes a file that can be read"),
        (["compare"], "RUN"),
        (["report", "--colour=red", "{tmp}/x"], "--colour=red"),
    ],
)
def test_wrong_input_ends_with_code_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text("[]")
    (tmp_path / "old.json").write_text(json.dumps(make_document() | {"schema_version": 1}))
    assert main([one.replace("{tmp}", str(tmp_path)) for one in arguments]) == 2
    err = capsys.readouterr().err
    assert message.replace("{tmp}", str(tmp_path)) in err
    assert err.count("\n") == 1


def test_compare_shows_ratios_differences_and_warnings(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_document(
        batches=30, parameters=PARAMETERS | {"device": "GPU", "model": "<b>m</b>"}, seed=2
    )
    slower = left_by_a_run(tmp_path / "other", other)
    page = tmp_path / "comparison.html"
    assert main(["compare", str(folder), str(slower), f"--html={page}"]) == 0
    out = capsys.readouterr().out
    assert "warning: The runs did not do the same work: their input texts differ." in out
    assert out.index("Differences") < out.index("Figures")
    assert "GPU" in out[out.index("Differences") : out.index("Figures")]
    assert "&lt;b&gt;m&lt;/b&gt;" in page.read_text()
    assert "<b>m</b>" not in page.read_text()


def test_the_ratio_and_the_verdict_are_those_of_the_figures() -> None:
    one, two = make_document(batches=30), make_document(batches=30)
    two["derived"] = one["derived"] | {
        "texts_per_wall_sec": one["derived"]["texts_per_wall_sec"] * 3,
        "total_inference_secs": one["derived"]["total_inference_secs"] * 1.5,
    }
    found = compare([one, two], ["a", "b"])
    cells = {name: cells[1] for name, cells in found.rows}
    assert (cells["texts_per_wall_sec"].ratio, cells["texts_per_wall_sec"].verdict) == (
        "3.00x", "better",
    )  # fmt: skip
    assert (cells["total_inference_secs"].ratio, cells["total_inference_secs"].verdict) == (
        "1.50x", "worse",
    )  # fmt: skip
    assert cells["wall_secs"].verdict == ""
    assert found.warnings == []
    assert found.differences == []


@pytest.mark.parametrize("name", ["model_digest", "max_length"])
def test_other_work_is_warned_of(name: str) -> None:
    one, two = make_document(batches=3), make_document(batches=3)
    two["run"]["effective"] = [two["run"]["effective"][0] | {name: "sha256:" + "1" * 64}]
    (warning,) = compare([one, two], ["a", "b"]).warnings
    assert ("model" if name == "model_digest" else name) in warning


def test_runs_without_texts_can_be_compared() -> None:
    found = compare([make_document(), make_document(batches=2), make_document()], ["a", "b", "c"])
    assert any("not known for every run" in one for one in found.warnings)
    assert "3 runs compared" in render(found)


def test_a_folder_in_other_clothes_is_the_same(folder: Path) -> None:
    assert main(["report", f" 'file://{folder}' "]) == 0
    assert (folder / "report.html").exists()
    page = folder.parent / "compared.html"
    assert main(["compare", f"file://{folder}", str(folder), f"--html='{page}'"]) == 0
    assert page.exists()


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["report", "s3://b/out"], "FOLDER"),
        (["report", ".", "--prices=hdfs://b/p.yaml"], "--prices"),
        (["report", "--job_id=1", "--output=https://example.com/out"], "--output"),
        (["compare", "gs:/a/out", "s3://b/out"], "RUN"),
        (["compare", "a", "b", "--html=s3://b/c.html"], "--html"),
        (["verify", "s3://b/out"], "FOLDER"),
    ],
)
def test_a_place_that_is_not_taken_is_one_line(
    arguments: list[str], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {flag} takes local paths and addresses such as gs://")
    assert error.count("\n") == 1
