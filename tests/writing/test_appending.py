"""Lines of many runs in one file: nobody's is lost, nobody's is there twice."""

import dataclasses
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from buckets_for_tests import emulated
from documents_for_tests import make_document
from generations_for_tests import BUCKET, Bucket, counting
from runinference_metrics.errors import RunFailed
from runinference_metrics.metrics.history import past_run
from runinference_metrics.records.history import PastRun
from runinference_metrics.writing import appending, history

RUN = past_run(make_document(batches=2))
OBJECT = f"gs://{BUCKET}/a/runs.jsonl"
WRITERS, LINES = 8, 25


def run(number: int) -> PastRun:
    return dataclasses.replace(RUN, output=f"out-{number}")


def outputs(content: bytes) -> list[str]:
    """Whose lines there are; each must be whole."""
    return [json.loads(line)["output"] for line in content.splitlines()]


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with counting() as found:
        yield found


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "_FIRST_PAUSE_SECS", 0.01)


def test_a_run_is_there_once_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "new" / "runs.jsonl"
    assert history.append(str(path), run(1))
    assert history.append(str(path), run(2))
    assert not history.append(str(path), run(1))
    # As when the step is repeated: it ended at another time.
    assert not history.append(str(path), dataclasses.replace(run(2), wall_secs=99.0))
    assert outputs(path.read_bytes()) == ["out-1", "out-2"]
    found = history.read(str(path), "FOLDER")
    assert found.runs == (run(1), run(2))
    assert found.damaged == 0


def test_a_last_line_that_nobody_ended_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    whole = run(1).as_line()
    for torn in (whole[:-1], whole[:50]):
        path.write_bytes(torn)
        assert history.append(str(path), run(2))
        assert path.read_bytes() == torn + b"\n" + run(2).as_line()


@pytest.mark.starts
def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    assert history.append(str(path), run(1))
    before = path.read_bytes()
    # The limit on a file's size stands in for the disk's.
    code = (
        "import resource, signal, sys\n"
        "from runinference_metrics.records.history import PastRun\n"
        "from runinference_metrics.writing import history\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 100},) * 2)\n"
        "history.append(sys.argv[1], PastRun.parse(sys.stdin.buffer.read()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], input=run(2).as_line(), capture_output=True
    )
    assert b"could not be added" in done.stderr
    assert b"File too large" in done.stderr
    assert path.read_bytes() == before


def add_lines(path: str, writer: int) -> None:
    for number in range(LINES):
        assert history.append(path, run(1000 * writer + number))


@pytest.mark.starts
def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    # Not forked: threads of Beam's may run in this process.
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_lines, args=(str(path), one)) for one in range(WRITERS)]
    for one in writers:
        one.start()
    for one in writers:
        one.join(120)
    assert [one.exitcode for one in writers] == [0] * WRITERS
    found = outputs(path.read_bytes())
    assert len(found) == WRITERS * LINES
    assert set(found) == {f"out-{1000 * w + n}" for w in range(WRITERS) for n in range(LINES)}


def test_who_waits_while_the_file_is_moved_away_writes_to_the_new_one(tmp_path: Path) -> None:
    path, moved = tmp_path / "runs.jsonl", tmp_path / "old.jsonl"
    with ThreadPoolExecutor() as pool, open(path, "a+b") as held:
        appending.fcntl.flock(held, appending.fcntl.LOCK_EX)
        waiting = pool.submit(history.append, str(path), run(1))
        # It waits for the lock, or has not opened the file yet: right both times.
        threading.Event().wait(0.2)
        os.rename(path, moved)
        appending.fcntl.flock(held, appending.fcntl.LOCK_UN)
        assert waiting.result(10)
    assert outputs(path.read_bytes()) == ["out-1"]
    assert moved.read_bytes() == b""


def test_what_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "file" / "runs.jsonl"
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFailed) as failed:
        history.append(str(path), run(1))
    assert str(failed.value) == (
        f"The run's line could not be added to {path} ([Errno 17] File exists: "
        f"'{tmp_path}/file'); results and metrics.json are written. Once that is mended, add it "
        f"with `report out-1 --history={path}`."
    )


def test_an_object_gets_a_line_more(bucket: Bucket) -> None:
    assert history.append(OBJECT, run(1))
    assert history.append(OBJECT, run(2))
    assert not history.append(OBJECT, run(1))
    assert outputs(bucket.objects["a/runs.jsonl"][0]) == ["out-1", "out-2"]
    bucket.put("a/runs.jsonl", run(3).as_line()[:-1])
    assert history.append(OBJECT, run(4))
    assert outputs(bucket.objects["a/runs.jsonl"][0]) == ["out-3", "out-4"]


def test_who_comes_between_reading_and_writing_is_not_overwritten(
    bucket: Bucket, no_pauses: None
) -> None:
    others = iter(range(100, 103))

    def somebody_comes_first() -> None:
        if (other := next(others, None)) is not None:
            content, _ = bucket.objects.get("a/runs.jsonl", (b"", 0))
            bucket.put("a/runs.jsonl", content + run(other).as_line())

    bucket.before_write = somebody_comes_first
    assert history.append(OBJECT, run(1))
    assert bucket.refused == 3
    assert outputs(bucket.objects["a/runs.jsonl"][0]) == ["out-100", "out-101", "out-102", "out-1"]


def test_many_that_write_an_object_at_once_lose_nothing(bucket: Bucket, no_pauses: None) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        assert all(pool.map(lambda number: history.append(OBJECT, run(number)), range(24)))
    assert sorted(outputs(bucket.objects["a/runs.jsonl"][0])) == sorted(
        f"out-{number}" for number in range(24)
    )
    # Otherwise nothing was tried.
    assert bucket.refused > 0


def test_a_write_whose_answer_was_lost_is_not_done_twice(bucket: Bucket, no_pauses: None) -> None:
    bucket.answers_lost = 1
    # The client tries again, and is told that the object is another by now: its own.
    assert not history.append(OBJECT, run(1))
    assert outputs(bucket.objects["a/runs.jsonl"][0]) == ["out-1"]


def test_a_service_that_is_busy_is_asked_again(bucket: Bucket, no_pauses: None) -> None:
    bucket.plan = [412, 412]
    assert history.append(OBJECT, run(1))
    assert outputs(bucket.objects["a/runs.jsonl"][0]) == ["out-1"]


def test_patience_ends(bucket: Bucket, no_pauses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "PATIENCE_SECS", 0.05)
    bucket.plan = [412] * 1000
    with pytest.raises(RunFailed, match="could not be added to gs://counted/a/"):
        history.append(OBJECT, run(1))


@pytest.mark.parametrize(("plan", "path"), [([403], OBJECT), ([404], "gs://none/runs.jsonl")])
def test_what_a_bucket_refuses_is_said(bucket: Bucket, plan: list[int], path: str) -> None:
    bucket.plan = plan
    with pytest.raises(RunFailed, match=rf"could not be added to {path} .*--history={path}"):
        history.append(path, run(1))


def test_an_emulated_bucket_takes_lines_too() -> None:
    with emulated("results", {"runs.jsonl": run(1).as_line()}):
        path = "gs://results/runs.jsonl"
        assert history.append(path, run(2))
        assert not history.append(path, run(2))
        assert history.read(path, "FOLDER").runs == (run(1), run(2))
        found = history.beginning(path)
        assert found is not None
        assert found[0].runs == (run(1), run(2))
        assert history.beginning("gs://results/runs") is None
