"""How fast a run was, by core or GPU, and what that tells of another processor."""

import math
import re
from dataclasses import dataclass
from typing import Any

from runinference_metrics.records import names
from runinference_metrics.records.interval import Interval
from runinference_metrics.records.processor import BFLOAT16, MEASURED, telling

# The same processor was that much faster or slower an hour later: other guests of the machine.
_SPREAD = 0.2
# A model with fewer bytes spends its time otherwise than in the products that instruction sets
# speed up: then no gain is as likely as all of it. DistilBERT has 134 MB in 16 bits.
_SMALL_BYTES = 50_000_000
# Of so many the slowest is taken for the first.
_TELLING_BATCHES = 4
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
        idle_secs: of the run's time what lies before the first batch and behind the last, and
            what a first batch takes longer than others.
        small: whether the model is too small for its products to decide.
        machines: on which it ran.
        vcpus: of each machine.
        model_digest: of its model.
        others_share: the share of the processor that other programs took meanwhile, as far as it
            is known.
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
    machines: int
    vcpus: float
    model_digest: str
    others_share: float = 0.0

    @property
    def rate(self) -> Interval:
        """Tokens a second of a core or GPU: it may be faster where nobody disturbs it."""
        most = 1 / max(1 - self.others_share, 1 / self.cores)
        return Interval(1.0, 1.0, most).times(self.tokens_per_sec)

    @classmethod
    def of(
        cls, document: dict[str, Any], basis: str, others_share: float | None = None
    ) -> "Speed | None":
        """The speed of a run; None where its document does not tell it.

        Args:
            document: the content of metrics.json.
            basis: where it ran, for the reader.
            others_share: what other programs took of the processor, if that is known.
        """
        processes = [one for one in document["workers"] if one["process"] != "others"]
        active_secs = sum(one["active_secs"] for one in processes)
        tokens: float = sum(one.get("tokens") or 0 for one in processes)
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
        first_secs, steady = _first_batches(document, len(processes), active_secs)
        each_secs = active_secs / len(processes) - first_secs
        idle_secs = wall_secs - max(one["active_secs"] for one in processes)
        machines = resources["machines"] or 1
        hours = machines * wall_secs / 3600
        return cls(
            basis,
            found["device_name"],
            gpu,
            None if gpu else telling(sets),
            found["precision"],
            found["threads"],
            cores,
            tokens * steady / each_secs / cores,
            max(0.0, idle_secs + first_secs - each_secs * (1 - steady) / steady),
            model < _SMALL_BYTES,
            machines,
            round(resources["vcpu_hours"] / hours, 3) if hours else 0,
            found["model_digest"],
            others_share or 0.0,
        )


def _first_batches(
    document: dict[str, Any], processes: int, active_secs: float
) -> tuple[float, float]:
    """What each process's first batch took, and the share of all work that is not theirs.

    The first warms caches and kernels up and is the slowest: of a whole run it is nothing, of a
    sample it may be a fifth. With few batches nobody can tell it from the others.
    """
    latency = document["runinference"][names.LATENCY]
    if latency["count"] < _TELLING_BATCHES * processes:
        return 0.0, 1.0
    # Latencies of threads that classify side by side are more than the time that there was.
    beside = min(1.0, active_secs * 1e6 / latency["sum"])
    return latency["max"] / 1e6 * beside, 1 - processes / latency["count"]


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
    before = MEASURED.get((speed.instruction_set or "", speed.precision))
    after = MEASURED.get((instruction_set, precision))
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
