"""A job that the program itself starts on Dataflow, watched to its end; the service is a fake."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from test_bucket import bucket  # noqa: F401
from test_launch import LAUNCH, get, put

from conftest import DEMO_MODEL, ROOT
from documents_for_tests import make_document
from servers_for_tests import QuietHandler, error_body, serving

pytestmark = [pytest.mark.starts, pytest.mark.timeout(200)]

ID = "2026-11-26_10_00_00-1"
ADDRESS = f"https://console.cloud.google.com/dataflow/jobs/us-central1/{ID}?project=my-project"
TRACEBACK = """Error message from worker: Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1512, in apache_beam.runners.common.DoFnRunner.process
  File "/opt/venv/lib/python3.12/site-packages/runinference_metrics/x.py", line 3, in load
OSError: [Errno 28] No space left on device [while running 'Predictions/Write/WriteBundles']

"""


@dataclass
class Service:
    """The one job, and what was asked of it."""

    port: int = 0
    states: list[str] = field(default_factory=lambda: ["JOB_STATE_PENDING", "JOB_STATE_RUNNING"])
    messages: list[tuple[str, str]] = field(default_factory=list)
    texts: int = 0
    cancelled: bool = False
    refuses: bool = False
    asked: list[str] = field(default_factory=list)

    def job(self) -> dict[str, Any]:
        """The job; each look at it brings it one state further."""
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {
            "id": ID, "name": "a-job", "projectId": "my-project", "location": "us-central1",
            "currentState": "JOB_STATE_CANCELLED" if self.cancelled else state,
            "createTime": "2026-11-26T10:00:00Z", "type": "JOB_TYPE_BATCH",
        }  # fmt: skip

    def answer(self, method: str, path: str, body: Any) -> Any:
        """The answer to a request."""
        self.asked.append(f"{method} {path}")
        if method == "PUT":
            # The client writes enums as numbers: JobState.JOB_STATE_CANCELLED.
            self.cancelled = body.get("requestedState") == 5
        if path.endswith("/messages"):
            return {"jobMessages": [
                {"id": str(i), "time": f"2026-11-26T10:00:0{i}Z", "messageText": text,
                 "messageImportance": importance}
                for i, (importance, text) in enumerate(self.messages)
            ]}  # fmt: skip
        if path.endswith("/metrics"):
            context = {"namespace": "RunInference", "step": "s1"}
            name = {"origin": "user", "name": "num_inferences", "context": context}
            return {"metrics": [{"name": name, "scalar": self.texts}]}
        return self.job()


@pytest.fixture
def service() -> Iterator[Service]:
    state = Service()

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(content) if content[:1] == b"{" else {}
            if state.refuses:
                no = error_body(403, "PERMISSION_DENIED", "me@x may no longer see this job.")
                return self.answer_json(403, no)
            self.answer_json(200, state.answer(self.command, self.path.split("?")[0], body))

        do_POST = do_PUT = do_GET

    with serving(Handler) as port:
        state.port = port
        yield state


def started(env: dict[str, str], service: Service, output: str) -> subprocess.Popen:
    put(env, "in/a.txt", b"a good film\n")
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH, "--input=gs://results/in/*.txt",
         f"--output=gs://results/{output}", f"--model={DEMO_MODEL}", "--runner=DataflowRunner",
         "--project=my-project", "--region=us-central1", "--job_name=a-job",
         "--staging_location=gs://results/staging", "--temp_location=gs://results/temp",
         f"--dataflow_endpoint=http://localhost:{service.port}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**env, "RUNINFERENCE_METRICS_IMAGE": "gcr.io/p/image:abc",
             "RUNINFERENCE_METRICS_MODEL": str(DEMO_MODEL)},
    )  # fmt: skip


def test_a_job_that_is_done(bucket: dict[str, str], service: Service) -> None:  # noqa: F811
    service.states += ["JOB_STATE_RUNNING"] * 3 + ["JOB_STATE_DONE"]
    service.messages = [("JOB_MESSAGE_BASIC", "Starting 1 workers in us-central1-a...")]
    service.texts = 12_345
    document = make_document(batches=2)
    put(bucket, "done/metrics.json", json.dumps(document).encode())
    running = started(bucket, service, "done")
    # The workers' results of this job, which come after the program has looked for old ones.
    out, err = running.communicate(timeout=150)
    assert running.returncode == 2, err
    assert "--output takes a folder without results of an earlier run" in err
    running = started(bucket, service, "done2")
    while not service.asked:
        time.sleep(0.2)
    put(bucket, "done2/metrics.json", json.dumps(document).encode())
    out, err = running.communicate(timeout=150)
    assert running.returncode == 0, err
    assert f"Job {ID} on Dataflow. {ADDRESS}" in err
    assert "12,345 texts classified" in err
    assert "JOB_MESSAGE_BASIC: Starting 1 workers in us-central1-a..." in err
    assert {line.split()[0] for line in err.splitlines()} == {"INFO", "Input:", "Job", "12,345"}
    assert "JOB_STATE_RUNNING" in err
    assert "Results are in gs://results/done2" in out
    assert "num_inferences" in out


def test_a_job_that_is_done_without_results(
    bucket: dict[str, str],  # noqa: F811
    service: Service,
) -> None:
    service.states += ["JOB_STATE_DONE"]
    _, err = (running := started(bucket, service, "empty")).communicate(timeout=150)
    assert running.returncode == 1
    (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert f"The job {ID} on Dataflow is done, but its metrics.json is not to be had here" in error


def test_a_job_that_fails_ends_with_the_workers_reason(
    bucket: dict[str, str],  # noqa: F811
    service: Service,
) -> None:
    service.states += ["JOB_STATE_RUNNING", "JOB_STATE_FAILED"]
    service.messages = [
        ("JOB_MESSAGE_ERROR", TRACEBACK),
        ("JOB_MESSAGE_ERROR", "Workflow failed. Causes: S01 failed."),
    ]
    _, err = (running := started(bucket, service, "failed")).communicate(timeout=150)
    assert running.returncode == 1
    assert "Traceback" not in err
    # As it comes, while the service tries again.
    assert "JOB_MESSAGE_ERROR: Error message from worker: OSError: [Errno 28] No space left" in err
    assert err.splitlines()[-1] == (
        "error: The run failed while writing predictions: [Errno 28] No space left on device "
        f"(OSError). Job {ID} on Dataflow. {ADDRESS}"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cancels_the_job(
    bucket: dict[str, str],  # noqa: F811
    service: Service,
    number: int,
) -> None:
    running = started(bucket, service, f"signal-{number}")
    while not any(re.match(r"GET .*/messages", one) for one in service.asked):
        assert running.poll() is None, running.communicate()
        time.sleep(0.2)
    asked = time.monotonic()
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert time.monotonic() - asked < 20
    assert running.returncode == 130, err
    assert service.cancelled, err
    assert err.splitlines()[-1] == f"The job {ID} on Dataflow is being cancelled. {ADDRESS}"
    assert "Traceback" not in err


def test_a_service_that_goes_away_leaves_the_job_alone(
    bucket: dict[str, str],  # noqa: F811
    service: Service,
) -> None:
    put(bucket, "lost/beam-temp-other-0/a", b"somebody else's")
    running = started(bucket, service, "lost")
    while not any(re.match(r"GET .*/messages", one) for one in service.asked):
        assert running.poll() is None, running.communicate()
        time.sleep(0.2)
    put(bucket, "lost/beam-temp-predictions-1/a", b"a shard of this job")
    service.refuses = True
    _, err = running.communicate(timeout=150)
    assert running.returncode == 1, err
    assert err.splitlines()[-1].startswith("error: Google Cloud refused permission: ")
    assert err.splitlines()[-1].endswith(f"The job {ID} on Dataflow may go on. {ADDRESS}")
    assert get(bucket, "lost/beam-temp-predictions-1/a") == b"a shard of this job"
