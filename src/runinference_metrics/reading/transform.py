"""The transform from file patterns to batches of records."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam

from runinference_metrics.reading import files, listing
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.formats import FormatOptions
from runinference_metrics.reading.patterns import Pattern
from runinference_metrics.reading.ranges import ranges
from runinference_metrics.reading.reading_rows import PARTS, REJECTED, ReadRows
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.events import Began, FileFound


class Read(NamedTuple):
    """What reading gives.

    Args:
        batches: RecordBatches.
        rejected: Rejected rows.
        parts: a PartRead for each range of a file.
        events: collections of other events for the summary.
    """

    batches: beam.PCollection
    rejected: beam.PCollection
    parts: beam.PCollection
    events: tuple[beam.PCollection, ...]


class ReadBatches(beam.PTransform):
    """Files to batches of records, rejected rows, and events for the summary.

    Args:
        patterns: the input patterns, checked.
        fields: the fields of a structured row that matter.
        options: what the user says of how the files are written.
        max_batch_size: no batch holds more texts.
        spread: whether batches are shuffled after reading, so that many workers share a file.
    """

    def __init__(
        self,
        patterns: Sequence[Pattern],
        fields: RowFields,
        options: FormatOptions,
        max_batch_size: int,
        spread: bool,
    ) -> None:
        super().__init__()
        self._patterns = patterns
        self._fields = fields
        self._options = options
        self._max_batch_size = max_batch_size
        self._spread = spread

    def expand(self, pipeline: Any) -> Read:
        """Applies the transform."""
        patterns = pipeline | "Patterns" >> beam.Create(self._patterns, reshuffle=False)
        found = (
            patterns
            | "Match"
            >> beam.FlatMap(listing.found, self._patterns).with_output_types(listing.Found)
            # Patterns may overlap, and a file may grow while they are listed: it is read once.
            | "By path" >> beam.Map(_by_path).with_output_types(tuple[str, listing.Found])
            | "Each file once" >> beam.CombinePerKey(max)
            | "Without path" >> beam.Values()
        )
        read = (
            found
            | "Data" >> beam.Filter(_is_data)
            | "Ranges" >> beam.FlatMap(_ranges, self._options, self._fields)
            | "Spread ranges" >> beam.Reshuffle()
            | "Rows"
            >> beam.ParDo(
                _ReadRange(self._fields, self._options, self._max_batch_size)
            ).with_outputs(REJECTED, PARTS, main="batches")
        )
        batches = read.batches
        if self._spread:
            batches = batches | "Spread batches" >> beam.Reshuffle()
        events = (
            patterns | "Began" >> beam.Map(_began),
            found | "Count files" >> beam.Map(_file_found),
        )
        return Read(batches, read[REJECTED], read[PARTS], events)


def _began(_: Pattern) -> Began:
    return Began(time.time_ns() // 1000)


def _by_path(file: listing.Found) -> tuple[str, listing.Found]:
    return file.path, file


def _file_found(file: listing.Found) -> FileFound:
    return FileFound(file.size_bytes, file.skipped)


def _is_data(file: listing.Found) -> bool:
    return not file.skipped


def _ranges(
    file: listing.Found, options: FormatOptions, fields: RowFields
) -> Iterator[files.FileRange]:
    return ranges(file.path, file.size_bytes, options, fields)


class _ReadRange(ReadRows):
    """Reads a range of a file."""

    def __init__(self, fields: RowFields, options: FormatOptions, max_batch_size: int) -> None:
        super().__init__(fields, max_batch_size)
        self._options = options

    def process(self, part: files.FileRange) -> Iterator[Any]:
        found = rows(part, self._fields, self._options, self._max_batch_size)
        yield from self.batches(found, part.path, lambda: str(found.file_format or ""))
