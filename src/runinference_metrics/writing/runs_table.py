"""A history of runs as a table of BigQuery: a row a run. docs/bigquery.md describes it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from runinference_metrics.bigquery import clients
from runinference_metrics.bigquery.addresses import Destination, Table
from runinference_metrics.bigquery.loads import APPEND, Load, LoadFailed
from runinference_metrics.errors import RunFailed
from runinference_metrics.records.history import LINE_VERSION, VERSION_NAME, History, PastRun

# A column each, in this order: name, type, mode. Nested ones are lists of names and values, since
# what figures and labels there are differs from run to run.
_NAMED: tuple[tuple[str, str], ...] = (("name", "STRING"), ("value", "FLOAT"))
_COLUMNS: tuple[tuple[str, str, str], ...] = (
    (VERSION_NAME, "INTEGER", "REQUIRED"),
    ("start", "TIMESTAMP", "REQUIRED"),
    ("end", "TIMESTAMP", "REQUIRED"),
    ("wall_secs", "FLOAT", "REQUIRED"),
    ("job", "STRING", "NULLABLE"),
    ("runner", "STRING", "NULLABLE"),
    ("version", "STRING", "NULLABLE"),
    ("output", "STRING", "NULLABLE"),
    ("fingerprint", "STRING", "NULLABLE"),
    ("model", "STRING", "NULLABLE"),
    ("model_digests", "STRING", "REPEATED"),
    ("device_names", "STRING", "REPEATED"),
    ("precisions", "STRING", "REPEATED"),
    ("ok", "BOOLEAN", "REQUIRED"),
    ("failure", "STRING", "NULLABLE"),
    ("currency", "STRING", "NULLABLE"),
)
_RECORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "labels": (("name", "STRING"), ("value", "STRING")),
    "thresholds": (("threshold", "STRING"), ("passed", "BOOLEAN"), ("warns", "BOOLEAN")),
    "figures": _NAMED,
}
# By which rows are found again, and the table is kept small to read.
_PARTITION = "start"


def schema() -> list[Any]:
    """The columns of the table."""
    from google.cloud.bigquery import SchemaField

    plain = [SchemaField(name, kind, mode) for name, kind, mode in _COLUMNS]
    nested = [
        SchemaField(name, "RECORD", "REPEATED", fields=[SchemaField(*one) for one in fields])
        for name, fields in _RECORDS.items()
    ]
    return [*plain, *nested]


@dataclass(frozen=True)
class RunsTable:
    """A table of runs.

    Args:
        table: the table; it is made if there is none.
        project: the one in which jobs run.
    """

    table: Table
    project: str

    def add(self, run: PastRun) -> None:
        """Adds a run's row, once, however often it is tried.

        Raises:
            RunFailed: it cannot be added.
        """
        # The same for the same run in the same table: BigQuery knows its jobs for half a year.
        told_apart = json.dumps([*run.key, self.table.id]).encode()
        job_id = f"runinference-run-{hashlib.sha256(told_apart).hexdigest()[:32]}"
        load = Load(Destination(self.table, _PARTITION), self.project, job_id, APPEND)
        try:
            load.json_lines(json.dumps(_row(run)).encode() + b"\n", schema())
        except LoadFailed as error:
            raise RunFailed(
                f"The run's row could not be added to {self.table}: {error}."
            ) from error

    def read(self) -> History:
        """The runs.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: they cannot be read.
        """
        found = clients.tables(self.project).list_rows(self.table.id)
        return History.of_lines(_lines(dict(row.items()) for row in found))


def _row(run: PastRun) -> dict[str, Any]:
    row = {VERSION_NAME: LINE_VERSION, **asdict(run)}
    for name in ("labels", "figures"):
        row[name] = [{"name": key, "value": value} for key, value in row[name].items()]
    return row


def _lines(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """The rows as the lines of a history, which are checked where they are read."""
    for row in rows:
        for name in ("start", "end"):
            row[name] = row[name].isoformat()
        for name in ("labels", "figures"):
            row[name] = {one["name"]: one["value"] for one in row[name]}
        yield json.dumps(row).encode()
