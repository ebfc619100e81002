"""The transform from a table of BigQuery, or a query, to batches of records."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from runinference_metrics.bigquery import sessions
from runinference_metrics.bigquery.inputs import Input
from runinference_metrics.bigquery.sessions import Session
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.reading_rows import PARTS, REJECTED, ReadRows
from runinference_metrics.reading.table_rows import Outcome, Rows
from runinference_metrics.reading.transform import Read
from runinference_metrics.records.events import Began, FileFound

TABLE, QUERY = "BigQuery table", "BigQuery query"


@dataclass(frozen=True)
class Stream:
    """Some of the rows of a table.

    Args:
        source: where they are from.
        schema: their columns, as Arrow writes them.
        name: the stream's; "" where the table is empty, and there is none.
        number: which one it is, from 0.
        streams: how many there are.
    """

    source: str
    schema: bytes
    name: str
    number: int
    streams: int

    def outcomes(self, fields: RowFields, most_rows: int) -> Iterator[Outcome]:
        """The rows as batches of records; rejected ones, None for each blank one.

        A table has no order: rows are numbered by turns, one of each stream, so that each has a
        number of its own.

        Args:
            fields: the fields that matter.
            most_rows: no batch holds more.
        """
        at = 0
        for batch in sessions.batches(self.schema, self.name) if self.name else ():
            stop = at + batch.num_rows
            numbers = range(self.number + 1 + at * self.streams,
                            self.number + 1 + stop * self.streams, self.streams)  # fmt: skip
            yield from Rows(batch, fields, self.source, numbers, batch.schema.names).outcomes(
                most_rows
            )
            at = stop


def streams(given: Input, fields: RowFields, most_streams: int = 0) -> Iterator[Stream]:
    """Opens a session, and gives its streams; one without a name where there are no rows.

    Args:
        given: the table or query.
        fields: the fields that matter.
        most_streams: no more streams; 0 for as many as the service thinks right.
    """
    names = () if fields.keeps_all else fields.named
    yield from streams_of(*given.opened(names, most_streams))


def streams_of(source: str, session: Session) -> Iterator[Stream]:
    """The streams of a session; one without a name where there are no rows."""
    for number, name in enumerate(session.streams or ("",)):
        yield Stream(source, session.schema, name, number, len(session.streams))


class ReadTable(beam.PTransform):
    """A table or a query to batches of records, rejected rows, and events for the summary.

    Args:
        given: the table or query.
        size_bytes: how large it is.
        fields: the fields that matter.
        max_batch_size: no batch holds more texts.
        spread: whether batches are shuffled after reading, so that many workers share a stream.
    """

    def __init__(
        self, given: Input, size_bytes: int, fields: RowFields, max_batch_size: int, spread: bool
    ) -> None:
        super().__init__()
        self._given = given
        self._size_bytes = size_bytes
        self._fields = fields
        self._max_batch_size = max_batch_size
        self._spread = spread

    def expand(self, pipeline: Any) -> Read:
        """Applies the transform."""
        given = pipeline | "Input" >> beam.Create([self._given], reshuffle=False)
        read = (
            given
            | "Session" >> beam.FlatMap(streams, self._fields)
            # What is behind it reads the streams of one session, however often a worker is lost.
            | "Spread streams" >> beam.Reshuffle()
            | "Rows"
            >> beam.ParDo(_ReadStream(self._fields, self._max_batch_size, _kind(self._given)))
            .with_outputs(REJECTED, PARTS, main="batches")
        )  # fmt: skip
        batches = read.batches
        if self._spread:
            batches = batches | "Spread batches" >> beam.Reshuffle()
        events = (
            given | "Began" >> beam.Map(_began),
            given | "Count tables" >> beam.Map(_found, self._size_bytes),
        )
        return Read(batches, read[REJECTED], read[PARTS], events)


class _ReadStream(ReadRows):
    """Reads a stream."""

    def __init__(self, fields: RowFields, max_batch_size: int, kind: str) -> None:
        super().__init__(fields, max_batch_size)
        self._kind = kind

    def process(self, stream: Stream) -> Iterator[Any]:
        found = stream.outcomes(self._fields, self._max_batch_size)
        yield from self.batches(found, stream.source, lambda: self._kind)


def _kind(given: Input) -> str:
    return TABLE if given.source.table else QUERY


def _began(_: Input) -> Began:
    return Began(time.time_ns() // 1000)


def _found(_: Input, size_bytes: int) -> FileFound:
    return FileFound(size_bytes)
