"""The wiring of a run: one step a line of the picture in CONTRIBUTING.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam

from runinference_metrics.bigquery.inputs import Input
from runinference_metrics.inference import emitting
from runinference_metrics.inference.handler import ClassifierHandler
from runinference_metrics.inference.transform import ClassifyBatches
from runinference_metrics.metrics.accounts import Limits
from runinference_metrics.metrics.files import WholeFiles
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.metrics.summary import SummaryFn
from runinference_metrics.options.settings import Settings
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.formats import FormatOptions
from runinference_metrics.reading.patterns import Pattern
from runinference_metrics.reading.table_input import ReadTable
from runinference_metrics.reading.transform import ReadBatches
from runinference_metrics.records.events import BatchMeasured, DeadLettered
from runinference_metrics.records.record import ClassifiedBatch, Rejected
from runinference_metrics.records.threshold import Threshold
from runinference_metrics.writing.formats import Output
from runinference_metrics.writing.loading import Loading
from runinference_metrics.writing.shards import WriteDeadLetters, WritePredictions
from runinference_metrics.writing.summary import History, Tables, WriteSummary


@dataclass(frozen=True)
class Plan:
    """One run, ready to be wired.

    Args:
        settings: the parameters.
        patterns: the input patterns, checked.
        fields: the fields of a row that matter.
        options: what the user says of how files are written.
        handler: the model handler.
        spread: whether batches are shuffled between reading and inference, so that many workers
            share a file. One local process streams instead, in memory that does not grow.
        facts: what metrics.json says of the run beside its figures: runner, job, versions.
        prices: what resources cost, if the user said so.
        thresholds: what the run must keep to be good.
        accelerator: the GPU that the inference step alone is to have, as a resource hint.
        output: how predictions are written.
        table: the table or query that is read, if no files are.
        table_bytes: how large that is.
        loading: the tables into which results are loaded, if they are.
        histories: the files and tables to which the run is added.
    """

    settings: Settings
    patterns: Sequence[Pattern]
    fields: RowFields
    options: FormatOptions
    handler: ClassifierHandler
    spread: bool
    facts: dict[str, Any]
    prices: Prices | None
    thresholds: Sequence[Threshold] = ()
    accelerator: str | None = None
    output: Output = field(default_factory=Output)
    table: Input | None = None
    table_bytes: int = 0
    loading: Loading | None = None
    histories: Sequence[History] = ()

    @property
    def reading(self) -> ReadBatches | ReadTable:
        """The step that reads."""
        most = self.settings.max_batch_size
        if self.table:
            return ReadTable(self.table, self.table_bytes, self.fields, most, self.spread)
        return ReadBatches(self.patterns, self.fields, self.options, most, self.spread)

    @property
    def tables(self) -> Tables | None:
        """The tables that results are loaded into."""
        if self.loading is None or self.output.schema is None:
            return None
        return Tables(self.loading, self.output.schema)


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires the run into `pipeline`."""
    settings = plan.settings
    read = pipeline | "Read" >> plan.reading
    classified = read.batches | "Classify" >> ClassifyBatches(
        plan.handler, settings.min_batch_size, settings.max_batch_size, plan.accelerator
    )
    failed = classified | "Failed texts" >> beam.FlatMap(_rejected_of)
    rejected = (read.rejected, failed) | "All dead letters" >> beam.Flatten()
    predictions = classified | "Predictions" >> WritePredictions(settings.output, plan.output)
    dead_letters = rejected | "Dead letters" >> WriteDeadLetters(
        settings.output, plan.loading is not None
    )
    events = (
        *read.events,
        read.parts | "Files" >> WholeFiles(),
        classified | "Measure batches" >> beam.Map(_measured),
        rejected | "Count dead letters" >> beam.Map(_dead_lettered),
    )
    (
        events
        | "All events" >> beam.Flatten()
        | "Summarise" >> beam.CombineGlobally(SummaryFn())
        | "Summary"
        >> WriteSummary(
            settings.output,
            plan.facts,
            plan.prices,
            plan.thresholds,
            [predictions, dead_letters],
            Limits(settings.max_failure_rate, settings.max_failed_files),
            plan.histories,
            plan.tables,
        )
    )


def _measured(batch: ClassifiedBatch) -> BatchMeasured:
    measured = BatchMeasured.of(batch)
    emitting.quality(measured.quality)
    return measured


def _dead_lettered(rejected: Rejected) -> DeadLettered:
    return DeadLettered(rejected.reason)


def _rejected_of(batch: ClassifiedBatch) -> list[Rejected]:
    return batch.rejected
