"""One run's figures, merged from events in any order and grouping, in bounded memory."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from runinference_metrics.metrics.distribution import Distribution
from runinference_metrics.metrics.files import Files
from runinference_metrics.metrics.timeline import Timeline
from runinference_metrics.records import names
from runinference_metrics.records.certainty import Certainty
from runinference_metrics.records.events import (
    BatchMeasured,
    Began,
    DeadLettered,
    Event,
    FileFound,
    PartRead,
)
from runinference_metrics.records.faults import Faults
from runinference_metrics.records.measured import BatchStats, GpuSample, Machine, Worker
from runinference_metrics.records.quality import Quality
from runinference_metrics.records.startup import Startup

# A row a process; further processes share one row. Dataflow allows some 4,000 machines with many
# processes each, and nobody reads as many rows.
MOST_WORKER_ROWS = 1000


@dataclass(slots=True)
class WorkerTotals:
    """What one process did, or several that share a row; times in µs."""

    texts: int = 0
    tokens: int = 0
    batches: int = 0
    forward: int = 0
    inference: int = 0
    first: int = 0
    last: int = 0
    gpu: int = 0

    def merge(self, other: "WorkerTotals") -> None:
        """Adds another's work."""
        self.first = min(self.first, other.first) if self.batches else other.first
        self.last = max(self.last, other.last)
        self.texts += other.texts
        self.tokens += other.tokens
        self.batches += other.batches
        self.forward += other.forward
        self.inference += other.inference
        self.gpu += other.gpu


