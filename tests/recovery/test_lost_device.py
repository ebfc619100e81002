"""A process whose GPU is lost: ended where a runner starts it again, left alone elsewhere."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from fakes_for_tests import FakeHandler, FaultPlan
from runinference_metrics import pipeline
from runinference_metrics.options import command_line
from runinference_metrics.records.record import Record, RecordBatch
from runinference_metrics.recovery.lost_device import ending_with_device
from runinference_metrics.running import run as program

# Python's thread ends with an exception alone; the process must end with the thread.
WORKER = """
import logging, sys, threading, time
sys.path += ["tests", "tests/recovery"]
from fakes_for_tests import FakeHandler, FaultPlan
from test_lost_device import BATCH

class Remote(logging.Handler):
    def emit(self, record):
        self.kept = record.getMessage()
    def close(self):
        print("sent:", self.kept, flush=True)
        {waits}

logging.getLogger().addHandler(Remote())
handler = FakeHandler(FaultPlan(device_lost_at={at}), "lost", ends_with_device=True)
def work():
    model = handler.load_model()
    print("loaded", flush=True)
    handler.run_inference(BATCH, model)
threading.Thread(target=work).start()
time.sleep(60)
"""
BATCH = RecordBatch.of([Record("a good film", "f.txt", 1)])
HANGING = """
import sys
sys.path += ["tests", "tests/recovery"]
from fakes_for_tests import FakeHandler, FaultPlan
from test_lost_device import BATCH

plan = FaultPlan(hang="good")
handler = FakeHandler(plan, "hung", "GPU", timeout_secs=0.3, ends_with_device=True)
handler.run_inference(BATCH, handler.load_model())
"""


@pytest.mark.starts
@pytest.mark.parametrize(("at", "loaded"), [(1, ""), (2, "loaded\n")])
def test_the_process_ends_and_says_why(at: int, loaded: str) -> None:
    code = WORKER.format(at=at, waits="")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=50
    )
    said = (
        "The GPU is lost to this process (RuntimeError: CUDA error: device-side assert triggered). "
        "The process ends, so that the runner starts another and repeats the bundle."
    )
    assert done.returncode == 1
    assert done.stdout == f"{loaded}sent: {said}\n"
    assert said in done.stderr


@pytest.mark.starts
def test_a_service_that_takes_no_logs_does_not_keep_the_process() -> None:
    code = WORKER.format(at=1, waits="time.sleep(60)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, timeout=50)
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("ends", "error"),
    [
        (False, RuntimeError("CUDA error: device-side assert triggered")),
        # Other processes may give back what this one lacks.
        (True, RuntimeError("CUDA error: out of memory")),
        (True, ValueError("nothing of the device's")),
    ],
)
def test_other_errors_are_passed_on(ends: bool, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), ending_with_device(ends):
        raise error


def test_locally_the_run_fails_instead() -> None:
    handler = FakeHandler(FaultPlan(device_lost_at=1), "here")
    with pytest.raises(RuntimeError, match="device-side assert"):
        handler.load_model()


@pytest.mark.parametrize(
    ("arguments", "ends"),
    [([], False), (["--runner=PortableRunner", "--job_endpoint=embed"], True)],
)
def test_only_launched_jobs_end_their_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], ends: bool
) -> None:
    class Built(Exception):
        pass

    plans: list[pipeline.Plan] = []

    def build(_: Any, plan: pipeline.Plan) -> None:
        plans.append(plan)
        raise Built

    monkeypatch.setattr(pipeline, "build", build)
    (tmp_path / "in.txt").write_text("good\n")
    settings, rest = command_line.parse(
        [f"--input={tmp_path / 'in.txt'}", f"--output={tmp_path / 'out'}", *arguments]
    )
    with pytest.raises(Built):
        program.run(settings, rest)
    assert plans[0].handler._ends_with_device is ends


@pytest.mark.starts
def test_a_gpu_that_hangs_ends_the_process_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, cwd=ROOT, timeout=50
    )
    assert done.returncode == 1
    assert "The GPU is lost to this process (HungDevice: The GPU gave no answer" in done.stderr
