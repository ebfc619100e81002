"""What an input would take elsewhere, from how fast a run was."""

import json
from dataclasses import replace
from typing import Any

import pytest

from conftest import ROOT
from documents_for_tests import PRICES, make_document
from runinference_metrics.errors import UserError
from runinference_metrics.metrics import forecast, machine_types
from runinference_metrics.metrics.forecast import Work
from runinference_metrics.metrics.machine_types import MachineType
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.metrics.speeds import Speed, gain, precision_on, same_gpu
from runinference_metrics.options.accelerators import ACCELERATORS
from runinference_metrics.records.interval import Interval
from runinference_metrics.records.processor import BFLOAT16, TELLING, telling

SPEED = Speed(
    "a run", "Some CPU", gpu=False, instruction_set="avx2", precision="float32", threads=1, cores=2,
    tokens_per_sec=1000.0, idle_secs=2.0, small=False, machines=1, vcpus=2, model_digest="sha256:0",
)  # fmt: skip
WORK = Work(Interval.exactly(1_000_000), Interval.exactly(20_000_000), 1e8)
MACHINE = MachineType("m", 4, 16, "avx2")


def elsewhere(machine: MachineType, *speeds: Speed, number: int = 1, asked: str = "auto") -> Any:
    return forecast.elsewhere(WORK, machine, number, speeds, PRICES, asked)


def test_the_same_machine_takes_tokens_over_speed() -> None:
    found = elsewhere(replace(MACHINE, vcpus=2), SPEED)
    assert found["secs"]["likely"] == pytest.approx(20_000_000 / 2000 + 2.0)
    assert found["texts_per_sec"]["likely"] == pytest.approx(2000 / 20)
    hour = 2 * 0.5 + 16 * 0.01
    assert found["cost"]["likely"] == pytest.approx(found["secs"]["likely"] * hour / 3600)
    assert found["per_million_texts"]["likely"] == pytest.approx(found["cost"]["likely"])
    assert found["basis"] == "a run"


def test_more_machines_take_less_time_and_cost_the_same_but_for_their_starts() -> None:
    one, ten = elsewhere(MACHINE, SPEED), elsewhere(MACHINE, SPEED, number=10)
    assert ten["secs"]["likely"] - 2 == pytest.approx((one["secs"]["likely"] - 2) / 10)
    hour = MACHINE.hour(PRICES)
    assert ten["cost"]["likely"] - one["cost"]["likely"] == pytest.approx(9 * 2 * hour / 3600)


def test_more_vcpus_of_the_same_kind_are_as_much_faster_and_less_sure() -> None:
    found = elsewhere(MACHINE, SPEED)
    assert found["secs"]["likely"] == pytest.approx(20_000_000 / 4000 + 2.0)
    sure = elsewhere(replace(MACHINE, vcpus=2), SPEED)
    assert found["secs"]["high"] / found["secs"]["likely"] > (
        sure["secs"]["high"] / sure["secs"]["likely"]
    )
    assert "instruction sets" in found["basis"]


def test_a_run_on_the_machine_itself_is_believed_before_one_here() -> None:
    there = replace(SPEED, basis="there", vcpus=4, cores=4, tokens_per_sec=700.0)
    found = elsewhere(MACHINE, there, SPEED)
    assert found["basis"] == "there"
    assert found["secs"]["likely"] == pytest.approx(20_000_000 / 2800 + 2.0)


def test_a_run_on_ten_such_machines_tells_as_much() -> None:
    ten = replace(SPEED, basis="ten", machines=10, vcpus=4, cores=40, tokens_per_sec=700.0)
    found = elsewhere(MACHINE, ten)
    assert found["basis"] == "ten"
    assert found["secs"]["likely"] == pytest.approx(20_000_000 / 2800 + 2.0)
    # More processes than cores: what one of them does is no core's.
    crowded = elsewhere(MACHINE, replace(ten, cores=80))
    assert crowded["basis"] == "ten, by its instruction sets"


def test_other_processors_are_as_much_faster_as_in_the_benchmarks() -> None:
    found = elsewhere(replace(MACHINE, vcpus=2, instruction_set="avx512_bf16"), SPEED)
    factor = (191 * 216) ** 0.5 / 80
    assert found["texts_per_sec"]["likely"] == pytest.approx(100 * factor)
    assert f"{factor:.2g}" in found["basis"]


def test_of_a_small_model_no_gain_is_as_likely() -> None:
    large, small = (
        gain(replace(SPEED, small=one), "amx_bf16", "bfloat16") for one in (False, True)
    )
    assert large is not None
    assert small is not None
    assert large.low > 2.5
    assert small.low < 1
    assert large.likely == small.likely


