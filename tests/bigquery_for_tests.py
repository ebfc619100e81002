"""A BigQuery on this machine: bqemulator, completed by engines/bigquery_server.py."""

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import google.auth
import grpc
import pytest
from gcp_storage_emulator.settings import STORAGE_DIR
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
    BigQueryReadGrpcTransport,
)

from conftest import ROOT, engine_path
from engines_for_tests import free_port, started

SERVER = ROOT / "tests" / "engines" / "bigquery_server.py"
CLIENTS = ROOT / "tests" / "emulated_clients"
PROJECT = "test-project"


@dataclass(frozen=True)
class BigQuery:
    """A running BigQuery.

    Args:
        rest: where it answers for tables and jobs: http://127.0.0.1:1234.
        grpc: where it answers for read sessions: 127.0.0.1:1235.
        folder: the folder of a bucket emulator on disk: `buckets_for_tests.emulated(…, folder)`.
        log: what it says.
    """

    rest: str
    grpc: str
    folder: Path
    log: Path

    @property
    def buckets(self) -> Path:
        """What it takes for gs://: gs://bucket/a is the file bucket/a in it."""
        return self.folder / STORAGE_DIR

    @property
    def variables(self) -> dict[str, str]:
        """What a started Python needs in its environment, besides what it has."""
        path = [str(CLIENTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            "BIGQUERY_EMULATOR_HOST": self.rest,
            "BIGQUERY_STORAGE_EMULATOR_HOST": self.grpc,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PYTHONPATH": os.pathsep.join(path),
        }

    def client(self) -> Client:
        """A client of tables and jobs."""
        options = ClientOptions(api_endpoint=self.rest)
        return Client(PROJECT, AnonymousCredentials(), client_options=options)

    def reader(self) -> BigQueryReadClient:
        """A client of read sessions."""
        channel = grpc.insecure_channel(self.grpc)
        return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


@contextlib.contextmanager
def bigquery_running(
    folder: Path, rows_a_message: int = 1000, small_table_bytes: int = 1_000_000
) -> Iterator[BigQuery]:
    """A BigQuery until the block ends; the test is skipped where there is none.

    Args:
        folder: for its files, and for those of its buckets.
        rows_a_message: how many rows come at once from a stream.
        small_table_bytes: a smaller table has one stream, as with Google.
    """
    program = engine_path("BQEMULATOR")
    if program is None:
        pytest.skip("BQEMULATOR is not set; `make build/bigquery/ready` makes its environment")
    (folder / "home").mkdir(parents=True)
    found = BigQuery(
        f"http://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}", folder,
        folder / "bigquery.log",
    )  # fmt: skip
    found.buckets.mkdir()
    # Read sessions are the last thing that it begins to answer for.
    rest, port = (one.rpartition(":")[2] for one in (found.rest, found.grpc))
    command = [
        str(program.parent / "python"), str(SERVER), "start", f"--rest-port={rest}",
        f"--grpc-port={port}", f"--project={PROJECT}", "--log-level=warning", "--ephemeral",
    ]  # fmt: skip
    more = {
        "HOME": str(folder / "home"),
        "PYTHONPATH": "",
        "BQEMU_GCS_LOCAL_ROOT": str(found.buckets),
        # They would be downloaded.
        "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",
        "BIGQUERY_ROWS_A_MESSAGE": str(rows_a_message),
        "BIGQUERY_SMALL_TABLE_BYTES": str(small_table_bytes),
    }
    with started(command, found.log, int(port), **more):
        yield found


@contextlib.contextmanager
def bigquery_at(bigquery: BigQuery) -> Iterator[None]:
    """Lets Google's clients in this process talk to it, as `variables` do in a started one."""
    changes = _changes()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bigquery.variables.items():
            if name != "PYTHONPATH":
                patch.setenv(name, value)
        patch.setattr(google.auth, "default", changes.default)
        patch.setattr(
            BigQueryReadGrpcTransport, "create_channel", classmethod(changes.create_channel)
        )
        yield


def _changes() -> ModuleType:
    """What a started Python has; as a module of another name, which changes nothing by itself."""
    spec = importlib.util.spec_from_file_location("changes", CLIENTS / "sitecustomize.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BIGQUERY_STORAGE_EMULATOR_HOST", raising=False)
        spec.loader.exec_module(module)
    return module


def session_over(
    reader: BigQueryReadClient, table: Any, streams: int = 1, **options: Any
) -> types.ReadSession:
    """A read session in Arrow; options are selected_fields and row_restriction."""
    path = f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}"
    return reader.create_read_session(
        parent=f"projects/{PROJECT}",
        read_session=types.ReadSession(
            table=path, data_format=types.DataFormat.ARROW, read_options=options
        ),
        max_stream_count=streams,
    )
