"""A run that nobody waits for, with its output in an emulated bucket."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from conftest import ROOT

pytestmark = pytest.mark.starts

# What the launcher leaves to the workers: the program has built the pipeline and is gone. No code
# runs after the pipeline's own last step.
NOBODY_WAITS = """
import sys
import apache_beam as beam
from apache_beam.internal.gcp import auth
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
auth._Credentials._credentials_init = True
auth._Credentials._credentials = None
from runinference_metrics.options import command_line
from runinference_metrics import pipeline
from runinference_metrics.reading.listing import listed
from runinference_metrics.inference.handler import ClassifierHandler, spec_of
from runinference_metrics.running.preview import format_options, row_fields
settings, _ = command_line.parse(sys.argv[1:])
built = beam.Pipeline(runner=FnApiRunner())
facts = {"job": "a-job", "runner": "DataflowRunner", "version": "0", "beam_version": "0",
         "python_version": "3", "parameters": settings.as_parameters()}
pipeline.build(built, pipeline.Plan(settings, listed(settings.input).patterns,
    row_fields(settings), format_options(settings),
    ClassifierHandler(spec_of(settings, 1)), True, facts, None))
built.run()
"""

REPORT = """
import sys
from apache_beam.internal.gcp import auth
auth._Credentials._credentials_init = True
auth._Credentials._credentials = None
from runinference_metrics.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which gs:// is an emulator with the bucket `results`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "gcp_storage_emulator", "start", "--host=127.0.0.1",
         f"--port={port}", "--in-memory", "--default-bucket=results"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield {
            **os.environ,
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}",
            "GOOGLE_CLOUD_PROJECT": "test",
        }
    finally:
        server.terminate()
        server.wait()


def run(code: str, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def objects(env: dict[str, str]) -> dict[str, str]:
    url = f"{env['STORAGE_EMULATOR_HOST']}/storage/v1/b/results/o"
    with urllib.request.urlopen(url) as answer:
        listed: list[dict[str, Any]] = json.load(answer).get("items", [])
    found = {}
    for one in listed:
        with urllib.request.urlopen(f"{env['STORAGE_EMULATOR_HOST']}/results/{one['name']}") as got:
            found[one["name"]] = got.read().decode(errors="replace")
    return found


def test_metrics_and_report_are_written_without_anybody_waiting(
    bucket: dict[str, str], tmp_path: Path, distilbert: Path
) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a good film\n\na bad one\n")
    done = run(
        NOBODY_WAITS, f"--input={source}", "--output=gs://results/run", f"--model={distilbert}",
        env=bucket,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = objects(bucket)
    assert sorted(found) == [
        "run/dead_letters-00000-of-00001.jsonl",
        "run/metrics.json",
        "run/predictions-00000-of-00001.jsonl",
        "run/report.html",
    ]
    document = json.loads(found["run/metrics.json"])
    assert document["records"]["read"] == 3
    assert document["records"]["predicted"] == 2
    assert "2 texts in" in found["run/report.html"]
    # And the report can be made again, from the bucket into the bucket.
    again = run(REPORT, "report", "gs://results/run", env=bucket)
    assert again.returncode == 0, again.stderr
    assert "num_inferences" in again.stdout
    assert objects(bucket)["run/report.html"] == found["run/report.html"]


def put(env: dict[str, str], name: str, content: bytes) -> None:
    url = f"{env['STORAGE_EMULATOR_HOST']}/upload/storage/v1/b/results/o?uploadType=media&name="
    request = urllib.request.Request(url + quote(name, safe=""), data=content, method="POST")
    with urllib.request.urlopen(request):
        pass


def test_a_killed_run_and_a_recount_in_a_bucket(
    bucket: dict[str, str], tmp_path: Path, distilbert: Path
) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a good film\n\na bad one\n")
    left = ["again/.metrics.json.0a1b2c3d.part", "again/beam-temp-dead_letters-1f/a",
            "again/beam-temp-predictions-1f/a", "again/beam-temp-predictions-1f/b"]  # fmt: skip
    for name in [*left, "again/notes.md"]:
        put(bucket, name, b"left")
    arguments = ["run", f"--input={source}", "--output=gs://results/again",
                 f"--model={distilbert}"]  # fmt: skip
    refused = run(REPORT, *arguments, env=bucket)
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        "error: --output takes a folder in which no other run is writing (or set "
        "--overwrite=true); got 'gs://results/again' with .metrics.json.0a1b2c3d.part, of a run"
    )
    assert set(left) <= set(objects(bucket))
    again = run(REPORT, *arguments, "--overwrite=true", env=bucket)
    assert again.returncode == 0, again.stderr
    assert sorted(name for name in objects(bucket) if name.startswith("again/")) == [
        "again/dead_letters-00000-of-00001.jsonl",
        "again/metrics.json",
        "again/notes.md",
        "again/predictions-00000-of-00001.jsonl",
        "again/report.html",
    ]
    counted = run(REPORT, "verify", "gs://results/again", env=bucket)
    assert counted.returncode == 0, counted.stderr
    assert "shards: 2 predictions in 1, 0 dead letters in 1" in counted.stdout
    shard = "again/predictions-00000-of-00001.jsonl"
    put(bucket, shard, objects(bucket)[shard].encode().splitlines(keepends=True)[0])
    counted = run(REPORT, "verify", "gs://results/again", env=bucket)
    assert counted.returncode == 1
    assert "predictions: metrics.json says 2, the shards have 1" in counted.stdout
