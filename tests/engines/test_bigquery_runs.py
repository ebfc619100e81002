"""Runs from and into tables of BigQuery, by the server that test_bigquery_emulator.py looks at."""

import datetime
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core.exceptions import InternalServerError
from google.cloud import bigquery, storage
from google.cloud.bigquery import LoadJob

from bigquery_for_tests import PROJECT, BigQuery, bigquery_at, bigquery_running
from buckets_for_tests import emulated
from conftest import DEMO_MODEL
from runinference_metrics.__main__ import main
from runinference_metrics.bigquery import clients
from runinference_metrics.bigquery.addresses import Destination, Table
from runinference_metrics.writing.dead_letters import DEAD_LETTER_SCHEMA
from runinference_metrics.writing.loading import Loading

pytestmark = [pytest.mark.starts, pytest.mark.timeout(180)]

REVIEWS = f"bq://{PROJECT}.d.reviews"
TEMP = "--temp_location=gs://out/temp"
ROWS = 400
KEPT = ("price", "at", "tags", "right")
FIELD = bigquery.SchemaField
SCHEMA = [
    FIELD("text", "STRING"),
    FIELD("number", "INTEGER"),
    FIELD("price", "NUMERIC"),
    FIELD("at", "TIMESTAMP"),
    FIELD("tags", "STRING", "REPEATED"),
    FIELD("right", "BOOLEAN"),
    FIELD("review", "RECORD", fields=[FIELD("text", "STRING"), FIELD("stars", "INTEGER")]),
]


def review(number: int) -> dict[str, Any]:
    """A row; every ninth has no text."""
    return {
        "text": f"a {'good' if number % 3 else 'bad'} film {number}" if number % 9 else None,
        "number": number,
        "price": Decimal(number) / 4,
        "at": datetime.datetime(2026, 11, 1 + number % 28, 12, 0, 0, number, datetime.UTC),
        "tags": ["a", "b", "c"][: number % 4],
        "right": number % 3 > 0,
        "review": {"text": f"fine {number}", "stars": number % 5},
    }


@pytest.fixture(scope="module")
def bq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQuery]:
    """A BigQuery with reviews, and a bucket from which it loads; this process talks to both."""
    folder = tmp_path_factory.mktemp("bigquery")
    with (
        bigquery_running(folder, rows_a_message=50, small_table_bytes=0) as found,
        emulated("out", {}, folder),
        bigquery_at(found),
    ):
        clients.tables.cache_clear()
        clients.reading.cache_clear()
        client = found.client()
        client.create_dataset("d")
        file = folder / "reviews.parquet"
        kinds = pa.schema([
            ("text", pa.string()), ("number", pa.int64()), ("price", pa.decimal128(38, 9)),
            ("at", pa.timestamp("us", "UTC")), ("tags", pa.list_(pa.string())),
            ("right", pa.bool_()),
            ("review", pa.struct([("text", pa.string()), ("stars", pa.int64())])),
        ])  # fmt: skip
        pq.write_table(pa.Table.from_pylist([review(one) for one in range(ROWS)], kinds), file)
        config = bigquery.LoadJobConfig(source_format="PARQUET", schema=SCHEMA)
        with file.open("rb") as stream:
            client.load_table_from_file(
                stream, f"{PROJECT}.d.reviews", job_config=config
            ).result()  # fmt: skip
        yield found
    clients.tables.cache_clear()
    clients.reading.cache_clear()


def rows_of(bq: BigQuery, table: str) -> list[dict[str, Any]]:
    return [dict(row.items()) for row in bq.client().list_rows(f"{PROJECT}.d.{table}")]


