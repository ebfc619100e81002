"""What a run reads of BigQuery: a table, some of its rows, or what a query finds."""

from collections.abc import Sequence
from dataclasses import dataclass

from runinference_metrics.bigquery import queries, sessions
from runinference_metrics.bigquery.addresses import Source
from runinference_metrics.bigquery.sessions import Session


@dataclass(frozen=True)
class Input:
    """A table or a query of one run.

    Args:
        source: what the user asks for.
        project: the one that pays for reading it.
        job_id: the id under which a query runs once.
    """

    source: Source
    project: str
    job_id: str

    def __str__(self) -> str:
        """What stands for it where files have their paths, before a query has its job."""
        return str(self.source.table or f"bq://{self.project}.{self.job_id}")

    def opened(self, fields: Sequence[str], most_streams: int = 0) -> tuple[str, Session]:
        """Runs the query, if it is one, and opens a session over its result or the table.

        Args:
            fields: the columns that are read, or fields of objects in them; none for all.
            most_streams: no more streams; 0 for as many as the service thinks right.

        Returns:
            Where the rows are from, and the session.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: the service refuses.
        """
        table, where = self.source.table, self.source.where
        if table is None:
            table = queries.result(self.source.query, self.project, self.job_id)
        return str(self), sessions.opened(table, self.project, fields, where, most_streams)
