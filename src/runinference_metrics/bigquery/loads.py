"""Loads of files into tables, each once, however often it is tried."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runinference_metrics.bigquery import clients
from runinference_metrics.bigquery.addresses import Destination

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField

# What a job may fail for that a second one does not:
# https://cloud.google.com/bigquery/docs/error-messages
_PASSING = ("backendError", "internalError", "rateLimitExceeded", "jobBackendError",
            "jobInternalError", "jobRateLimitExceeded", "tableUnavailable")  # fmt: skip
_TRIES = 3
# https://cloud.google.com/bigquery/quotas#load_jobs
MOST_FILES = 10_000
REPLACE, IF_EMPTY, APPEND = "WRITE_TRUNCATE", "WRITE_EMPTY", "WRITE_APPEND"


class LoadFailed(Exception):
    """A load was refused or failed."""


@dataclass(frozen=True)
class Load:
    """A load, which has an id before it is tried.

    Args:
        destination: the table.
        project: the one in which its job runs; loads are free.
        job_id: the beginning of its job's id.
        disposition: what happens to rows that are there: `REPLACE`, `IF_EMPTY` or `APPEND`.
    """

    destination: Destination
    project: str
    job_id: str
    disposition: str

    def parquet(self, files: Sequence[str], schema: "Sequence[SchemaField]") -> int:
        """Loads files of Parquet in a bucket, all of them or none; returns how many rows.

        Args:
            files: their gs:// addresses.
            schema: the table's columns.

        Raises:
            LoadFailed: it cannot be done.
        """
        from google.cloud import bigquery

        config = self._config("PARQUET", schema)
        config.parquet_options = bigquery.ParquetOptions()
        config.parquet_options.enable_list_inference = True
        client = clients.tables(self.project)

        def begin(job_id: str, location: str) -> Any:
            return client.load_table_from_uri(
                list(files), self._reference, job_id=job_id, location=location, job_config=config
            )

        return self._once(begin)

    def json_lines(self, lines: bytes, schema: "Sequence[SchemaField]") -> int:
        """Loads lines of JSON, which travel with the job; likewise."""
        config = self._config("NEWLINE_DELIMITED_JSON", schema)
        if self.disposition == APPEND:
            # A later version has more to say.
            config.schema_update_options = ["ALLOW_FIELD_ADDITION"]
        client = clients.tables(self.project)

        def begin(job_id: str, location: str) -> Any:
            return client.load_table_from_file(
                io.BytesIO(lines), self._reference, job_id=job_id, location=location,
                job_config=config,
            )  # fmt: skip

        return self._once(begin)

    @property
    def _reference(self) -> Any:
        from google.cloud.bigquery import DatasetReference, TableReference

        table = self.destination.table
        return TableReference(DatasetReference(table.project, table.dataset), table.name)

    def _config(self, source_format: str, schema: "Sequence[SchemaField]") -> Any:
        from google.cloud import bigquery

        config = bigquery.LoadJobConfig(
            source_format=source_format, write_disposition=self.disposition, schema=list(schema)
        )
        existing = self._existing()
        if self.destination.partition:
            config.time_partitioning = bigquery.TimePartitioning(field=self.destination.partition)
        elif existing:
            # A table that is replaced keeps how it is cut.
            config.time_partitioning = existing.time_partitioning
            config.range_partitioning = existing.range_partitioning
        if self.destination.cluster:
            config.clustering_fields = list(self.destination.cluster)
        elif existing:
            config.clustering_fields = existing.clustering_fields
        return config

    def _existing(self) -> Any:
        """The table as it is; None if there is none."""
        from google.api_core.exceptions import NotFound

        try:
            return clients.tables(self.project).get_table(self.destination.table.beside("").id)
        except NotFound:
            return None

    def _once(self, begin: Callable[[str, str], Any]) -> int:
        """Begins a job, or finds the one that was begun under its id, and waits for its end."""
        from google.api_core.exceptions import Conflict, GoogleAPICallError

        client, table = clients.tables(self.project), self.destination.table
        for attempt in range(_TRIES):
            job_id = f"{self.job_id}-{attempt}"
            try:
                # By an id alone, a job of another region would not be found again.
                location = client.get_dataset(f"{table.project}.{table.dataset}").location
                try:
                    job = begin(job_id, location)
                except Conflict:
                    # Somebody began it: this program, before a worker was lost.
                    job = client.get_job(job_id, location=location)
                job.result()
                return job.output_rows or 0
            except GoogleAPICallError as error:
                reasons = {one.get("reason") for one in error.errors if isinstance(one, dict)}
                if not reasons & {*_PASSING} or attempt == _TRIES - 1:
                    raise LoadFailed(_said(error)) from error
        raise AssertionError


def _said(error: Any) -> str:
    """Why a job failed: what it says of single files is more than its own sentence."""
    told = [one.get("message", "") for one in error.errors if isinstance(one, dict)]
    return max([str(error.message), *told], key=len)
