"""What is measured of a batch, and where: the figures that travel with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from runinference_metrics.records import names
from runinference_metrics.records.faults import NO_FAULTS, Faults
from runinference_metrics.records.startup import Startup


@dataclass(frozen=True, slots=True)
class GpuSample:
    """How busy a GPU was, as its driver counts it.

    Args:
        utilization_percent: the share of the driver's last sample period in which it computed.
        peak_memory_bytes: the most memory that this process has had on it.
    """

    utilization_percent: int
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True)
class GpuTime:
    """A GPU's work, and what it took the host to give it.

    Args:
        compute_micro_secs: from its first kernel's begin to its last one's end, by the GPU's clock.
            Where kernels come more slowly than they are done, it is waiting in between.
        launch_micro_secs: giving it the kernels.
    """

    compute_micro_secs: int
    launch_micro_secs: int

    def __add__(self, other: "GpuTime") -> "GpuTime":
        return GpuTime(
            self.compute_micro_secs + other.compute_micro_secs,
            self.launch_micro_secs + other.launch_micro_secs,
        )

    def by_name(self) -> dict[str, int]:
        """By the names of the metrics."""
        return {
            names.GPU_COMPUTE: self.compute_micro_secs,
            names.GPU_LAUNCH: self.launch_micro_secs,
        }


def sum_of(times: Sequence[GpuTime]) -> GpuTime | None:
    """All of them together; None for none."""
    return sum(times[1:], times[0]) if times else None


@dataclass(frozen=True, slots=True)
class BatchStats:
    """What one batch took.

    Args:
        texts: texts in the batch.
        tokens: real tokens, special ones included, after truncation.
        padding: padding tokens that the device computed besides.
        truncated: texts cut to the maximal length.
        micro_batches: forward passes.
        tokenize_micro_secs: time in the tokenizer.
        wait_micro_secs: time until the model was free.
        forward_micro_secs: time in the model, the device's work finished.
        lengths: how many texts have how many tokens.
        out_of_memory_retries: micro-batches that did not fit the device's memory.
        lowered_batch_tokens: the token budget, once it had to be lowered; else None.
        gpu: how busy the GPU was lately; None on a CPU, and when it was asked a moment ago.
        gpu_time: its work; None on a CPU.
        float32_retries: texts whose scores float16 could not hold, computed again in float32.
    """

    texts: int
    tokens: int
    padding: int
    truncated: int
    micro_batches: int
    tokenize_micro_secs: int
    wait_micro_secs: int
    forward_micro_secs: int
    lengths: dict[int, int]
    out_of_memory_retries: int = 0
    lowered_batch_tokens: int | None = None
    gpu: GpuSample | None = None
    gpu_time: GpuTime | None = None
    float32_retries: int = 0


NO_WORK = BatchStats(0, 0, 0, 0, 0, 0, 0, 0, {})


@dataclass(frozen=True, slots=True)
class Effective:
    """What the environment and the model decided; recorded in metrics.json.

    `instruction_sets` are the CPU's that count (`records.processor`; empty on a GPU), `grouping`
    says which texts share a forward pass, `attention` what computes it (empty where transformers
    does), `fused` what comes in the pass of a product (empty for nothing), `fallback` why
    `precision` is not the usual one (empty where it is), `quantised` from what the ranges of
    products in 8 bits come (empty unless `precision` is int8), `switch_interval_micro_secs` after
    how long a thread of Python makes room for another.
    """

    device_name: str
    instruction_sets: tuple[str, ...]
    precision: str
    grouping: str
    attention: str
    fused: str
    fallback: str
    quantised: str
    max_batch_tokens: int
    max_batch_tokens_from: str
    max_length: int
    threads: int
    switch_interval_micro_secs: int
    model_architecture: str
    model_digest: str
    torch_version: str
    transformers_version: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine has that costs money."""

    host: str
    vcpus: int
    memory_bytes: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A process with a model.

    Args:
        process: an id that no other process has, on any machine.
        machine: where it runs.
        effective: what was decided there.
    """

    process: str
    machine: Machine
    effective: Effective


@dataclass(frozen=True, slots=True)
class BatchRun:
    """When and where a batch was classified.

    Args:
        started_micro_secs: since the epoch.
        latency_micro_secs: how long it took, with tokenising and waiting.
        request_bytes: the UTF-8 bytes of its texts.
        worker: the process.
        load_milli_secs: loading the model, on the first batch after it; else None.
        model_bytes: what the model occupies, likewise.
        faults: what went wrong on the way.
        startup: the process's start, on its first batch; else None.
    """

    started_micro_secs: int
    latency_micro_secs: int
    request_bytes: int
    worker: Worker
    load_milli_secs: int | None = None
    model_bytes: int | None = None
    faults: Faults = NO_FAULTS
    startup: Startup | None = None
