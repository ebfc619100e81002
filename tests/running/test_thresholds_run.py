"""Thresholds through the whole program: what a scheduler sees of a run that is not good enough."""

import json
from pathlib import Path

import pytest

from conftest import DEMO_MODEL, Program
from documents_for_tests import schema_faults
from engines_for_tests import Prism, prism  # noqa: F401
from runinference_metrics.__main__ import main

pytestmark = [pytest.mark.starts, pytest.mark.timeout(240)]

LOST = "All results are written."


@pytest.fixture
def source(tmp_path: Path, sentences: list[str]) -> Path:
    path = tmp_path / "in.jsonl"
    rows = [{"text": text, "right": at % 2} for at, text in enumerate(sentences)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def flags(source: Path, thresholds: str) -> tuple[str, ...]:
    return (f"--input={source}", f"--model={DEMO_MODEL}", "--label_field=right",
            f"--thresholds={thresholds}")  # fmt: skip


def test_a_threshold_that_fails_has_its_own_exit_code(
    program: Program, source: Path, sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ran = program(*flags(
        source, "accuracy>=99%; num_inferences>=10; warn max(model_byte_size)<5; texts(POSITIVE)>=0"
    ))  # fmt: skip
    assert ran.code == 3
    accuracy = ran.metrics["quality"]["accuracy"]
    assert ran.err.splitlines()[-1] == (
        f"error: 1 of 4 thresholds failed: accuracy>=0.99 (it is {accuracy:.6g}). {LOST}"
    )
    assert "Traceback" not in ran.err
    # Nothing is lost: the table, the report, the predictions.
    assert len(ran.lines("predictions")) == len(sentences)
    assert main(["verify", str(ran.folder)]) == 0, capsys.readouterr()
    assert schema_faults(ran.metrics) == []
    found = [(one["threshold"], one["passed"], one["warns"]) for one in ran.metrics["thresholds"]]
    assert found == [
        ("accuracy>=0.99", False, False),
        ("num_inferences>=10", True, False),
        ("max(model_byte_size)<5", False, True),
        ("texts(POSITIVE)>=0", True, False),
    ]
    table = " ".join(ran.out.split())
    assert "accuracy>=0.99 failed (it is" in table
    assert "num_inferences>=10 passed" in table
    assert "failed (warns only)" in table
    assert "Whether it is good enough" in (ran.folder / "report.html").read_text()


def test_thresholds_that_hold_are_no_failure(
    program: Program, tmp_path: Path, source: Path
) -> None:
    (tmp_path / "kept.yaml").write_text(
        "# What the nightly job keeps.\n- accuracy>=1%  # better than nothing\n"
        "- 'failure_rate<1%'\nwarn accuracy>=99%\n\n"
    )
    ran = program(*flags(source, f"{tmp_path}/kept.yaml"))
    assert ran.code == 0, ran.err
    assert [one["passed"] for one in ran.metrics["thresholds"]] == [True, True, False]


def test_a_job_that_is_not_good_enough_fails_when_all_is_written(
    program: Program, source: Path, sentences: list[str], prism: Prism  # noqa: F811
) -> None:  # fmt: skip
    ran = program(
        *flags(source, "accuracy>=99%"), *prism.flags, "--environment_type=LOOPBACK"
    )  # fmt: skip
    assert ran.code == 3
    assert ran.err.splitlines()[-1].startswith("error: 1 of 1 threshold failed: accuracy>=0.99")
    assert len(ran.lines("predictions")) == len(sentences)
    assert "accuracy>=0.99" in ran.out


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ("acuracy>0.9", "got 'acuracy'; did you mean accuracy?"),
        ("acuracy>0.9", "takes the name of a figure: read, predicted, dead_lettered"),
        ("cost<1", "--thresholds takes cost only with --prices; got 'cost<1'"),
        ("gpu_busy_share>0.5", "takes gpu_busy_share only with --device=GPU; got"),
        ("p95(gpu_compute_micro_secs)<9", "only with --device=GPU; got"),
        ("f1(MAYBE)>0.5", "takes f1 of one of the model's labels (NEGATIVE, POSITIVE); got"),
        ("p96(model_byte_size)>1", "takes the name of a figure"),
        ("accuracy>0.9;;x", "--thresholds takes figures with <, <=, > or >= and a number, such as"),
        ("accuracy", "got 'accuracy': [Errno 2]"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_threshold_that_cannot_be_told_is_refused_before_the_run(
    source: Path, tmp_path: Path, thresholds: str, message: str, command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    arguments = [command, f"--output={tmp_path}/out", *flags(source, thresholds)]
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_accuracy_needs_right_labels(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"--input={source}", f"--model={DEMO_MODEL}",
                 "--thresholds=accuracy>0.9"]) == 2  # fmt: skip
    assert "takes accuracy only with --label_field" in capsys.readouterr().err


def test_report_tells_of_a_run_that_is_done(
    program: Program, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = program(*flags(source, ""))
    assert ran.code == 0, ran.err
    before = (ran.folder / "metrics.json").read_bytes()
    assert main(["report", str(ran.folder), "--thresholds=accuracy>=99%; wall_secs<9999"]) == 3
    said = capsys.readouterr()
    assert "1 of 2 thresholds failed: accuracy>=0.99" in said.err
    assert "Whether it is good enough" in (ran.folder / "report.html").read_text()
    assert (ran.folder / "metrics.json").read_bytes() == before
    assert main(["report", str(ran.folder), "--thresholds=wall_secs<9999"]) == 0
    assert main(["report", str(ran.folder), "--thresholds=f1(NO)>0.5"]) == 3
    assert "f1(NO)>0.5 (not known)" in capsys.readouterr().err
