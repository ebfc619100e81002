"""A run as a job of Beam's own portable runner, to its end, whatever that is."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from conftest import DEMO_MODEL, ROOT, Program, Ran
from engines_for_tests import (
    Prism,
    boot,  # noqa: F401
    free_port,
    pool_running,
    prism,  # noqa: F401
)
from runinference_metrics.__main__ import main
from servers_for_tests import QuietHandler, serving

pytestmark = [pytest.mark.starts, pytest.mark.timeout(240)]

LOOPBACK = "--environment_type=LOOPBACK"
EXTERNAL = "--environment_type=EXTERNAL"
LONG = 400_000


def state_of(prism: Prism) -> str:  # noqa: F811
    """The state of the one job."""
    with grpc.insecure_channel(f"localhost:{prism.port}") as channel:
        service = beam_job_api_pb2_grpc.JobServiceStub(channel)
        (job,) = service.GetJobs(beam_job_api_pb2.GetJobsRequest()).job_info
        return beam_job_api_pb2.JobState.Enum.Name(job.state)


@pytest.fixture
def source(tmp_path: Path, sentences: list[str]) -> Path:
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{sentences[i % len(sentences)]} {i}\n" for i in range(3000)))
    return path


@pytest.fixture
def long_source(tmp_path: Path) -> Path:
    path = tmp_path / "long.txt"
    path.write_text("a rather good film, all in all, and a long one\n" * LONG)
    return path


def by_position(ran: Ran) -> dict[int, Any]:
    return {one["position"]: one for one in ran.lines("predictions")}


def holds(ran: Ran, source: Path, program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    """Table, counts and predictions are those of the run on this machine; `verify` agrees."""
    assert ran.code == 0, ran.err
    # A long path stands on a line of its own.
    assert f"Results are in {ran.folder}" in " ".join(ran.out.split())
    assert "texts/s of the whole run" in ran.out
    noise = [
        line for line in ran.err.splitlines()
        if not re.match(r"Input: |Job job-\d+ on \w+|[\d,]+ texts classified", line)
    ]  # fmt: skip
    assert noise == []
    assert main(["verify", str(ran.folder)]) == 0, capsys.readouterr()
    here = program(f"--input={source}", f"--model={DEMO_MODEL}", "--precision=float32",
                   output="here")  # fmt: skip
    assert here.code == 0, here.err
    found, expected = by_position(ran), by_position(here)
    assert found.keys() == expected.keys()
    assert ran.metrics["records"] == here.metrics["records"]
    for position, one in expected.items():
        other = found[position]
        assert (other["text"], other["label"]) == (one["text"], one["label"])
        assert other["score"] == pytest.approx(one["score"], abs=1e-4)


def test_workers_in_this_process(
    prism: Prism,  # noqa: F811
    source: Path,
    program: Program,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran = program(f"--input={source}", "--precision=float32", *prism.flags, LOOPBACK)
    holds(ran, source, program, capsys)
    assert ran.metrics["run"]["runner"] == "PortableRunner"


def test_a_pool_of_real_boots_in_another_folder(
    prism: Prism,  # noqa: F811
    boot: Path,  # noqa: F811
    tmp_path: Path,
    source: Path,
    program: Program,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "pool").mkdir()
    with pool_running(tmp_path / "pool", boot) as pool:
        # Paths that mean something else where the workers are.
        relative = os.path.relpath(source, ROOT)
        ran = program(f"--input={relative}", "--model=models/demo", "--precision=float32",
                      *prism.flags, EXTERNAL, pool)  # fmt: skip
    holds(ran, source, program, capsys)


@contextlib.contextmanager
def classifying(source: Path, folder: Path, *flags: str) -> Iterator[subprocess.Popen]:
    """A run that classifies, which can be seen from the shards that it is writing."""
    running = subprocess.Popen(
        [sys.executable, "-m", "runinference_metrics", "run", f"--input={source}",
         f"--output={folder}", *flags],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 100
        while not list(folder.glob("beam-temp-predictions-*/*")):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield running
    finally:
        running.kill()


def ended(running: subprocess.Popen, folder: Path) -> Ran:
    out, err = running.communicate(timeout=100)
    return Ran(running.returncode, out, err, folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cancels_the_job_and_ends_the_program(
    prism: Prism,  # noqa: F811
    long_source: Path,
    tmp_path: Path,
    number: int,
) -> None:
    with classifying(long_source, tmp_path / "out", *prism.flags, LOOPBACK) as running:
        asked = time.monotonic()
        running.send_signal(number)
        ran = ended(running, tmp_path / "out")
    assert time.monotonic() - asked < 20
    assert ran.code == 130, ran.err
    assert re.search(r"^The job job-001 on PortableRunner at \S+ was cancelled\.$", ran.err, re.M)
    assert "Traceback" not in ran.err
    assert state_of(prism) == "CANCELLED"
    assert list((tmp_path / "out").iterdir()) == []


def failed(ran: Ran, code: int, message: str) -> None:
    """The run ended with one line, in which this is said, and left nothing."""
    assert ran.code == code, ran.err
    last = ran.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last
    assert "Traceback" not in ran.err
    assert len(ran.err.splitlines()) <= 5, ran.err
    assert "Results are in" not in ran.out
    assert not ran.folder.exists() or list(ran.folder.iterdir()) == []


def test_a_runner_that_is_not_there(program: Program, source: Path) -> None:
    ran = program(f"--input={source}", "--runner=PortableRunner", LOOPBACK,
                  f"--job_endpoint=localhost:{free_port()}", "--job_server_timeout=2")  # fmt: skip
    failed(ran, 2, "--job_endpoint takes the host:port of a job server that has been started; got")


def test_a_runner_that_is_something_else(program: Program, source: Path) -> None:
    with serving(QuietHandler) as port:
        ran = program(f"--input={source}", "--runner=PortableRunner", LOOPBACK,
                      f"--job_endpoint=localhost:{port}", "--job_server_timeout=2")  # fmt: skip
    failed(ran, 2, "where something listens that is none")


def test_no_runner_is_named(program: Program, source: Path) -> None:
    ran = program(f"--input={source}", "--runner=PortableRunner", LOOPBACK)
    failed(ran, 2, "You must specify a --job_endpoint when using --runner=PortableRunner")


def test_a_worker_that_is_killed(
    prism: Prism,  # noqa: F811
    boot: Path,  # noqa: F811
    tmp_path: Path,
    long_source: Path,
) -> None:
    with (
        pool_running(tmp_path, boot) as pool,
        classifying(long_source, tmp_path / "out", *prism.flags, EXTERNAL, pool) as running,
    ):
        _kill_harness_of(prism)
        ran = ended(running, tmp_path / "out")
    failed(ran, 1, "The run failed: a worker died in the middle of its work")


def _kill_harness_of(prism: Prism) -> None:  # noqa: F811
    """Kills the SDK harness that talks to this Prism; its environment says so."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes()
        except OSError:
            continue
        if b"CONTROL_API_SERVICE_DESCRIPTOR" in told and f":{prism.port}".encode() in told:
            os.kill(int(process.name), signal.SIGKILL)