def test_a_table_becomes_a_table_with_its_types(
    bq: BigQuery, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    output = f"bq://{PROJECT}.d.first?partition=at&cluster=label"
    arguments = [f"--input={REVIEWS}", TEMP, f"--model={DEMO_MODEL}", "--id_field=number",
                 f"--keep_fields={','.join(KEPT)}", "--label_field=right"]  # fmt: skip
    assert main(["run", f"--output={output}", *arguments]) == 0
    said = capsys.readouterr()
    assert f"Input: a table of BigQuery, {bq_bytes(bq)}, {ROWS} rows" in said.err
    assert f"Results are in bq://{PROJECT}.d.first" in said.out.replace("\n", " ")
    found = rows_of(bq, "first")
    wanted = [review(one) for one in range(ROWS) if one % 9]
    assert {one["id"]: {name: one[name] for name in KEPT} for one in found} == {
        one["number"]: {name: one[name] for name in KEPT} for one in wanted
    }
    assert {one["id"]: one["text"] for one in found} == {
        one["number"]: one["text"] for one in wanted
    }
    labels = {(one["right"], one["right_label"]) for one in found}
    assert len(labels) == 2
    assert {label for _, label in labels} <= {one["label"] for one in found[0]["scores"]}
    assert len({one["position"] for one in found}) == len(found)
    assert {one["source"] for one in found} == {REVIEWS}
    table = bq.client().get_table(f"{PROJECT}.d.first")
    assert table.time_partitioning.field == "at"
    assert table.clustering_fields == ["label"]
    (run,) = rows_of(bq, "first_runs")
    figures = {one["name"]: one["value"] for one in run["figures"]}
    assert (run["ok"], figures["read"], figures["predicted"]) == (True, ROWS, len(wanted))
    assert run["output"] == f"bq://{PROJECT}.d.first"
    assert rows_of(bq, "first_dead_letters") == []

    # What was written is what metrics.json says, and a second run does not add to it.
    folder = next(one for one in said.out.replace("\n", "").split() if one.startswith("gs://out"))
    assert main(["verify", folder]) == 0
    assert "hold no row twice" in capsys.readouterr().out
    assert main(["run", f"--output={output}", *arguments]) == 2
    assert "a table without rows (or set --overwrite=true" in capsys.readouterr().err
    assert main(["run", f"--output={output}", *arguments, "--overwrite=true"]) == 0
    assert len(rows_of(bq, "first")) == len(wanted)
    assert len(rows_of(bq, "first_runs")) == 2
    capsys.readouterr()
    page = tmp_path / "runs.html"
    assert main(["report", f"bq://{PROJECT}.d.first_runs", f"--html={page}"]) == 0
    assert "2 runs" in capsys.readouterr().out
    assert page.stat().st_size > 1000


def bq_bytes(bq: BigQuery) -> str:
    num_bytes = bq.client().get_table(f"{PROJECT}.d.reviews").num_bytes
    return f"{num_bytes:,} bytes" if num_bytes < 1e5 else f"{num_bytes / 1e6:,.1f} MB"


def test_a_run_that_is_not_good_leaves_the_table_as_it_is(
    bq: BigQuery, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--input={REVIEWS} WHERE number < 40", f"--output=bq://{PROJECT}.d.gate", TEMP,
                 f"--model={distilbert}", "--overwrite=true"]  # fmt: skip
    assert main(["run", *arguments]) == 0
    before = rows_of(bq, "gate")
    assert len(before) == 35
    code = main(["run", *arguments, "--thresholds=texts_per_wall_sec>=1e9"])
    assert code == 3
    assert f"bq://{PROJECT}.d.gate is as it was" in capsys.readouterr().err
    assert rows_of(bq, "gate") == before
    assert [one["ok"] for one in rows_of(bq, "gate_runs")] == [True, False]


def test_dead_letters_have_a_table(bq: BigQuery, distilbert: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "good"}\n{"text": 2, "id": 7}\n' + '{"text": "a"}\n' * 9)
    arguments = [f"--input={file}", f"--output=bq://{PROJECT}.d.letters", TEMP, "--id_field=id"]
    assert main(["run", *arguments, f"--model={distilbert}", "--max_failure_rate=0.5"]) == 0
    (letter,) = rows_of(bq, "letters_dead_letters")
    assert (letter["position"], letter["reason"], letter["id"]) == (2, "text_not_a_string", "7")
    assert json.loads(letter["text"]) == {"text": 2, "id": 7}
    assert len(rows_of(bq, "letters")) == 10


def test_a_query_is_read_once_and_may_go_into_files(
    bq: BigQuery, distilbert: Path, tmp_path: Path
) -> None:
    query = f"SELECT review, number FROM `{PROJECT}.d.reviews` WHERE number BETWEEN 10 AND 19"
    assert main(["run", f"--input={query}", f"--output={tmp_path}/out", f"--model={distilbert}",
                 "--text_field=review.text", "--keep_fields=review.stars", "--id_field=number",
                 "--output_format=parquet"]) == 0  # fmt: skip
    (file,) = (tmp_path / "out").glob("predictions-*.parquet")
    found = pq.read_table(file)
    assert sorted(found["id"].to_pylist()) == list(range(10, 20))
    assert found.schema.field("review_stars").type == pa.int64()
    assert main(["verify", f"{tmp_path}/out"]) == 0


def test_check_and_estimate_say_what_a_table_holds(
    bq: BigQuery, distilbert: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["check", f"--input={REVIEWS}", f"--model={distilbert}"]) == 0
    said = capsys.readouterr().out
    assert f"Rows: {ROWS}\n" in said
    assert "a good film 1" in said
    query = f"SELECT text FROM `{PROJECT}.d.reviews`"
    assert main(["check", f"--input={query}", f"--model={distilbert}"]) == 0
    said = capsys.readouterr().out
    assert "a query of BigQuery, which reads" in said
    assert "Rows: known when the query has run\n" in said
    file = tmp_path / "estimate.json"
    arguments = [f"--input={REVIEWS}", f"--model={distilbert}", f"--json={file}"]
    assert main(["estimate", *arguments]) == 0
    document = json.loads(file.read_text())
    assert document["input"]["texts"]["likely"] == sum(one % 9 > 0 for one in range(ROWS))
    assert main(["estimate", f"--input={query}", f"--model={distilbert}"]) == 2
    assert "save it in a table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([f"--input=bq://{PROJECT}.d.none"], "tables and queries that can be read"),
        ([f"--input={REVIEWS} WHERE nothing < 3"], "tables and queries that can be read"),
        (["--input=SELECT nothing FROM nowhere"], "tables and queries that can be read"),
        ([f"--input={REVIEWS}", "--text_field=txt"], "--text_field takes the name of a field"),
        ([f"--input={REVIEWS}", "--keep_fields=colour"], "--keep_fields takes names of fields"),
        ([f"--input=bq://{PROJECT}.forbidden.t"], "permission"),
        (["--input=bq://nothing"], "bq://PROJECT.DATASET.TABLE"),
        ([f"--input={REVIEWS}", f"--output=bq://{PROJECT}.none.t", TEMP], "bq mk --dataset"),
        ([f"--input={REVIEWS}", f"--output=bq://{PROJECT}.d.t"], "--temp_location takes a folder"),
        ([f"--input={REVIEWS}", f"--output=bq://{PROJECT}.d.t$20261126", TEMP],
         "--overwrite takes true where --output is a partition"),
        ([f"--input={REVIEWS}", f"--output=bq://{PROJECT}.d.t?colour=1", TEMP], "partition=COLUMN"),
        ([f"--input={REVIEWS}", f"--output=bq://{PROJECT}.d.t", TEMP, "--output_format=csv"],
         "--output_format takes a format where --output is a folder"),
        ([f"--input={REVIEWS}", f"--output={REVIEWS}", TEMP, "--overwrite=true"],
         "--output takes another table than those that are read"),
        ([f"--input=SELECT text FROM `{PROJECT}.d.reviews`", f"--output={REVIEWS}", TEMP,
          "--overwrite=true"], f"and {REVIEWS} is read"),
        ([f"--input=bq://{PROJECT}.d.reviews_runs", f"--output={REVIEWS}", TEMP],
         "--output takes another table than those that are read"),
        ([f"--input={REVIEWS}", f"--history=bq://{PROJECT}.none.runs"], "--history takes a table"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_a_line(
    bq: BigQuery, distilbert: Path, capsys: pytest.CaptureFixture[str],
    arguments: list[str], said: str,
) -> None:  # fmt: skip
    assert main(["check", *arguments, f"--model={distilbert}"]) in (1, 2)
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


def test_a_view_is_read_by_a_query(
    bq: BigQuery, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bq.client().query(
        f"CREATE VIEW `{PROJECT}.d.view` AS SELECT text FROM `{PROJECT}.d.reviews`"
    ).result()
    assert main(["check", f"--input=bq://{PROJECT}.d.view", f"--model={distilbert}"]) == 2
    assert f"--input='SELECT * FROM `{PROJECT}.d.view`'" in capsys.readouterr().err


# A load that is interrupted: whatever part of it was done, the next attempt makes it whole.
KILLED = """
import os, signal, sys, time
from google.cloud.bigquery import Client, LoadJob
from apache_beam.io.filesystems import FileSystems
moment = sys.argv[1]

def die(*_args, **_named):
    print("now", flush=True)
    time.sleep(60)

if moment == "before the job":
    Client.load_table_from_uri = die
elif moment == "while it runs":
    LoadJob.result = die
elif moment == "before the files are deleted":
    FileSystems.delete = staticmethod(die)
import test_bigquery_runs
test_bigquery_runs.load(sys.argv[2:])
"""
SIMPLE = pa.schema([("label", pa.string()), ("position", pa.int64())])


def loading(name: str) -> Loading:
    destination = Destination(Table(PROJECT, "d", name))
    return Loading(destination, PROJECT, f"run-of-{name}", False, "gs://out/temp/killed")


def load(arguments: list[str]) -> None:
    name, *files = arguments
    loading(name).load(SIMPLE, files[:-1], files[-1:])


@pytest.mark.parametrize(
    "moment", ["before the job", "while it runs", "before the files are deleted"]
)
def test_a_worker_that_is_killed_during_a_load_leaves_no_row_twice_and_loses_none(
    bq: BigQuery, moment: str
) -> None:
    name = moment.replace(" ", "_")
    folder = bq.buckets / "out" / name
    folder.mkdir(parents=True)
    bucket_client = storage.Client()
    files = []
    for number in range(3):
        positions = range(100 * number, 100 * number + 100)
        table = pa.table({"label": ["x"] * 100, "position": positions}, SIMPLE)
        files.append(uploaded(bucket_client, f"{name}/predictions-{number}.parquet", table))
    letters = DEAD_LETTER_SCHEMA.empty_table()
    files.append(uploaded(bucket_client, f"{name}/dead_letters-0.parquet", letters))
    environment = {**os.environ, **bq.variables}
    environment["PYTHONPATH"] += f":{Path(__file__).parent}:{Path(__file__).parent.parent}"
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED, moment, name, *files],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdout
    assert worker.stdout.readline() == "now\n"
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    load([name, *files])
    # A third time, as a runner does that did not hear of the second.
    load([name, *files])
    assert Counter(one["position"] for one in rows_of(bq, name)) == Counter(range(300))


def uploaded(client: Any, name: str, table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    client.bucket("out").blob(name).upload_from_string(sink.getvalue().to_pybytes())
    return f"gs://out/{name}"


def test_a_load_that_failed_for_a_moment_is_tried_again(
    bq: BigQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = storage.Client()
    table = pa.table({"label": ["x"], "position": [1]}, SIMPLE)
    letters = DEAD_LETTER_SCHEMA.empty_table()
    files = [uploaded(client, "again/predictions-0.parquet", table),
             uploaded(client, "again/dead_letters-0.parquet", letters)]  # fmt: skip
    result, failures = LoadJob.result, iter([1])

    def fails_once(job: LoadJob, *args: Any, **named: Any) -> Any:
        if next(failures, None):
            # The service takes back what it did of a job that fails.
            bq.client().delete_table(job.destination, not_found_ok=True)
            raise InternalServerError("for a moment", errors=[{"reason": "backendError"}])
        return result(job, *args, **named)

    monkeypatch.setattr(LoadJob, "result", fails_once)
    load(["again", *files])
    assert [one["position"] for one in rows_of(bq, "again")] == [1]
