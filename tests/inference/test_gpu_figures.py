"""What a GPU did: asked of its driver, counted by its clock, and said in the report."""

import json
import random
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
import torch

from conftest import ROOT
from documents_for_tests import make_batch, make_document
from runinference_metrics.classifier import gpu
from runinference_metrics.classifier.gpu import GpuMonitor
from runinference_metrics.metrics import document
from runinference_metrics.metrics.distribution import Distribution
from runinference_metrics.metrics.summary import Summary
from runinference_metrics.records import names
from runinference_metrics.records.measured import GpuSample, GpuTime
from runinference_metrics.report.advice import advice
from runinference_metrics.report.page import render
from runinference_metrics.report.table import print_table


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


def on_a_gpu(rng: random.Random, process: str, first: int, compute: int, launch: int) -> Any:
    """A batch of a second, on one machine, of which the GPU computed so many µs."""
    batch = make_batch(rng, 10)
    worker = replace(
        batch.run.worker, process=process, machine=replace(batch.run.worker.machine, host="one")
    )
    run = replace(
        batch.run, started_micro_secs=first, latency_micro_secs=1_000_000, worker=worker
    )  # fmt: skip
    return replace(batch, run=run, stats=replace(batch.stats, gpu_time=GpuTime(compute, launch)))


def test_a_gpu_is_as_busy_as_its_clock_says() -> None:
    """Two processes share it for three seconds, in which it computes one and a half."""
    rng, left, right = random.Random(3), Summary(), Summary()
    left.add(on_a_gpu(rng, "a", 0, 500_000, 100_000))
    left.add(on_a_gpu(rng, "b", 500_000, 400_000, 100_000))
    right.add(on_a_gpu(rng, "b", 2_000_000, 600_000, 550_000))
    left.merge(right)
    found = document._gpu(left)
    assert found is not None
    assert found["busy_share"] == pytest.approx(0.5)
    assert found["waited_share"] == pytest.approx(0.5)
    assert found["launching_share"] == pytest.approx(0.5)
    assert found["processes"] == 2
    assert found["gpu_compute_micro_secs"]["sum"] == 1_500_000
    assert found["utilization"] is None
    assert found["peak_memory_bytes"] is None
    schema = json.loads((ROOT / "src/runinference_metrics/metrics/metrics.schema.json").read_text())
    jsonschema.validate(found, schema["properties"]["gpu"] | {"$defs": schema["$defs"]})


def gpu_document(**figures: Any) -> dict[str, Any]:
    whole = make_document(batches=40, texts=200)
    times = {name: Distribution() for name in names.GPU_TIMES}
    whole["gpu"] = document.gpu(times) | figures
    return whole


def test_a_gpu_that_waits_is_said_to_wait_and_a_busy_one_not_to_be_idle(
    capsys: pytest.CaptureFixture[str],
) -> None:
    waiting = gpu_document(busy_share=0.4, waited_share=0.6, launching_share=0.1)
    launching = gpu_document(busy_share=0.95, waited_share=0.05, launching_share=0.97)
    busy = gpu_document(busy_share=0.95, waited_share=0.05, launching_share=0.2)
    for whole in (waiting, launching, busy):
        # As its threads see it, which only launch, the model is hardly ever busy.
        for row in whole["workers"]:
            row |= {"busy_share": 0.1, "forward_secs": 0.1 * row["active_secs"]}
    said = [" ".join(one.why for one in advice(whole)) for whole in (waiting, launching, busy)]
    assert "The GPU waited 60.0% of the time" in said[0]
    assert "Giving the GPU its work took 97.0% of the time" in said[1]
    assert not any("The model computed in only" in one for one in said)
    assert "waited" not in said[2]
    assert "Giving the GPU" not in said[2]
    print_table(busy, "out")
    assert "busy_share" in capsys.readouterr().out
    page = render(busy)
    assert "launching_share" in page
    assert "gpu_compute_micro_secs" in page


def test_a_document_of_an_older_version_shows_what_it_has() -> None:
    old = make_document(batches=40, texts=200)
    old["gpu"] = {"samples": 3, "utilization": 0.7, "waited_share": 0.3, "peak_memory_bytes": 9}
    del old["faults"]["float32_retries"]
    for one in old["run"]["effective"]:
        for name in ("attention", "fused", "switch_interval_micro_secs"):
            del one[name]
    assert "most memory of a process" in render(old)
