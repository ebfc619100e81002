"""What other tests take for granted of the BigQuery on this machine."""

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core.exceptions import (
    Conflict,
    Forbidden,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from google.cloud import bigquery, storage
from google.cloud.bigquery_storage_v1 import BigQueryReadClient

from bigquery_for_tests import (
    PROJECT,
    BigQuery,
    bigquery_at,
    bigquery_running,
    session_over,
)
from buckets_for_tests import emulated

pytestmark = [
    pytest.mark.starts,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:Retrieving Arrow:PendingDeprecationWarning"),
]

DAY = datetime.date(2026, 11, 26)
NOON = datetime.datetime(2026, 11, 26, 12, 0, 0, 123456, tzinfo=datetime.UTC)
SCORE = pa.struct([("label", pa.string()), ("score", pa.float64())])
ARROW = pa.schema(
    [
        ("id", pa.string()),
        ("number", pa.int64()),
        ("share", pa.float64()),
        ("right", pa.bool_()),
        ("price", pa.decimal128(38, 9)),
        ("at", pa.timestamp("us", "UTC")),
        ("day", pa.date32()),
        ("tags", pa.list_(pa.string())),
        ("scores", pa.list_(SCORE)),
        ("first", SCORE),
    ]
)
FIRST: dict[str, Any] = {
    "id": "a", "number": 2**60, "share": 0.1, "right": True,
    "price": Decimal("0.123456789"), "at": NOON, "day": DAY, "tags": ["x", "y"],
    "scores": [{"label": "POSITIVE", "score": 0.75}, {"label": "NEGATIVE", "score": 0.25}],
    "first": {"label": "POSITIVE", "score": None},
}  # fmt: skip
NULLS = dict.fromkeys(FIRST, None) | {"id": "b"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQuery]:
    folder = tmp_path_factory.mktemp("bigquery")
    with bigquery_running(folder, rows_a_message=7, small_table_bytes=0) as found:
        found.client().create_dataset("results")
        yield found


@pytest.fixture
def client(running: BigQuery) -> bigquery.Client:
    return running.client()


@pytest.fixture
def reader(running: BigQuery) -> BigQueryReadClient:
    return running.reader()


def put(running: BigQuery, name: str, rows: list[dict[str, Any]]) -> str:
    path = running.buckets / "bucket" / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith(".jsonl"):
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows, ARROW), path)
    return f"gs://bucket/{name}"


def load(
    client: bigquery.Client, uris: list[str], table: str, job_id: str, **more: Any
) -> bigquery.LoadJob:
    config = bigquery.LoadJobConfig(**{"source_format": "PARQUET"} | more)
    if config.source_format == "PARQUET":
        config.parquet_options = bigquery.ParquetOptions.from_api_repr(
            {"enableListInference": True}
        )
    to = f"{PROJECT}.results.{table}"
    job = client.load_table_from_uri(uris, to, job_id=job_id, location="US", job_config=config)
    job.result(timeout=30)
    return job


def read(reader: BigQueryReadClient, table: Any, **options: Any) -> pa.Table:
    session = session_over(reader, table, streams=3, **options)
    parts = [reader.read_rows(one.name).to_arrow(session) for one in session.streams]
    return pa.concat_tables(parts)


def test_types_are_kept_from_parquet_to_a_read_session(
    running: BigQuery, client: bigquery.Client, reader: BigQueryReadClient
) -> None:
    load(client, [put(running, "types.parquet", [FIRST, NULLS])], "types", "types")
    table = client.get_table("results.types")
    assert [(one.field_type, one.mode) for one in table.schema] == [
        ("STRING", "NULLABLE"), ("INTEGER", "NULLABLE"), ("FLOAT", "NULLABLE"),
        ("BOOLEAN", "NULLABLE"), ("NUMERIC", "NULLABLE"), ("TIMESTAMP", "NULLABLE"),
        ("DATE", "NULLABLE"), ("STRING", "REPEATED"), ("RECORD", "REPEATED"),
        ("RECORD", "NULLABLE"),
    ]  # fmt: skip
    assert (table.num_rows, table.table_type) == (2, "TABLE")
    assert table.num_bytes
    found = read(reader, table)
    assert found.schema.equals(ARROW.remove_metadata())
    assert found.to_pylist() == [FIRST, NULLS | {"tags": [], "scores": []}]
    # The other way to the rows.
    assert [dict(row) for row in client.list_rows(table, max_results=1)] == [FIRST]


