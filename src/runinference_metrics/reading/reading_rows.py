"""The step that makes batches of records of rows, and counts them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from runinference_metrics.reading import rejections
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.table_rows import Outcome
from runinference_metrics.records import names
from runinference_metrics.records.batching import MAX_BATCH_BYTES
from runinference_metrics.records.events import PartRead
from runinference_metrics.records.record import Record, RecordBatch, Rejected

REJECTED, PARTS = "rejected", "parts"


class ReadRows(beam.DoFn):
    """Reads a part of the input into batches; counts what was read and what was blank.

    Args:
        fields: the fields that matter.
        max_batch_size: no batch holds more texts.
    """

    def __init__(self, fields: RowFields, max_batch_size: int) -> None:
        self._fields = fields
        self._max_batch_size = max_batch_size
        self._read = Metrics.counter(names.OWN_NAMESPACE, names.READ)
        self._blank = Metrics.counter(names.OWN_NAMESPACE, names.BLANK)

    def batches(
        self, found: Iterable[Outcome], path: str, described: Callable[[], str]
    ) -> Iterator[Any]:
        """Batches; and beside them rejected rows, and what was read.

        Args:
            found: the rows.
            path: where they are from.
            described: says how that is written, once it is read.
        """
        read = blank = rejected = 0
        first: Rejected | None = None
        fault: Rejected | None = None
        records: list[Record] = []
        held_bytes = 0
        kinds = self._fields.types.fields if self._fields.types else None
        for row in found:
            if isinstance(row, RecordBatch):
                read += len(row)
                yield row
                continue
            read += 1
            if isinstance(row, Record):
                held_bytes += row.row_bytes
                if len(records) == self._max_batch_size or held_bytes > MAX_BATCH_BYTES:
                    if records:
                        yield RecordBatch.of(records, kinds)
                    records, held_bytes = [], row.row_bytes
                records.append(row)
            elif row is None:
                blank += 1
            else:
                rejected += 1
                first = first or row
                if row.reason in rejections.OF_FILES:
                    fault = row
                yield beam.pvalue.TaggedOutput(REJECTED, row)
        if records:
            yield RecordBatch.of(records, kinds)
        shown = fault or first
        event = PartRead(
            path,
            read,
            blank,
            rejected,
            described(),
            fault.reason if fault else "",
            shown.detail if shown else "",
            first.reason if first else "",
        )
        yield beam.pvalue.TaggedOutput(PARTS, event)
        self._read.inc(read)
        self._blank.inc(blank)
