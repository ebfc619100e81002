"""Buckets on this machine, for Beam's file system in this process."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.internal.gcp import auth
from gcp_storage_emulator.server import create_server
from google.cloud import storage


@contextlib.contextmanager
def at(address: str) -> Iterator[None]:
    """Lets gs:// be what answers at an address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", address)
        patch.setenv("GOOGLE_CLOUD_PROJECT", "test")
        patch.setattr(auth._Credentials, "_credentials_init", True)
        patch.setattr(auth._Credentials, "_credentials", None)
        yield


@contextlib.contextmanager
def emulated(bucket: str, names: dict[str, bytes], folder: Path | None = None) -> Iterator[None]:
    """A bucket with these objects, in memory or in a folder."""
    server = create_server(
        "127.0.0.1", 0, in_memory=folder is None, default_bucket=bucket,
        data_dir=None if folder is None else str(folder),
    )  # fmt: skip
    server.start()
    try:
        with at(f"http://127.0.0.1:{server._api._httpd.server_port}"):
            client = storage.Client()
            for name, content in names.items():
                client.bucket(bucket).blob(name).upload_from_string(content)
            yield
    finally:
        server.stop()