def test_one_id_is_good_for_one_load(running: BigQuery, client: bigquery.Client) -> None:
    uris = [put(running, f"once-{at}.parquet", [FIRST, NULLS]) for at in range(2)]
    load(client, uris, "once", "once")
    with pytest.raises(Conflict, match=r"Already Exists: Job test-project:US\.once"):
        load(client, uris, "once", "once")
    job = client.get_job("once", location="US")
    assert (job.state, job.error_result, job.output_rows) == ("DONE", None, 4)
    assert client.get_table("results.once").num_rows == 4


def test_a_load_is_whole_or_nothing(running: BigQuery, client: bigquery.Client) -> None:
    uris = [put(running, "half.parquet", [FIRST]), "gs://bucket/absent.parquet"]
    with pytest.raises(NotFound, match=r"Not found: URI gs://bucket/absent\.parquet"):
        load(client, uris, "half", "half")
    with pytest.raises(NotFound):
        client.get_table("results.half")
    with pytest.raises(Conflict):
        load(client, uris[:1], "half", "half")
    load(client, uris[:1], "half", "half-2")
    with pytest.raises(Conflict, match=r"Already Exists: Table test-project:results\.half"):
        load(client, uris[:1], "half", "half-3", write_disposition="WRITE_EMPTY")


def test_a_day_of_a_table_is_replaced(running: BigQuery, client: bigquery.Client) -> None:
    parts = bigquery.TimePartitioning("DAY", field="day")
    next_day = FIRST | {"id": "next", "day": DAY + datetime.timedelta(1)}
    uris = [put(running, "days.parquet", [FIRST, next_day])]
    load(client, uris, "days", "days", time_partitioning=parts, clustering_fields=["id"])
    table = client.get_table("results.days")
    assert (table.time_partitioning.field, table.clustering_fields) == ("day", ["id"])
    again = [put(running, "day.parquet", [FIRST | {"id": "again"}])]
    load(client, again, "days$20261126", "day", write_disposition="WRITE_TRUNCATE")
    assert sorted(row["id"] for row in client.list_rows(table)) == ["again", "next"]


def test_lines_of_json_are_appended(running: BigQuery, client: bigquery.Client) -> None:
    score = [bigquery.SchemaField("label", "STRING"), bigquery.SchemaField("score", "FLOAT")]
    schema = [
        bigquery.SchemaField("id", "STRING"),
        bigquery.SchemaField("scores", "RECORD", "REPEATED", fields=score),
    ]
    rows = [{"id": "a", "scores": FIRST["scores"]}, {"id": "b"}]
    uris = [put(running, "history.jsonl", rows)]
    for job_id in ("lines-1", "lines-2"):
        job = load(
            client, uris, "lines", job_id, schema=schema, write_disposition="WRITE_APPEND",
            source_format="NEWLINE_DELIMITED_JSON",
        )  # fmt: skip
        assert job.output_rows == 2
    found = [dict(row) for row in client.list_rows("test-project.results.lines", schema)]
    assert found == 2 * [rows[0], {"id": "b", "scores": []}]


@pytest.fixture(scope="module")
def hundred(running: BigQuery) -> Any:
    rows = [FIRST | {"id": f"{number}", "number": number} for number in range(100)]
    client = running.client()
    load(client, [put(running, "hundred.parquet", rows)], "hundred", "hundred")
    return client.get_table("results.hundred")


def test_every_row_is_in_one_stream(reader: BigQueryReadClient, hundred: Any) -> None:
    session = session_over(reader, hundred, streams=3)
    assert (len(session.streams), session.estimated_row_count) == (3, 100)
    assert read(reader, hundred)["number"].to_pylist() == list(range(100))
    pages = reader.read_rows(session.streams[0].name).rows(session).pages
    assert [page.to_arrow().num_rows for page in pages] == [7, 7, 7, 7, 5]


def test_a_stream_is_read_on_from_an_offset(reader: BigQueryReadClient, hundred: Any) -> None:
    session = session_over(reader, hundred)
    rest = reader.read_rows(session.streams[0].name, 90).to_arrow(session)
    assert rest["number"].to_pylist() == list(range(90, 100))