@pytest.mark.parametrize(
    ("machine", "speeds"),
    [
        (replace(MACHINE, instruction_set="avx512_vnni"), [SPEED]),
        (replace(MACHINE, instruction_set="neon_bf16"), [SPEED]),
        (replace(MACHINE), []),
        (replace(MACHINE), [replace(SPEED, gpu=True, instruction_set=None)]),
        (replace(MACHINE), [replace(SPEED, precision="float16")]),
        (MachineType("g", 4, 16, gpu="nvidia-rtx-pro-6000"), [SPEED]),
    ],
)
def test_what_nobody_measured_is_not_known(machine: MachineType, speeds: list[Speed]) -> None:
    found = elsewhere(machine, *speeds)
    assert (found["secs"], found["cost"], found["texts_per_sec"]) == (None, None, None)
    assert found["basis"].startswith("not known: run some thousand texts on one")


def test_a_gpu_that_nobody_measured_is_no_faster_than_its_data_sheet() -> None:
    found = elsewhere(MachineType("g", 4, 16, gpu="nvidia-l4", gpu_hour=3.6), SPEED)
    assert found["secs"] == {"low": 20_000_000 * 1e8 / 121e12, "likely": None, "high": None}
    hour = 4 * 0.5 + 16 * 0.01 + 3.6
    assert found["cost"]["low"] == pytest.approx(found["secs"]["low"] * hour / 3600)


def test_a_gpu_is_found_by_its_name() -> None:
    l4 = replace(SPEED, gpu=True, device_name="NVIDIA L4", instruction_set=None, cores=1)
    found = elsewhere(MachineType("g", 4, 16, gpu="nvidia-l4"), SPEED, l4)
    assert found["secs"]["likely"] == pytest.approx(20_000_000 / 1000 + 2.0)
    assert elsewhere(MachineType("g", 4, 16, gpu="nvidia-tesla-t4"), l4)["texts_per_sec"] is None


@pytest.mark.parametrize(
    ("gpu", "device_name", "same"),
    [
        ("nvidia-l4", "NVIDIA L4", True),
        ("nvidia-tesla-t4", "Tesla T4", True),
        ("nvidia-tesla-a100", "NVIDIA A100-SXM4-40GB", True),
        ("nvidia-a100-80gb", "NVIDIA A100-SXM4-80GB", True),
        ("nvidia-a100-80gb", "NVIDIA A100-SXM4-40GB", False),
        ("nvidia-h100-80gb", "NVIDIA H100 80GB HBM3", True),
        ("nvidia-l4", "NVIDIA L40S", False),
        ("nvidia-tesla-p4", "Tesla P40", False),
    ],
)
def test_devices_have_other_names_than_dataflow_has(gpu: str, device_name: str, same: bool) -> None:
    assert same_gpu(gpu, device_name) is same
    assert gpu in ACCELERATORS


def test_the_speed_of_a_run_is_its_tokens_over_the_time_of_its_processes() -> None:
    document = make_document(batches=11)
    found = Speed.of(document, "x")
    assert found is not None
    rows = document["workers"]
    secs = sum(one["active_secs"] for one in rows)
    assert len(rows) == 3
    assert found.cores == len(rows) * 2
    whole = found.tokens_per_sec * found.cores
    assert whole == pytest.approx(sum(one["tokens"] for one in rows) / (secs / len(rows)))
    assert found.vcpus == 4
    assert found.instruction_set == "avx2"
    assert found.idle_secs < document["run"]["wall_secs"]


def test_the_first_batch_is_no_measure_of_the_others() -> None:
    document = json.loads(json.dumps(make_document(batches=50)))
    # A process, 20 batches of a second each, and one of four seconds more.
    document["workers"] = [{**document["workers"][0], "active_secs": 24.0, "tokens": 20_000}]
    latency = {"count": 20, "sum": 24_000_000, "max": 5_000_000}
    document["runinference"]["inference_batch_latency_micro_secs"].update(latency)
    document["run"]["wall_secs"] = 30.0
    found = Speed.of(document, "x")
    assert found is not None
    assert found.tokens_per_sec * found.cores == pytest.approx(1_000)
    assert found.idle_secs == pytest.approx(6.0 + 4.0)


def test_a_run_of_several_kinds_of_machines_tells_of_none() -> None:
    document = json.loads(json.dumps(make_document(batches=20)))
    other = {**document["run"]["effective"][0], "precision": "bfloat16"}
    document["run"]["effective"].append(other)
    assert Speed.of(document, "x") is None
    # What each process found out for itself does not part them.
    other.update(precision="float32", max_batch_tokens=4096)
    assert Speed.of(document, "x") is not None


