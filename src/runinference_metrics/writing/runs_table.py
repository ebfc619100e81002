"""A history of runs as a table of BigQuery: a row a run. docs/bigquery.md describes it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from runinference_metrics.bigquery import clients
from runinference_metrics.bigquery.addresses import Destination, Table
from runinference_metrics.bigquery.loads import APPEND, Load
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


def append(table: Table, run: PastRun, project: str, job_id: str) -> None:
    """Adds a run's row, once, however often it is tried; the table is made if there is none.

    Raises:
        LoadFailed: it cannot be added.
    """
    load = Load(Destination(table, _PARTITION), project, job_id, APPEND)
    load.json_lines(json.dumps(_row(run)).encode() + b"\n", schema())


def _row(run: PastRun) -> dict[str, Any]:
    row = {VERSION_NAME: LINE_VERSION, **asdict(run)}
    for name in ("labels", "figures"):
        row[name] = [{"name": key, "value": value} for key, value in row[name].items()]
    return row


def read(table: Table, project: str) -> History:
    """The runs of a table.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: it cannot be read.
    """
    found = clients.tables(project).list_rows(table.id)
    return History.of_lines(_lines(dict(row.items()) for row in found))


def _lines(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """The rows as the lines of a history, which are checked where they are read."""
    for row in rows:
        for name in ("start", "end"):
            row[name] = row[name].isoformat()
        for name in ("labels", "figures"):
            row[name] = {one["name"]: one["value"] for one in row[name]}
        yield json.dumps(row).encode()
