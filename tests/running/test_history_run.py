"""A history through the whole program: what each run adds, what is refused, what is drawn."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from buckets_for_tests import emulated
from conftest import DEMO_MODEL, Program
from documents_for_tests import make_document, schema_faults
from engines_for_tests import Prism, prism  # noqa: F401
from generations_for_tests import BUCKET, counting
from runinference_metrics.__main__ import main
from runinference_metrics.errors import RunFailed, ThresholdsFailed
from runinference_metrics.metrics.accounts import Limits
from runinference_metrics.metrics.figures import figures
from runinference_metrics.metrics.history import past_run
from runinference_metrics.metrics.summary import Summary
from runinference_metrics.records.events import Began, DeadLettered, FileFound, PartRead
from runinference_metrics.records.history import PastRun
from runinference_metrics.records.threshold import Threshold
from runinference_metrics.running import history as at_launch
from runinference_metrics.writing.history import HistoryFile
from runinference_metrics.writing.summary import _WriteSummaryFn

FACTS: dict[str, Any] = {
    "job": "nightly", "labels": {"team": "nlp"}, "runner": "DirectRunner", "version": "0",
    "beam_version": "2", "python_version": "3",
}  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.jsonl"
    path.parent.mkdir()
    rows = [{"text": f"a film of the year {at}", "right": at % 2} for at in range(40)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def runs(path: Path) -> list[PastRun]:
    """What stands in a history; each line must be one."""
    found = [PastRun.parse(line) for line in path.read_bytes().splitlines()]
    assert None not in found
    return [one for one in found if one]


@pytest.mark.starts
@pytest.mark.timeout(240)
def test_each_run_adds_a_line_and_report_draws_them(
    program: Program, tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "history" / "runs.jsonl"
    flags = (
        f"--input={source}", f"--model={DEMO_MODEL}", f"--history={path}", "--label_field=right",
        "--labels=team=nlp", '--labels={"env": "prod"}',
    )  # fmt: skip
    first = program(*flags, "--thresholds=warn accuracy>=99%")
    assert first.code == 0, first.err
    second = program(*flags, "--thresholds=accuracy>=99%; read>=1", output="other")
    assert second.code == 3
    found = runs(path)
    assert [one.output for one in found] == [str(first.folder), str(second.folder)]
    for one, ran in zip(found, (first, second), strict=True):
        assert schema_faults(ran.metrics) == []
        assert ran.metrics["run"]["labels"] == {"team": "nlp", "env": "prod"}
        assert ran.metrics["run"]["failure"] is None
        assert one == past_run(ran.metrics)
        assert one.labels == {"team": "nlp", "env": "prod"}
        known = {name: value for name, value in figures(ran.metrics).items() if value is not None}
        assert one.figures == known
        assert "env=prod, team=nlp" in " ".join(ran.out.split())
        assert "labels env=prod, team=nlp" in (ran.folder / "report.html").read_text()
    assert [one.ok for one in found] == [True, False]
    assert found[0].failure is None
    assert second.err.splitlines()[-1] == f"error: {found[1].failure}"
    assert found[1].thresholds == (
        {"threshold": "accuracy>=0.99", "passed": False, "warns": False},
        {"threshold": "read>=1", "passed": True, "warns": False},
    )
    # None of the texts is there.
    assert "film" not in path.read_text()
    capsys.readouterr()
    # A line that is there is not added again; one that is not, is, as the run itself had it.
    for ran in (first, second):
        assert main(["report", str(ran.folder), f"--history={path}"]) == 0
        assert f"Already in {path}" in capsys.readouterr().out
    again = tmp_path / "again.jsonl"
    for ran in (first, second):
        assert main(["report", str(ran.folder), f"--history={again}"]) == 0
    assert runs(again) == found
    assert main(["report", str(path)]) == 0
    out = capsys.readouterr().out
    assert "2 runs from" in out
    assert "1 of 2 thresholds failed: accuracy" in " ".join(out.split())
    assert "1 failed" in (tmp_path / "history" / "runs.html").read_text()
    assert main(["report", str(path), f"--html={tmp_path}/page.html"]) == 0
    assert (tmp_path / "page.html").is_file()


@pytest.mark.starts
@pytest.mark.timeout(240)
def test_a_run_whose_line_cannot_be_added_says_so_and_is_whole(
    program: Program, tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    # Writable, as far as can be seen before; but no line of it can be.
    os.symlink("/dev/full", path)
    ran = program(f"--input={source}", f"--model={DEMO_MODEL}", f"--history={path}")
    assert ran.code == 2
    assert "which is a device or a pipe" in ran.err
    path.unlink()
    # In the launcher's eyes it is there; the pipeline finds that it is not.
    code = (
        "import os, sys\n"
        "from runinference_metrics.writing import appending\n"
        "def full(*_): raise OSError(28, 'No space left on device')\n"
        "appending._append_to_locked = full\n"
        "from runinference_metrics.__main__ import main\n"
        "sys.exit(main(['run', *sys.argv[1:]]))\n"
    )
    ran = program(
        f"--input={source}", f"--model={DEMO_MODEL}", f"--history={path}", command=("-c", code)
    )
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == (
        f"error: The run's line could not be added to {path} ([Errno 28] No space left on device); "
        "results and metrics.json are written. Once that is mended, add it with "
        f"`report {ran.folder} --history={path}`."
    )
    assert "Traceback" not in ran.err
    assert main(["verify", str(ran.folder)]) == 0
    assert main(["report", str(ran.folder), f"--history={path}"]) == 0
    assert [one.output for one in runs(path)] == [str(ran.folder)]


@pytest.mark.starts
@pytest.mark.timeout(240)
def test_a_job_adds_its_line_on_the_worker(
    program: Program, tmp_path: Path, source: Path, prism: Prism  # noqa: F811
) -> None:  # fmt: skip
    path = tmp_path / "runs.jsonl"
    ran = program(
        f"--input={source}", f"--model={DEMO_MODEL}", f"--history={path}", *prism.flags,
        "--environment_type=LOOPBACK",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert runs(path) == [past_run(ran.metrics)]


@pytest.mark.starts
@pytest.mark.timeout(240)
def test_a_run_adds_its_line_in_a_bucket(tmp_path: Path, source: Path) -> None:
    with counting() as bucket:
        somebodys = make_document(batches=1)
        bucket.put("runs.jsonl", past_run(somebodys).as_line())
        flags = (f"--model={DEMO_MODEL}", f"--history=gs://{BUCKET}/runs.jsonl")
        assert main(["run", f"--input={source}", f"--output={tmp_path}/out", *flags]) == 0
        content, generation = bucket.objects["runs.jsonl"]
    assert generation == 2
    document = json.loads((tmp_path / "out" / "metrics.json").read_text())
    lines = [PastRun.parse(line) for line in content.splitlines()]
    assert lines == [past_run(somebodys), past_run(document)]


def summary(dead: int) -> Summary:
    """Of a run that lost so many of a hundred rows."""
    found = Summary()
    found.add(Began(1_790_000_000_000_000))
    for _ in range(dead):
        found.add(DeadLettered("malformed_json"))
    found.add(FileFound(1000))
    found.add(PartRead("a.txt", dead, 0))
    return found


def writer(tmp_path: Path, thresholds: tuple[Threshold, ...], history: str) -> _WriteSummaryFn:
    facts = {**FACTS, "parameters": {"device": "CPU", "output": str(tmp_path), "model": "m"}}
    histories = [HistoryFile(history)] if history else []
    return _WriteSummaryFn(str(tmp_path), facts, None, thresholds, Limits(0.05, 0), histories)


def test_trying_the_last_step_again_adds_no_line(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    for _ in range(4):
        with pytest.raises(RunFailed, match="100 of 100 rows"):
            writer(tmp_path, (), str(path)).process(summary(100))
    (one,) = runs(path)
    assert not one.ok
    assert one.failure is not None
    assert one.failure.startswith("100 of 100 rows (100.0%) got no prediction, more than")
    document = json.loads((tmp_path / "metrics.json").read_text())
    assert document["run"]["failure"] == one.failure
    assert "The run failed." in (tmp_path / "report.html").read_text()
    # The last attempt ended later; it is the same run.
    assert one.key == past_run(document).key


def test_a_run_that_fails_twice_says_both(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = f"{tmp_path}/file/runs.jsonl"
    with pytest.raises(ThresholdsFailed) as failed:
        writer(tmp_path, (Threshold("read", ">", 1),), path).process(summary(0))
    assert str(failed.value).startswith("1 of 1 threshold failed: read>1 (it is 0). All results")
    assert f"line could not be added to {path}" in str(failed.value)


def test_no_secret_gets_into_a_history(tmp_path: Path) -> None:
    document = make_document(batches=1)
    document["run"]["labels"] = {"address": "https://a/b?token=abcdefgh"}
    document["run"]["failure"] = "https://a/b?X-Goog-Signature=abcdefgh failed"
    document["run"]["parameters"] = {"output": "https://u:abcdefgh@h/", "model": "x?key=abcdefgh"}
    assert b"abcdefgh" not in past_run(document).as_line()


ANOTHER = make_document(batches=1)
LINE = past_run(ANOTHER).as_line()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("runs.txt", None, "--history takes a .jsonl file or a table, or nothing; got"),
        (
            "folder.jsonl",
            "folder",
            "--history takes a .jsonl file; got {}, which is a folder",
        ),
        ("in/runs.jsonl", None, "takes a file that no pattern of --input matches; got {}, which"),
        ("in/a.jsonl", None, "takes a file that no pattern of --input matches; got {}, which"),
        ("out/predictions-1-of-2.jsonl", None, "takes a file that is no result in --output"),
        ("rows.jsonl", b'{"text": "a"}\n', "or one with lines of earlier runs; got {}, in which"),
        ("rows.jsonl", b"\xff\xfe\n" + LINE[:99], "one with lines of earlier runs; got {}, in"),
        ("file/runs.jsonl", None, "takes a file in a folder; got {}, but '"),
        ("gs://results/a/", None, "--history takes a .jsonl file or a table, or nothing; got"),
        ("gs://results/rows.jsonl", None, "lines of earlier runs; got 'gs://results/rows.jsonl'"),
        ("gs://none/runs.jsonl", None, "takes a file that can be read and written; got 'gs://none"),
        ("s3://results/runs.jsonl", None, "takes local paths and addresses such as gs://bucket"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_what_is_no_history_is_refused_before_the_run(
    tmp_path: Path, source: Path, name: str, content: bytes | str | None, message: str,
    command: str, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = name if "://" in name else f"{tmp_path}/{name}"
    (tmp_path / "file").write_text("")
    if isinstance(content, bytes):
        Path(path).write_bytes(content)
    elif content:
        Path(path).mkdir()
    arguments = [command, f"--input={source.parent}/*.jsonl", f"--output={tmp_path}/out",
                 f"--model={DEMO_MODEL}", f"--history={path}"]  # fmt: skip
    with emulated("results", {"rows.jsonl": b'{"text": "a"}\n'}):
        assert main(arguments) == 2
    assert message.format(repr(path)) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [None, b"", b"\n", LINE, LINE[:99] + b"\n" + LINE, LINE[:-1]])
def test_what_is_one_or_will_be_is_taken(
    tmp_path: Path, source: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "runs.jsonl"
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    assert main(["check", f"--input={source}", f"--output={tmp_path}/out",
                 f"--model={DEMO_MODEL}", f"--history={path}"]) == 0  # fmt: skip
    # Nothing is written.
    assert path.exists() == (content is not None)
    with emulated("results", {} if content is None else {"runs.jsonl": content}):
        assert main(["check", f"--input={source}", f"--model={DEMO_MODEL}",
                     "--history=gs://results/runs.jsonl"]) == 0  # fmt: skip


def test_one_that_has_grown_too_large_is_refused(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(LINE)
    # A file with a hole, which takes no room.
    os.truncate(path, (64 << 20) + 1)
    assert main(["check", f"--input={source}", f"--model={DEMO_MODEL}",
                 f"--history={path}"]) == 2  # fmt: skip
    assert "takes a file of up to 64 MiB: begin a new one; got" in capsys.readouterr().err


def test_a_job_whose_line_is_not_here_has_failed(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(LINE)
    at_launch.check_added(str(path), ANOTHER, None)
    with pytest.raises(RunFailed, match="its workers wrote it to a disk of their own"):
        at_launch.check_added(str(tmp_path / "none.jsonl"), ANOTHER, None)
    lost = make_document(batches=1, seed=2)
    with pytest.raises(ThresholdsFailed, match=r"accuracy is low\. The job's line is not in"):
        at_launch.check_added(str(path), lost, ThresholdsFailed("accuracy is low."))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{}/none.jsonl"], "--FOLDER takes a file that can be read"),
        (["{}/empty.jsonl"], "a history to which a run has added its line; got"),
        (["{}/rows.jsonl"], "in which there is no line of a run"),
        (["{}/runs.jsonl", "--thresholds=read>1"], "--thresholds takes an output folder as FOLDER"),
        (["{}/runs.jsonl", "--history={}/b.jsonl"], "--history takes an output folder as FOLDER"),
        (["{}/runs.jsonl", "--job_id=1"], "--job_id takes no FOLDER beside it; got"),
        (["{}", "--html={}/a.html"], "--html takes a file where FOLDER is a history"),
        (["{}", "--history={}/runs.txt"], "--history takes a .jsonl file or a table; got"),
        (["--job_id=1", "--history={}/runs.jsonl"], "--history takes a run of FOLDER"),
        (["{}/api", "--history={}/runs.jsonl"], "whose metrics.json the run itself has written"),
        (["{}", "--history={}/rows.jsonl"], "one with lines of earlier runs"),
    ],
)
def test_what_report_refuses(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "runs.jsonl").write_bytes(LINE)
    (tmp_path / "metrics.json").write_text(json.dumps(ANOTHER))
    (tmp_path / "api").mkdir()
    of_api = {**ANOTHER, "run": {**ANOTHER["run"], "source": "dataflow_api"}}
    (tmp_path / "api" / "metrics.json").write_text(json.dumps(of_api))
    assert main(["report", *(one.format(tmp_path) for one in arguments)]) == 2
    assert message.removeprefix("--FOLDER") in capsys.readouterr().err


def test_damaged_lines_are_told_and_the_others_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(LINE + b"{}\n" + LINE[:80] + b"\n")
    assert main(["report", str(path)]) == 0
    out = capsys.readouterr().out
    assert "2 lines are no run's and are left out; the first is line 2." in out
    assert "1 run, of 2026-09-21" in out
    assert "the first is line 2." in (tmp_path / "runs.html").read_text()


def test_a_history_in_a_bucket_is_drawn_beside_it() -> None:
    with emulated("results", {"a/runs.jsonl": LINE}):
        assert main(["report", "gs://results/a/runs.jsonl"]) == 0
        assert main(["report", "gs://results/a/runs.html.jsonl"]) == 2
        from runinference_metrics.writing import documents

        assert b"Classification runs over time" in documents.content(
            "gs://results/a/runs.html", "FOLDER"
        )