@pytest.mark.parametrize("workers", [[], [{"process": "others", "active_secs": 3, "tokens": 5}]])
def test_a_run_whose_processes_are_not_known_tells_nothing(workers: list[dict[str, Any]]) -> None:
    assert Speed.of({**make_document(batches=3), "workers": workers}, "x") is None


def test_a_processor_is_told_by_its_fastest_set() -> None:
    assert telling(["avx2", "avx512", "avx512_bf16"]) == "avx512_bf16"
    assert telling(["avx2", "amx_int8", "amx_bf16"]) == "amx_bf16"
    assert telling([]) is None
    for one in TELLING:
        assert precision_on(one, "auto") == ("bfloat16" if one in BFLOAT16 else "float32")
        assert precision_on(one, "int8") == "int8"


PLAIN = b"currency: USD\nregion: r\ndate: d\nvcpu_hour: 1\nmemory_gb_hour: 0.1\n"


def machines(text: str, content: bytes = PLAIN) -> tuple[MachineType, ...]:
    content += text.encode()
    Prices.parse(content, "p.yaml")
    return machine_types.parse(content, "p.yaml")


def test_machine_types_have_a_price() -> None:
    cpu, gpu = machines(
        "machines:\n  a: {vcpus: 4, memory_gb: 15.5, instruction_set: avx2}\n"
        "  b: {vcpus: 8, memory_gb: 32, gpu: nvidia-l4, gpu_hour: 0.7}\n"
    )
    prices = Prices.parse(PLAIN, "p.yaml")
    assert cpu.hour(prices) == pytest.approx(4 + 1.55)
    assert gpu.hour(prices) == pytest.approx(8 + 3.2 + 0.7)
    with pytest.raises(
        UserError, match="gpu_hour for machines with a GPU; got one without it for b"
    ):
        replace(gpu, gpu_hour=None).hour(prices)
    assert machines("") == ()


def test_the_shipped_machine_types_are_read() -> None:
    content = (ROOT / "prices" / "us-central1.yaml").read_bytes()
    prices = Prices.parse(content, "p")
    found = machine_types.parse(content, "p")
    assert all(one.hour(prices) > 0 for one in found)
    assert {one.gpu for one in found if one.gpu} <= set(ACCELERATORS)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("machines: 3", "with machines: 3"),
        ("machines: [a]", "with machines: ['a']"),
        ("machines: {a: 3}", "with 3 at a"),
        ("machines: {a: {vcpus: 4, instruction_set: avx2}}", "with no memory_gb at a"),
        ("machines: {a: {vcpus: 0, memory_gb: 1, instruction_set: avx2}}", "with no vcpus at a"),
        ("machines: {a: {vcpus: 1.5, memory_gb: 1, instruction_set: avx2}}", "vcpus: 1.5 at a"),
        ("machines: {a: {vcpus: true, memory_gb: 1, instruction_set: avx2}}", "vcpus: True at a"),
        ("machines: {a: {vcpus: 4, memory_gb: .inf, instruction_set: avx2}}", "memory_gb: inf"),
        ("machines: {a: {vcpus: 4, memory_gb: 1}}", "with neither at a"),
        ("machines: {a: {vcpus: 4, memory_gb: 1, gpu: x, instruction_set: avx2}}", "both at a"),
        ("machines: {a: {vcpus: 4, memory_gb: 1, instruction_set: sse}}", "with 'sse' at a"),
        ("machines: {a: {vcpus: 4, memory_gb: 1, instruction_set: 3}}", "instruction_set: 3 at a"),
        ("machines: {a: {vcpus: 4, memory_gb: 1, instruction_set: avx2, gpu_hour: 1}}",
         "with gpu_hour at a"),
        ("machines: {a: {cpus: 4}}", "the unknown name 'cpus' at a"),
    ],
)  # fmt: skip
def test_a_machine_type_that_cannot_be_right_is_refused(text: str, fault: str) -> None:
    with pytest.raises(UserError) as refused:
        machines(text)
    assert fault in str(refused.value)
    assert str(refused.value).startswith("--prices takes ")


def test_where_others_disturbed_it_may_be_faster() -> None:
    alone, beside = (
        forecast.here(WORK, replace(SPEED, others_share=one), None) for one in (0, 0.4)
    )
    assert alone["secs"]["likely"] == beside["secs"]["likely"]
    assert alone["secs"]["high"] == beside["secs"]["high"]
    assert beside["secs"]["low"] < alone["secs"]["low"] * 0.75
