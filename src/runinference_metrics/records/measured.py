"""What is measured of a batch, and where: the figures that travel with it."""

from dataclasses import dataclass

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


NO_WORK = BatchStats(0, 0, 0, 0, 0, 0, 0, 0, {})


@dataclass(frozen=True, slots=True)
class Effective:
    """What the environment and the model decided; recorded in metrics.json.

    `instruction_sets` are the CPU's that count (`records.processor`; empty on a GPU), `grouping`
    says which texts share a forward pass, `fallback` why `precision` is not the usual one (empty
    where it is), `quantised` from what the ranges of products in 8 bits come (empty unless
    `precision` is int8).
    """

    device_name: str
    instruction_sets: tuple[str, ...]
    precision: str
    grouping: str
    fallback: str
    quantised: str
    max_batch_tokens: int
    max_batch_tokens_from: str
    max_length: int
    threads: int
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