def test_files_that_the_workers_do_not_see(
    prism: Prism,  # noqa: F811
    boot: Path,  # noqa: F811
    tmp_path: Path,
    source: Path,
    program: Program,
) -> None:
    # The workers' root is another one.
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    wrapper = tmp_path / "boot-elsewhere"
    hiding = f"mount -t tmpfs none {hidden} && exec {boot} "
    wrapper.write_text(f"""#!/bin/sh\nexec unshare --mount sh -c '{hiding} "$@"' sh "$@"\n""")
    wrapper.chmod(0o755)
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("no right to unshare a mount namespace here")
    (hidden / "in.txt").write_text(source.read_text())
    with pool_running(tmp_path, wrapper) as pool:
        ran = program(f"--input={hidden}/in.txt", *prism.flags, EXTERNAL, pool)
    failed(ran, 1, "The run failed while reading the input: [Errno 2] No such file or directory: "
                   f"'{hidden}/in.txt'")  # fmt: skip


def test_workers_that_do_not_start(
    prism: Prism,  # noqa: F811
    tmp_path: Path,
    source: Path,
    program: Program,
) -> None:
    with pool_running(tmp_path, "/bin/false") as pool:
        started = time.monotonic()
        ran = program(f"--input={source}", *prism.flags, EXTERNAL, pool, "--start_timeout_secs=8")
        assert time.monotonic() - started < 60
    where = pool.removeprefix("--environment_config=")
    failed(ran, 1, f"No worker has started within 8 s: the log of the worker pool at {where} says "
                   "why; --start_timeout_secs allows more time. The job job-001 on PortableRunner "
                   f"at localhost:{prism.port} was cancelled.")  # fmt: skip
    assert state_of(prism) == "CANCELLED"


def test_a_runner_that_dies(prism: Prism, tmp_path: Path, long_source: Path) -> None:  # noqa: F811
    with classifying(long_source, tmp_path / "out", *prism.flags, LOOPBACK) as running:
        prism.process.kill()
        ran = ended(running, tmp_path / "out")
    # The job may have gone on elsewhere, for all that is known: its shards stay.
    left = {path.name.split("-")[1] for path in ran.folder.iterdir()}
    assert left == {"temp"}
    shutil.rmtree(ran.folder)
    failed(ran, 1, "The run failed: the runner of job job-001")


def test_too_many_dead_letters_fail_with_the_workers_reason(
    prism: Prism,  # noqa: F811
    tmp_path: Path,
    program: Program,
) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "good"}\n{"text": 5}\n' * 50)
    ran = program(f"--input={source}", *prism.flags, LOOPBACK)
    assert ran.code == 1
    assert ran.err.splitlines()[-1].startswith("error: ")
    assert "text_not_a_string" in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


def test_prism_started_by_beam_itself(
    prism: Prism,  # noqa: F811
    tmp_path: Path,
    program: Program,
) -> None:
    location = os.environ["BEAM_PRISM"]
    copy = tmp_path / "prism"
    copy.write_bytes(Path(location).read_bytes())
    ran = program("--input=samples/", "--runner=PrismRunner", f"--prism_location={copy}")
    assert ran.code == 0, ran.err
    assert ran.metrics["records"]["predicted"] == 48
    said = ("Input: ", "Job job-001 on")
    assert [line for line in ran.err.splitlines() if not line.startswith(said)] == []
