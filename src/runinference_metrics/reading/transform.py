"""The wiring: reads like the picture in the README."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io import fileio
from apache_beam.metrics import Metrics

from runinference_metrics.inference.handler import ClassifierHandler, ClassifyBatches
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.metrics.summary import SummaryFn
from runinference_metrics.options.command_line import Settings
from runinference_metrics.reading import files
from runinference_metrics.reading import rows as reading
from runinference_metrics.records import names
from runinference_metrics.records.batching import MAX_BATCH_BYTES
from runinference_metrics.records.events import (
    BatchMeasured,
    Began,
    DeadLettered,
    FileFound,
    RowsRead,
)
from runinference_metrics.records.record import ClassifiedBatch, Record, RecordBatch, Rejected
from runinference_metrics.writing.shards import WriteDeadLetters, WritePredictions, WriteSummary

_REJECTED = "rejected"
_EVENTS = "events"


@dataclass(frozen=True)
class Plan:
    """One run, ready to be wired.

    Args:
        settings: the parameters.
        patterns: the input patterns, checked.
        handler: the model handler.
        spread: whether batches are shuffled between reading and inference, so that many workers
            share a file. One local process streams instead, in memory that does not grow.
        facts: what metrics.json says of the run beside its figures: runner, job, versions.
        prices: what resources cost, if the user said so.
        accelerator: the GPU that the inference step alone is to have, as a resource hint.
    """

    settings: Settings
    patterns: list[str]
    handler: ClassifierHandler
    spread: bool
    facts: dict[str, Any]
    prices: Prices | None
    accelerator: str | None = None


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the run into `pipeline`."""
    settings = plan.settings
    batches, unreadable, reading_events = pipeline | "Read" >> ReadBatches(plan)
    classified = batches | "Classify" >> ClassifyBatches(
        plan.handler, settings.min_batch_size, settings.max_batch_size, plan.accelerator
    )
    failed = classified | "Failed texts" >> beam.FlatMap(_rejected_of)
    rejected = (unreadable, failed) | "All dead letters" >> beam.Flatten()
    predictions = classified | "Predictions" >> WritePredictions(settings.output)
    dead_letters = rejected | "Dead letters" >> WriteDeadLetters(settings.output)
    (
        (
            *reading_events,
            classified | "Measure batches" >> beam.Map(BatchMeasured.of),
            rejected | "Count dead letters" >> beam.Map(_dead_lettered),
        )
        | "All events" >> beam.Flatten()
        | "Summarise" >> beam.CombineGlobally(SummaryFn())
        | "Summary"
        >> WriteSummary(
            settings.output,
            plan.facts,
            plan.prices,
            [predictions, dead_letters],
            settings.max_failure_rate,
        )
    )


def _dead_lettered(rejected: Rejected) -> DeadLettered:
    return DeadLettered(rejected.reason)


def _rejected_of(batch: ClassifiedBatch) -> list[Rejected]:
    return batch.rejected


class ReadBatches(beam.PTransform):
    """Files to RecordBatches, Rejected rows, and collections of events for the summary."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def expand(self, pipeline: Any) -> Any:
        """Applies the transform."""
        settings = self._plan.settings
        fields = reading.RowFields(settings.text_field, settings.id_field, settings.keep_fields)
        patterns = pipeline | "Patterns" >> beam.Create(self._plan.patterns, reshuffle=False)
        found = (
            patterns
            | "Match" >> fileio.MatchAll(fileio.EmptyMatchTreatment.DISALLOW)
            | "Name and size" >> beam.Map(_name_and_size).with_output_types(tuple[str, int])
            # Patterns may overlap; a file is read once.
            | "Each file once" >> beam.Distinct()
        )
        read = (
            found
            | "Ranges" >> beam.FlatMapTuple(files.ranges)
            | "Spread ranges" >> beam.Reshuffle()
            | "Rows"
            >> beam.ParDo(_ReadRange(fields, settings.max_batch_size)).with_outputs(
                _REJECTED, _EVENTS, main="batches"
            )
        )
        batches = read.batches
        if self._plan.spread:
            batches = batches | "Spread batches" >> beam.Reshuffle()
        events = (
            patterns | "Began" >> beam.Map(_began),
            found | "Count files" >> beam.MapTuple(_file_found),
            read[_EVENTS],
        )
        return batches, read[_REJECTED], events


def _began(_: str) -> Began:
    return Began(time.time_ns() // 1000)


def _file_found(_: str, size_bytes: int) -> FileFound:
    return FileFound(size_bytes)


def _name_and_size(file: Any) -> tuple[str, int]:
    return file.path, file.size_in_bytes


class _ReadRange(beam.DoFn):
    """Reads a range into batches; counts what was read and what was blank."""

    def __init__(self, fields: reading.RowFields, max_batch_size: int) -> None:
        self._fields = fields
        self._max_batch_size = max_batch_size
        self._read = Metrics.counter(names.OWN_NAMESPACE, names.READ)
        self._blank = Metrics.counter(names.OWN_NAMESPACE, names.BLANK)

    def process(self, part: files.FileRange) -> Iterator[Any]:
        read = blank = 0
        records: list[Record] = []
        held_bytes = 0
        for row in reading.rows(part, self._fields):
            read += 1
            if isinstance(row, Record):
                held_bytes += row.row_bytes
                if len(records) == self._max_batch_size or held_bytes > MAX_BATCH_BYTES:
                    if records:
                        yield RecordBatch.of(records)
                    records, held_bytes = [], row.row_bytes
                records.append(row)
            elif row is None:
                blank += 1
            else:
                yield beam.pvalue.TaggedOutput(_REJECTED, row)
        if records:
            yield RecordBatch.of(records)
        yield beam.pvalue.TaggedOutput(_EVENTS, RowsRead(read, blank))
        self._read.inc(read)
        self._blank.inc(blank)
