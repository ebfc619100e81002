"""A worker process that dies in the middle of its work, on the local runner with several of them.

Beam's FnApiRunner does not replace a worker that dies: the run must fail, say so in its last line,
and leave nothing half-written; and a run after it must have everything. (Dataflow starts the
process again and repeats its bundles.)
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import read

from conftest import ROOT
from runinference_metrics.__main__ import main

pytestmark = pytest.mark.starts

ROWS = 6_000


def processes_below(process: int) -> Iterator[int]:
    """All processes that a process has started, and theirs."""
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        for child in path.read_text().split():
            yield int(child)
            yield from processes_below(int(child))


def workers_of(process: int) -> list[int]:
    """Its SDK worker processes, without the shells around them."""
    found = []
    for child in processes_below(process):
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"apache_beam.runners.worker.sdk_worker_main" in command:
            found.append(child)
    return found


def arguments(source: Path, output: Path) -> list[str]:
    return ["run", f"--input={source}/*", f"--output={output}", "--max_batch_size=100",
            "--precision=float32"]  # fmt: skip


def start(source: Path, output: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runinference_metrics", *arguments(source, output),
         "--direct_running_mode=multi_processing", "--direct_num_workers=2"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(4):
        lines = (f"a fine film, and a long one, number {row}\n" for row in range(ROWS // 4))
        (folder / f"{number}.txt").write_text("".join(lines))
    return folder


def test_a_killed_worker_fails_the_run_and_the_next_run_has_everything(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    process = start(source, output)
    try:
        deadline = time.monotonic() + 120
        # A shard that is open means that a bundle with inference is under way.
        while not list(output.glob("beam-temp-predictions-*/*")):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        victim = workers_of(process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        _, err = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 1
    assert (
        err.strip()
        .splitlines()[-1]
        .startswith("error: The run failed: a worker process died in the middle of its work.")
    )
    assert list(output.iterdir()) == []

    assert main(arguments(source, output)) == 0, capsys.readouterr().err
    found = read(str(output))
    found.check()
    assert found.letters == {}
    names = [f"{number}.txt" for number in range(4)]
    assert found.predictions.keys() == {
        (name, row) for name in names for row in range(1, ROWS // 4 + 1)
    }
