import json
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
import torch

from conftest import ROOT, Program
from runinference_metrics.classifier import gpu
from runinference_metrics.classifier.gpu import GpuMonitor
from runinference_metrics.inference.process import process_age_milli_secs
from runinference_metrics.metrics import document
from runinference_metrics.metrics.summary import Summary
from runinference_metrics.records.measured import GpuSample
from runinference_metrics.records.startup import Startup


@pytest.mark.starts
def test_a_process_knows_its_age() -> None:
    script = (
        "import time; time.sleep(0.3)\n"
        "from runinference_metrics.inference.process import process_age_milli_secs as age\n"
        "print(age())"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    whole = (time.monotonic() - started) * 1000
    # The kernel counts a process's start in hundredths of a second.
    assert 290 <= int(done.stdout) <= whole + 10


def test_without_proc_the_age_counts_from_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", unreadable)
    assert 0 <= process_age_milli_secs() < 3_600_000


def test_the_parts_of_a_start_add_up() -> None:
    assert Startup(100, 20, 3).by_name() == {
        "before_load_milli_secs": 100, "first_pass_milli_secs": 3, "to_first_pass_milli_secs": 123,
    }  # fmt: skip


def test_every_process_reports_its_start_once(program: Program) -> None:
    ran = program(
        "--input=samples/", "--direct_num_workers=2", "--direct_running_mode=multi_processing",
        "--min_batch_size=1", "--max_batch_size=2",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    document = ran.metrics
    startup = document["startup"]
    load = document["runinference"]["load_model_latency_milli_secs"]
    counts = {values["count"] for values in startup.values()}
    assert counts == {load["count"]} == {len(document["workers"])}
    parts = startup["before_load_milli_secs"]["sum"] + startup["first_pass_milli_secs"]["sum"]
    assert startup["to_first_pass_milli_secs"]["sum"] == parts + load["sum"]
    # Importing torch, transformers and Beam takes its time.
    assert startup["before_load_milli_secs"]["min"] > 200
    assert document["gpu"] is None


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_the_gpu_is_asked_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "utilization", lambda: 73)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 5_000)
    clock = Clock()
    monitor = GpuMonitor(clock)
    assert monitor.sample() == GpuSample(73, 5_000)
    clock.now += gpu._SAMPLE_EVERY_SECS / 2
    assert monitor.sample() is None
    clock.now += gpu._SAMPLE_EVERY_SECS / 2
    assert monitor.sample() == GpuSample(73, 5_000)


def test_a_driver_that_does_not_answer_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> int:
        raise RuntimeError("Driver Not Loaded")

    monkeypatch.setattr(torch.cuda, "utilization", fails)
    clock = Clock()
    monitor = GpuMonitor(clock)
    for _ in range(3):
        assert monitor.sample() is None
        clock.now += 10
    assert caplog.text.count("utilisation is not known here: Driver Not Loaded") == 1


def test_samples_of_gpus_become_shares() -> None:
    left, right = Summary(), Summary()
    left._add_gpu(GpuSample(40, 7))
    right._add_gpu(GpuSample(80, 9))
    right._add_gpu(None)
    left.merge(right)
    found = document._gpu(left)
    assert found is not None
    seen = {name: found[name] for name in ("samples", "utilization", "peak_memory_bytes")}
    assert seen == {"samples": 2, "utilization": pytest.approx(0.6), "peak_memory_bytes": 9}
    assert (found["busy_share"], found["waited_share"], found["launching_share"]) == (None,) * 3
    schema = json.loads((ROOT / "src/runinference_metrics/metrics/metrics.schema.json").read_text())
    jsonschema.validate(found, schema["properties"]["gpu"] | {"$defs": schema["$defs"]})
    assert document._gpu(Summary()) is None
