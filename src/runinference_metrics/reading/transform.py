"""The transform from file patterns to batches of records."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io import fileio
from apache_beam.metrics import Metrics

from runinference_metrics.reading import files
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.rows import rows
from runinference_metrics.records import names
from runinference_metrics.records.batching import MAX_BATCH_BYTES
from runinference_metrics.records.events import Began, FileFound, RowsRead
from runinference_metrics.records.record import Record, RecordBatch

_REJECTED = "rejected"
_EVENTS = "events"


class Read(NamedTuple):
    """What reading gives.

    Args:
        batches: RecordBatches.
        rejected: Rejected rows.
        events: collections of events for the summary.
    """

    batches: beam.PCollection
    rejected: beam.PCollection
    events: tuple[beam.PCollection, ...]


class ReadBatches(beam.PTransform):
    """Files to batches of records, rejected rows, and events for the summary.

    Args:
        patterns: the input patterns, checked.
        fields: the fields of a structured row that matter.
        max_batch_size: no batch holds more texts.
        spread: whether batches are shuffled after reading, so that many workers share a file.
    """

    def __init__(
        self, patterns: Sequence[str], fields: RowFields, max_batch_size: int, spread: bool
    ) -> None:
        super().__init__()
        self._patterns = patterns
        self._fields = fields
        self._max_batch_size = max_batch_size
        self._spread = spread

    def expand(self, pipeline: Any) -> Read:
        """Applies the transform."""
        patterns = pipeline | "Patterns" >> beam.Create(self._patterns, reshuffle=False)
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
            >> beam.ParDo(_ReadRange(self._fields, self._max_batch_size)).with_outputs(
                _REJECTED, _EVENTS, main="batches"
            )
        )
        batches = read.batches
        if self._spread:
            batches = batches | "Spread batches" >> beam.Reshuffle()
        events = (
            patterns | "Began" >> beam.Map(_began),
            found | "Count files" >> beam.MapTuple(_file_found),
            read[_EVENTS],
        )
        return Read(batches, read[_REJECTED], events)


def _began(_: str) -> Began:
    return Began(time.time_ns() // 1000)


def _file_found(_: str, size_bytes: int) -> FileFound:
    return FileFound(size_bytes)


def _name_and_size(file: Any) -> tuple[str, int]:
    return file.path, file.size_in_bytes


class _ReadRange(beam.DoFn):
    """Reads a range into batches; counts what was read and what was blank."""

    def __init__(self, fields: RowFields, max_batch_size: int) -> None:
        self._fields = fields
        self._max_batch_size = max_batch_size
        self._read = Metrics.counter(names.OWN_NAMESPACE, names.READ)
        self._blank = Metrics.counter(names.OWN_NAMESPACE, names.BLANK)

    def process(self, part: files.FileRange) -> Iterator[Any]:
        read = blank = 0
        records: list[Record] = []
        held_bytes = 0
        for row in rows(part, self._fields):
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
