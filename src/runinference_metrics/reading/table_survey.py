"""Looks at rows all over a table of BigQuery."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from runinference_metrics.bigquery import tables
from runinference_metrics.bigquery.inputs import Input
from runinference_metrics.errors import UserError
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.spots import read_spot
from runinference_metrics.reading.survey import Spot, Survey
from runinference_metrics.reading.table_input import Stream, streams_of
from runinference_metrics.reading.table_rows import Outcome
from runinference_metrics.records.record import RecordBatch

# As many as files have; a table has fewer where the service gives it fewer streams.
_SPOTS = 128
_SPOT_ROWS = 512
# So many rows are read whole, in about a second, and nothing is estimated.
_WHOLE_ROWS = 1 << 17
_THREADS = 8


def surveyed_table(given: Input, fields: RowFields) -> Survey:
    """Reads the first rows of many streams, each of which has another part of the table.

    Args:
        given: the table.
        fields: the fields that matter.

    Raises:
        UserError: it is a query.
        google.api_core.exceptions.GoogleAPICallError: the service refuses.
    """
    table = given.source.table
    if table is None:
        takes = "files, or a table: what a query finds is known when it ran, so save it in a table"
        raise UserError("input", takes, given.source.query)
    about = tables.described(table, given.project)
    source, session = given.opened(() if fields.keeps_all else fields.named, _SPOTS)
    # Of some of the rows only the session knows how many there are, about.
    num_rows = session.about_rows if given.source.where else about.num_rows
    size_bytes = max(about.num_bytes, num_rows, 1)
    whole = num_rows <= _WHOLE_ROWS
    some = list(streams_of(source, session))
    most = None if whole else _SPOT_ROWS

    def spot(stream: Stream) -> Spot:
        found = read_spot(_first(stream.outcomes(fields, _SPOT_ROWS), most), _SPOT_ROWS)
        num_bytes = round(size_bytes * found.rows / max(1, num_rows))
        return replace(found, path=str(given), num_bytes=num_bytes, whole=False)

    with ThreadPoolExecutor(_THREADS) as pool:
        spots = tuple(pool.map(spot, some))
    return Survey(spots, size_bytes, whole)


def _first(rows: Iterator[Outcome], most: int | None) -> Iterator[Outcome]:
    seen = 0
    for row in rows:
        yield row
        seen += len(row) if isinstance(row, RecordBatch) else 1
        if most is not None and seen >= most:
            return
