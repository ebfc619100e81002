"""How fast a run was, by core or GPU, and what that tells of another processor."""

import math
import re
from dataclasses import dataclass
from typing import Any

from runinference_metrics.records import names
from runinference_metrics.records.interval import Interval
from runinference_metrics.records.processor import (
    AMX_BF16,
    AVX2,
    AVX512_BF16,
    BFLOAT16,
    telling,
)

# Texts/s of DistilBERT's size on sentences of SST-2's lengths, two cores each, from the least to
# the most that was seen: docs/workers.md and bench/README.md, measured from October to November
# 2026. Of others nothing is known.
_SEEN = {
    (AVX2, "float32"): (80, 80),
    (AVX2, "int8"): (134, 134),
    (AVX512_BF16, "float32"): (76, 76),
    (AVX512_BF16, "bfloat16"): (191, 216),
    (AVX512_BF16, "int8"): (297, 314),
    # Two processes with a thread each, as on Dataflow, did half of one with two.
    (AMX_BF16, "float32"): (148, 148),
    (AMX_BF16, "bfloat16"): (302, 616),
    (AMX_BF16, "int8"): (399, 741),
}
# The same processor was that much faster or slower an hour later: other guests of the machine.
_SPREAD = 0.2
# A model with fewer bytes spends its time otherwise than in the products that instruction sets
# speed up: then no gain is as likely as all of it. DistilBERT has 134 MB in 16 bits.
_SMALL_BYTES = 50_000_000
# 16-bit products without sparsity, in 10^12 operations a second, by NVIDIA's data sheets. Nothing
# computes faster, and nothing here comes near.
_PEAK_TFLOPS = {"t4": 65, "l4": 121, "v100": 125, "a100": 312, "h100": 989}


@dataclass(frozen=True)
class Speed:
    """How fast a run classified.

    Args:
        basis: where it ran, for the reader.
        device_name: what computed.
        gpu: whether that was a GPU.
        instruction_set: of a CPU's the one by which its speed is told; None where there is none.
        precision: in which it computed.
        threads: of each process.
        cores: that computed, or GPUs.
        tokens_per_sec: of a core, or of a GPU.
        idle_secs: of the run's time what lies before the first batch and behind the last.
        small: whether the model is too small for its products to decide.
        vcpus: of each machine.
        model_digest: of its model.
    """

    basis: str
    device_name: str
    gpu: bool
    instruction_set: str | None
    precision: str
    threads: int
    cores: int
    tokens_per_sec: float
    idle_secs: float
    small: bool
    vcpus: float
    model_digest: str

    @classmethod
    def of(cls, document: dict[str, Any], basis: str) -> "Speed | None":
        """The speed of a run; None where its document does not tell it.

        Args:
            document: the content of metrics.json.
            basis: where it ran, for the reader.
        """
        processes = [one for one in document["workers"] if one["process"] != "others"]
        active_secs = sum(one["active_secs"] for one in processes)
        tokens = sum(one.get("tokens") or 0 for one in processes)
        effective = document["run"]["effective"]
        alike = ("device_name", "precision", "threads", "model_digest")
        # Several kinds of machines in one run tell of none of them.
        if not (
            active_secs and tokens and len({tuple(map(one.get, alike)) for one in effective}) == 1
        ):
            return None
        found = effective[0]
        sets = found.get("instruction_sets") or ()
        gpu = bool(document["gpu"])
        shared = (document["gpu"] or {}).get("processes") or 1
        cores = len(processes) // shared or 1 if gpu else len(processes) * found["threads"]
        wall_secs, resources = document["run"]["wall_secs"], document["resources"]
        model = document["runinference"][names.MODEL_BYTES].get("max") or 0
        each_secs = active_secs / len(processes)
        hours = (resources["machines"] or 1) * wall_secs / 3600
        return cls(
            basis,
            found["device_name"],
            gpu,
            None if gpu else telling(sets),
            found["precision"],
            found["threads"],
            cores,
            tokens / each_secs / cores,
            max(0.0, wall_secs - max(one["active_secs"] for one in processes)),
            model < _SMALL_BYTES,
            round(resources["vcpu_hours"] / hours, 3) if hours else 0,
            found["model_digest"],
        )


def precision_on(instruction_set: str, asked: str) -> str:
    """In which precision a CPU with that instruction set computes, as `auto` decides it."""
    if asked != "auto":
        return asked
    return "bfloat16" if instruction_set in BFLOAT16 else "float32"


def gain(speed: Speed, instruction_set: str, precision: str) -> Interval | None:
    """How much faster another processor was here than the one of a run; None if nobody knows.

    Args:
        speed: the run's, on a CPU.
        instruction_set: the other's.
        precision: in which that computes.
    """
    before = _SEEN.get((speed.instruction_set or "", speed.precision))
    after = _SEEN.get((instruction_set, precision))
    if before is None or after is None:
        return None
    likely = math.sqrt(after[0] * after[1] / (before[0] * before[1]))
    low, high = after[0] / before[1], after[1] / before[0]
    if speed.small:
        low, high = min(low, 1.0), max(high, 1.0)
    spread = Interval.within(1.0, _SPREAD)
    return Interval(low, likely, high) * spread


def same_gpu(gpu: str, device_name: str) -> bool:
    """Whether a device's own name is that of a GPU as Dataflow calls it."""
    words = set(re.findall(r"[a-z0-9]+", gpu.lower())) - {"nvidia", "tesla"}
    return words <= set(re.findall(r"[a-z0-9]+", device_name.lower()))


def peak_operations_per_sec(gpu: str) -> float | None:
    """What a GPU, as Dataflow calls it, computes at most; None if it is not known here."""
    found = next((one for name, one in _PEAK_TFLOPS.items() if same_gpu(name, gpu)), None)
    return None if found is None else found * 1e12
