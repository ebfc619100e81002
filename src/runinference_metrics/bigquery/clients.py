"""Google's clients of BigQuery, made once a process; they may be used by several threads."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.cloud.bigquery import Client
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient


def own_project() -> str:
    """The project of whoever is logged in; "" if nobody is."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        _, found = google.auth.default()
    except GoogleAuthError:
        return ""
    return found or ""


@cache
def tables(project: str) -> "Client":
    """The client of tables and jobs.

    Args:
        project: the one that jobs run in, and that pays for them.
    """
    # Takes half a second, and most runs have no table.
    from google.cloud import bigquery

    return bigquery.Client(project=project)


@cache
def reading() -> "BigQueryReadClient":
    """The client of read sessions."""
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient

    return BigQueryReadClient()
