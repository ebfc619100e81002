"""What a table is: its columns, how much it holds, where it lies."""

from dataclasses import dataclass

import pyarrow as pa

from runinference_metrics.bigquery import clients
from runinference_metrics.bigquery.addresses import Table
from runinference_metrics.bigquery.schemas import arrow_schema

# What the interface for reading takes; views, and tables that lie elsewhere, only a query does:
# https://cloud.google.com/bigquery/docs/reference/storage#limitations
_STREAMED = ("TABLE", "SNAPSHOT", "CLONE")


@dataclass(frozen=True)
class Description:
    """A table.

    Args:
        kind: TABLE, VIEW and so on, as the service has it.
        schema: its columns.
        num_rows: how many rows it has.
        num_bytes: how large it is.
    """

    kind: str
    schema: pa.Schema
    num_rows: int
    num_bytes: int

    @property
    def can_be_streamed(self) -> bool:
        """Whether it can be read without a query."""
        return self.kind in _STREAMED


def described(table: Table, project: str) -> Description:
    """Asks for a table.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: it is not there, or may not be asked for.
    """
    found = clients.tables(project).get_table(table.id)
    return Description(
        found.table_type or "TABLE", arrow_schema(found.schema), found.num_rows or 0,
        found.num_bytes or 0,
    )  # fmt: skip