class Summary:
    """All figures of a run."""

    def __init__(self) -> None:
        self.began: int | None = None
        self.ended: int | None = None
        self.files = Files()
        self.read = 0
        self.blank = 0
        self.dead_letters: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self.certainty = Certainty()
        self.quality: Quality | None = None
        self.fingerprint = 0
        self.num_inferences = 0
        self.tokens = 0
        self.padding = 0
        self.truncated = 0
        self.micro_batches = 0
        self.failed_batches = 0
        self.reclassifications = 0
        self.timeouts = 0
        self.out_of_memory_retries = 0
        self.float32_retries = 0
        self.lowest_batch_tokens: int | None = None
        self.lengths: Counter[int] = Counter()
        self.distributions = {
            name: Distribution()
            for name in (
                *names.BEAM_DISTRIBUTIONS,
                *names.STAGES,
                *names.STARTUP,
                *names.GPU_TIMES,
            )
        }
        # How often a GPU was seen so busy, by percent.
        self.gpu_utilization: Counter[int] = Counter()
        self.gpu_peak_memory_bytes = 0
        self.timeline = Timeline()
        self.effective: set[Any] = set()
        self.machines: dict[str, Machine] = {}
        self.workers: dict[str, tuple[Worker, WorkerTotals]] = {}
        self.other_workers = WorkerTotals()

    @property
    def predicted(self) -> int:
        """Texts that have a prediction."""
        return self.labels.total()

    def add(self, event: Event) -> None:
        """Adds an event; a PartRead is the whole of its file, its parts joined."""
        match event:
            case BatchMeasured():
                self._add_batch(event)
            case PartRead():
                self.read += event.read
                self.blank += event.blank
                self.files.add_read(event)
            case DeadLettered(reason):
                self.dead_letters[reason] += 1
            case FileFound():
                self.files.add_found(event)
            case Began(micro_secs):
                self._span(micro_secs, None)

    def _add_batch(self, batch: BatchMeasured) -> None:
        run, stats = batch.run, batch.stats
        self._add_faults(run.faults, stats)
        self._span(run.started_micro_secs, run.started_micro_secs + run.latency_micro_secs)
        self.effective.add(run.worker.effective)
        self.machines[run.worker.machine.host] = run.worker.machine
        self._add_startup(run.startup)
        self._add_gpu(stats.gpu)
        for name, load in (
            (names.LOAD_LATENCY, run.load_milli_secs), (names.MODEL_BYTES, run.model_bytes)
        ):  # fmt: skip
            if load is not None:
                self.distributions[name].add(load)
        if not stats.texts:
            # All of its texts failed: it is no batch in Beam's metrics.
            return
        self.labels.update(batch.labels)
        self.certainty.merge(batch.certainty)
        self._add_quality(batch.quality)
        self.fingerprint = (self.fingerprint + batch.fingerprint) % 2**64
        self.num_inferences += stats.texts
        self.tokens += stats.tokens
        self.padding += stats.padding
        self.truncated += stats.truncated
        self.micro_batches += stats.micro_batches
        self.lengths.update(stats.lengths)
        for name, value in (
            (names.BATCH_SIZE, stats.texts),
            (names.BATCH_BYTES, run.request_bytes),
            (names.LATENCY, run.latency_micro_secs),
            (names.TOKENIZE, stats.tokenize_micro_secs),
            (names.WAIT, stats.wait_micro_secs),
            (names.FORWARD, stats.forward_micro_secs),
            *(stats.gpu_time.by_name().items() if stats.gpu_time else ()),
        ):
            self.distributions[name].add(value)
        self.timeline.add(run.started_micro_secs, run.latency_micro_secs, stats.texts)
        totals = WorkerTotals(
            texts=stats.texts,
            tokens=stats.tokens,
            batches=1,
            forward=stats.forward_micro_secs,
            inference=run.latency_micro_secs,
            first=run.started_micro_secs,
            last=run.started_micro_secs + run.latency_micro_secs,
            gpu=stats.gpu_time.compute_micro_secs if stats.gpu_time else 0,
        )
        self._add_worker(run.worker, totals)
        self._limit_workers()

    def _add_quality(self, quality: Quality | None) -> None:
        if quality:
            self.quality = self.quality or Quality()
            self.quality.merge(quality)

    def _add_startup(self, startup: Startup | None) -> None:
        for name, milli_secs in startup.by_name().items() if startup else ():
            self.distributions[name].add(milli_secs)

    def _add_gpu(self, gpu: GpuSample | None) -> None:
        if gpu:
            self.gpu_utilization[gpu.utilization_percent] += 1
            self.gpu_peak_memory_bytes = max(self.gpu_peak_memory_bytes, gpu.peak_memory_bytes)

    def _add_faults(self, faults: Faults, stats: BatchStats) -> None:
        self.failed_batches += faults.failed_batches
        self.reclassifications += faults.reclassifications
        self.timeouts += faults.timeouts
        self.out_of_memory_retries += stats.out_of_memory_retries
        self.float32_retries += stats.float32_retries
        self._lowest(stats.lowered_batch_tokens)

    def _lowest(self, batch_tokens: int | None) -> None:
        known = [one for one in (self.lowest_batch_tokens, batch_tokens) if one is not None]
        self.lowest_batch_tokens = min(known, default=None)

    def _add_worker(self, worker: Worker, totals: WorkerTotals) -> None:
        _, known = self.workers.setdefault(worker.process, (worker, WorkerTotals()))
        known.merge(totals)

    def _limit_workers(self) -> None:
        # The rows kept are those of the smallest ids: a row that is dropped anywhere would be
        # dropped at the end too, so merging gives the same result in any grouping.
        while len(self.workers) > MOST_WORKER_ROWS:
            _, totals = self.workers.pop(max(self.workers))
            self.other_workers.merge(totals)

    def _span(self, began: int, ended: int | None) -> None:
        self.began = began if self.began is None else min(self.began, began)
        if ended is not None:
            self.ended = ended if self.ended is None else max(self.ended, ended)

    def merge(self, other: "Summary") -> None:
        """Adds everything of another summary."""
        if other.began is not None:
            self._span(other.began, other.ended)
        for name in (
            "read", "blank", "num_inferences", "tokens", "padding", "truncated", "micro_batches",
            "failed_batches", *names.FAULTS,
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("dead_letters", "labels", "lengths", "gpu_utilization"):
            getattr(self, name).update(getattr(other, name))
        self.certainty.merge(other.certainty)
        self._add_quality(other.quality)
        self._lowest(other.lowest_batch_tokens)
        self.gpu_peak_memory_bytes = max(self.gpu_peak_memory_bytes, other.gpu_peak_memory_bytes)
        self.fingerprint = (self.fingerprint + other.fingerprint) % 2**64
        for name, values in other.distributions.items():
            self.distributions[name].merge(values)
        self.files.merge(other.files)
        self.timeline.merge(other.timeline)
        self.effective |= other.effective
        self.machines |= other.machines
        for worker, totals in other.workers.values():
            self._add_worker(worker, totals)
        if other.other_workers.batches:
            self.other_workers.merge(other.other_workers)
        self._limit_workers()


class SummaryFn(beam.CombineFn):
    """Events to one Summary."""

    def create_accumulator(self) -> Summary:
        """Nothing yet."""
        return Summary()

    def add_input(self, accumulator: Summary, element: Event) -> Summary:
        """Adds an event."""
        accumulator.add(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Summary]) -> Summary:
        """Adds all up, in a new one: Beam may use the given ones again."""
        merged = Summary()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: Summary) -> Summary:
        """The summary itself."""
        return accumulator
