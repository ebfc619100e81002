"""Beam's own programs on this machine: Prism, a portable runner, and boot, with a pool of it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import engine_path

GO_INSTALL = "go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen, log: Path, secs: float = 60) -> None:
    """Returns when somebody listens on the port."""
    deadline = time.monotonic() + secs
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@contextlib.contextmanager
def started(command: list[str], log: Path, port: int, **more: str) -> Iterator[subprocess.Popen]:
    """A program that serves on a port, in a group of its own, until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            cwd=log.parent, env={**os.environ, **more},
        )  # fmt: skip
    try:
        wait_for(port, process, log)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class Prism:
    """A running Prism.

    Args:
        port: of its job service.
        process: the program.
        log: what it says.
    """

    port: int
    process: subprocess.Popen
    log: Path

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that make a run a job of it."""
        return ("--runner=PortableRunner", f"--job_endpoint=localhost:{self.port}")


@contextlib.contextmanager
def prism_running(folder: Path, **more: str) -> Iterator[Prism]:
    """A Prism until the block ends; the test is skipped where there is none."""
    program = engine_path("BEAM_PRISM")
    if program is None:
        pytest.skip(f"BEAM_PRISM is not set; to get it: {GO_INSTALL}")
    port, log = free_port(), folder / "prism.log"
    command = [str(program), f"--job_port={port}", "--serve_http=false", "--log_kind=text"]
    with started(command, log, port, **more) as process:
        yield Prism(port, process, log)


@contextlib.contextmanager
def pool_running(folder: Path, boot: Path | str) -> Iterator[str]:
    """A pool whose workers are started by `boot`; yields the flag that names it."""
    port, log = free_port(), folder / f"pool-{Path(boot).name}.log"
    command = [
        sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main",
        f"--container_executable={boot}", f"--service_port={port}",
    ]  # fmt: skip
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with started(command, log, port, PATH=path, RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT="1"):
        yield f"--environment_config=localhost:{port}"


@pytest.fixture
def prism(tmp_path: Path) -> Iterator[Prism]:
    with prism_running(tmp_path) as running:
        yield running


@pytest.fixture
def boot() -> Path:
    program = engine_path("BEAM_BOOT")
    if program is None:
        pytest.skip(
            "BEAM_BOOT is not set; it is /opt/apache/beam/boot of Beam's images, or go install "
            "github.com/apache/beam/sdks/v2/python/container@v2.77.0"
        )
    return program
