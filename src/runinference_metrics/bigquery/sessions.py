"""Reads of tables by BigQuery's interface for that: streams of columns, of which none is read in
vain.

https://cloud.google.com/bigquery/docs/reference/storage
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from runinference_metrics.bigquery import clients
from runinference_metrics.bigquery.addresses import Table

_DOT = "."


@dataclass(frozen=True)
class Session:
    """A table as it was at one moment, cut into streams.

    Args:
        schema: its columns, as Arrow writes them.
        streams: the names of the streams, each of which has some of the rows; none of an empty
            table.
        about_rows: how many rows that are, about.
    """

    schema: bytes
    streams: tuple[str, ...]
    about_rows: int


def opened(
    table: Table, project: str, fields: Sequence[str], where: str = "", most_streams: int = 0
) -> Session:
    """Opens a session.

    Args:
        table: the table; its rows stay what they are now.
        project: the one that pays for reading.
        fields: the columns that are read, or fields of objects in them; none for all.
        where: which rows, as SQL; "" for all.
        most_streams: no more streams; 0 for as many as the service thinks right.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: the service refuses.
    """
    from google.cloud.bigquery_storage_v1 import types

    columns = list(dict.fromkeys(one.partition(_DOT)[0] for one in fields))
    session = clients.reading().create_read_session(
        parent=f"projects/{project}",
        read_session=types.ReadSession(
            table=table.path,
            data_format=types.DataFormat.ARROW,
            read_options=types.ReadSession.TableReadOptions(
                selected_fields=columns, row_restriction=where
            ),
        ),
        max_stream_count=most_streams,
    )
    return Session(
        session.arrow_schema.serialized_schema,
        tuple(one.name for one in session.streams),
        session.estimated_row_count,
    )


def schema_of(session: Session) -> pa.Schema:
    """The columns of a session's rows."""
    return pa.ipc.read_schema(pa.py_buffer(session.schema))


def batches(schema: bytes, stream: str) -> Iterator[pa.RecordBatch]:
    """The rows of a stream; where the connection breaks, Google's client goes on from there.

    Args:
        schema: the session's.
        stream: its name.
    """
    columns = pa.ipc.read_schema(pa.py_buffer(schema))
    for message in clients.reading().read_rows(stream):
        data = pa.py_buffer(message.arrow_record_batch.serialized_record_batch)
        yield pa.ipc.read_record_batch(data, columns)
