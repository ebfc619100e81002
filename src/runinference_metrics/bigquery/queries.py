"""Queries: what one would find and cost, and its result as a table."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from runinference_metrics.bigquery import clients
from runinference_metrics.bigquery.addresses import Table
from runinference_metrics.bigquery.schemas import arrow_schema


@dataclass(frozen=True)
class DryRun:
    """What is known of a query that did not run.

    Args:
        schema: the columns of its result.
        num_bytes: what it would read, and be paid for.
        location: where its tables are.
        tables: what it would read.
    """

    schema: pa.Schema
    num_bytes: int
    location: str
    tables: tuple[Table, ...]


def dry_run(query: str, project: str) -> DryRun:
    """Asks what a query would do; it costs nothing.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: the query is wrong, or may not be run.
    """
    from google.cloud import bigquery

    config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
    job: Any = clients.tables(project).query(query, job_config=config, job_retry=None)
    named = job.referenced_tables or ()
    tables = tuple(Table(one.project, one.dataset_id, one.table_id) for one in named)
    schema = arrow_schema(job.schema or ())
    return DryRun(schema, job.total_bytes_processed or 0, job.location, tables)


def result(query: str, project: str, job_id: str) -> Table:
    """Runs a query to its end, unless it ran under this id already.

    Its result stays there for a day.

    Args:
        query: the query.
        project: the one that pays for it.
        job_id: its job's id; with it a query runs once, however often this is called.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: it fails.
    """
    from google.api_core.exceptions import Conflict

    client = clients.tables(project)
    # Where its tables are: by an id alone, a job of another region would not be found again.
    location = dry_run(query, project).location
    try:
        job: Any = client.query(query, job_id=job_id, location=location, job_retry=None)
    except Conflict:
        job = client.get_job(job_id, location=location)
    job.result(max_results=0)
    found = job.destination
    return Table(found.project, found.dataset_id, found.table_id)