def test_fields_are_selected_and_rows_filtered(reader: BigQueryReadClient, hundred: Any) -> None:
    found = read(reader, hundred, selected_fields=["number"], row_restriction="number >= 98")
    assert found.to_pylist() == [{"number": 98}, {"number": 99}]
    for wrong in ({"row_restriction": "absent > 1"}, {"selected_fields": ["absent"]}):
        with pytest.raises(InvalidArgument, match="request failed"):
            session_over(reader, hundred, **wrong)


def test_the_result_of_a_query_is_read(
    client: bigquery.Client, reader: BigQueryReadClient, hundred: Any
) -> None:
    sql = "SELECT id, number * 2 AS twice, scores FROM results.hundred WHERE number < 3"
    dry = client.query(sql, job_config=bigquery.QueryJobConfig(dry_run=True))
    assert [(one.name, one.field_type) for one in dry.schema] == [
        ("id", "STRING"), ("twice", "INTEGER"), ("scores", "RECORD"),
    ]  # fmt: skip
    assert dry.total_bytes_processed == hundred.num_bytes
    job = client.query(sql, job_id="query-of-a-run", job_retry=None)
    job.result()
    found = read(reader, client.get_table(job.destination))
    assert sorted(found["twice"].to_pylist()) == [0, 2, 4]
    assert found["scores"].to_pylist()[0] == FIRST["scores"]
    with pytest.raises(Conflict):
        client.query(sql, job_id="query-of-a-run", job_retry=None)
    assert client.get_job("query-of-a-run", location="US").destination == job.destination


def test_a_view_is_none_for_a_read_session(
    client: bigquery.Client, reader: BigQueryReadClient, hundred: Any
) -> None:
    client.query("CREATE VIEW results.seen AS SELECT id FROM results.hundred").result()
    view = client.get_table("results.seen")
    assert (view.table_type, [one.name for one in view.schema]) == ("VIEW", ["id"])
    with pytest.raises(InvalidArgument, match="non-table entities"):
        session_over(reader, view)


def test_what_is_forbidden_is_refused(
    running: BigQuery, client: bigquery.Client, reader: BigQueryReadClient, hundred: Any
) -> None:
    table = bigquery.TableReference.from_string("test-project.forbidden.any")
    with pytest.raises(Forbidden, match=r"Permission bigquery\.tables\.get denied on table"):
        client.get_table(table)
    with pytest.raises(Forbidden, match=r"Access Denied: Table test-project:forbidden\.any"):
        client.query("SELECT * FROM forbidden.any")
    with pytest.raises(PermissionDenied, match=r"'bigquery\.tables\.getData' permission for"):
        session_over(reader, table)
    elsewhere = bigquery.Client("forbidden", client._credentials, client_options={
        "api_endpoint": running.rest})  # fmt: skip
    with pytest.raises(Forbidden, match=r"does not have bigquery\.jobs\.create permission"):
        elsewhere.query("SELECT 1")


def test_many_may_read_at_once(
    client: bigquery.Client, reader: BigQueryReadClient, hundred: Any
) -> None:
    def rows(number: int) -> int:
        if number % 2:
            return len(list(client.list_rows(hundred)))
        return read(reader, hundred).num_rows

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(rows, range(100))) == {100}


READS = """
from google.cloud import bigquery, bigquery_storage_v1
client, reader = bigquery.Client(), bigquery_storage_v1.BigQueryReadClient()
path = f"projects/{client.project}/datasets/results/tables/hundred"
session = reader.create_read_session(
    parent=f"projects/{client.project}", read_session={"table": path, "data_format": "ARROW"},
    max_stream_count=1)
print(client.get_table("results.hundred").num_rows,
      reader.read_rows(session.streams[0].name).to_arrow(session).num_rows)
"""


@pytest.mark.usefixtures("hundred")
def test_a_started_python_finds_it(running: BigQuery, capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READS], env={**os.environ, **running.variables},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("100 100\n", "")
    with bigquery_at(running):
        exec(READS)
    assert capsys.readouterr().out == "100 100\n"


def test_it_loads_what_was_written_to_a_bucket(
    running: BigQuery, client: bigquery.Client, tmp_path: Path
) -> None:
    pq.write_table(pa.Table.from_pylist([FIRST], ARROW), tmp_path / "a.parquet")
    with emulated("written", {}, running.folder):
        blob = storage.Client().bucket("written").blob("out/a.parquet")
        blob.upload_from_filename(tmp_path / "a.parquet")
    job = load(client, ["gs://written/out/*.parquet"], "written", "written")
    assert job.output_rows == 1
