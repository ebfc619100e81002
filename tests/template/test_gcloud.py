"""The real gcloud against local fakes: what it builds, what it posts, and the job that follows."""

import http.server
import json
import os
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from test_bucket import bucket  # noqa: F401
from test_launch import get, job

from conftest import ROOT
from runinference_metrics.options import metadata
from runinference_metrics.options.accelerators import ACCELERATORS

pytestmark = [
    pytest.mark.starts,
    pytest.mark.skipif(
        shutil.which("gcloud") is None, reason="gcloud, the Google Cloud CLI, is not installed"
    ),
]
IMAGE = "us-docker.pkg.dev/p/r/text:abc"
TEMPLATE = "gs://results/template.json"


@dataclass
class Dataflow:
    """A fake of the two calls of Dataflow's API that launching makes.

    Args:
        url: its address.
        launched: the bodies of the launches, in order.
        states: what a job's state is, one for each time it is asked; the last one stays.
    """

    url: str = ""
    launched: list[dict[str, Any]] = field(default_factory=list)
    states: list[str] = field(default_factory=lambda: ["JOB_STATE_DONE"])


class Server(http.server.ThreadingHTTPServer):
    """Dataflow's API, and a way to the emulated bucket for gcloud's uploads."""

    def __init__(self, storage: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.storage = storage
        self.dataflow = Dataflow(f"http://127.0.0.1:{self.server_port}/")


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if "/storage/" in self.path:
            return self.forward()
        states = self.server.dataflow.states
        state = states.pop(0) if len(states) > 1 else states[0]
        self.answer({"id": "job-1", "name": "a-job", "currentState": state})

    def do_POST(self) -> None:
        if "/storage/" in self.path:
            return self.forward()
        where = "/v1b3/projects/my-project/locations/us-central1/flexTemplates:launch"
        assert self.path.partition("?")[0] == where
        length = int(self.headers["Content-Length"])
        self.server.dataflow.launched.append(json.loads(self.rfile.read(length)))
        self.answer({"job": {"id": "job-1", "name": "a-job", "projectId": "my-project"}})

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        # The emulator takes a multipart boundary only in the other kind of quotes.
        headers = {"Content-Type": (self.headers["Content-Type"] or "").replace("'", '"')}
        path = self.path.replace("//", "/")
        request = urllib.request.Request(self.server.storage + path, body, headers,
                                         method=self.command)  # fmt: skip
        with urllib.request.urlopen(request) as found:
            self.reply(found.read(), found.headers["Content-Type"])

    def answer(self, content: dict[str, Any]) -> None:
        self.reply(json.dumps(content).encode(), "application/json")

    def reply(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def dataflow(bucket: dict[str, str]) -> Iterator[Dataflow]:  # noqa: F811
    server = Server(bucket["STORAGE_EMULATOR_HOST"])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.dataflow
    server.shutdown()
    server.server_close()
    thread.join()


def environment(dataflow: Dataflow | None, folder: Path) -> dict[str, str]:
    url = dataflow.url if dataflow else "http://127.0.0.1:9/"
    return {
        **os.environ,
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": "my-project",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_DATAFLOW": url,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{url}storage/v1/",
        "POLL_SECS": "0",
    }


def gcloud(folder: Path, dataflow: Dataflow | None, *arguments: str) -> str:
    done = subprocess.run(
        ["gcloud", "dataflow", "flex-template", *arguments],
        capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment(dataflow, folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(folder: Path, dataflow: Dataflow | None, *arguments: str) -> str:
    return gcloud(folder, dataflow, "build", TEMPLATE, f"--image={IMAGE}", "--sdk-language=PYTHON",
                  "--metadata-file=metadata.json", *arguments)  # fmt: skip


def without_what_gcloud_drops(spec: dict[str, Any]) -> dict[str, Any]:
    described = {
        key: value
        for key, value in spec["metadata"].items()
        if key in ("name", "description", "parameters")
    }
    return {**spec, "metadata": described, "defaultEnvironment": {}}


def test_the_spec_is_what_gcloud_builds_and_the_workers_image(tmp_path: Path) -> None:
    built = json.loads(build(tmp_path, None, "--print-only", "--format=value(.)"))
    own = metadata.spec(IMAGE)
    assert without_what_gcloud_drops(own) == without_what_gcloud_drops(built)
    assert own["defaultEnvironment"] == {"sdkContainerImage": IMAGE}


def test_gcloud_uploads_the_same(
    tmp_path: Path, dataflow: Dataflow, bucket: dict[str, str]  # noqa: F811
) -> None:  # fmt: skip
    build(tmp_path, dataflow)
    uploaded = json.loads(get(bucket, "template.json"))
    own = metadata.spec(IMAGE)
    assert without_what_gcloud_drops(own) == without_what_gcloud_drops(uploaded)


def as_the_launcher_calls(launched: dict[str, Any]) -> list[str]:
    """The flags of the main program, from what gcloud posted."""
    parameter = launched["launchParameter"]
    flags = [f"--{name}={value}" for name, value in parameter["parameters"].items()]
    names = {"machineType": "machine_type", "maxWorkers": "max_num_workers",
             "numWorkers": "num_workers"}  # fmt: skip
    for name, value in parameter.get("environment", {}).items():
        # What is off is not passed on: Beam's own switches take no value.
        if value is not False:
            flags.append(f"--{names[name]}={value}")
    return [*flags, f"--job_name={parameter['jobName']}"]


LAUNCHES = [("CPU", None, None)] + [
    ("GPU", one.name, one.machine_type) for one in ACCELERATORS.values()
]


@pytest.mark.parametrize(("device", "accelerator", "machine_type"), LAUNCHES)
def test_a_launch_becomes_a_job_with_the_documented_workers(
    tmp_path: Path,
    dataflow: Dataflow,
    bucket: dict[str, str],  # noqa: F811
    device: str,
    accelerator: str | None,
    machine_type: str | None,
) -> None:
    parameters = f"input=gs://results/in/a.txt,gs://results/in/*.txt~device={device}"
    if accelerator:
        parameters += f"~accelerator={accelerator}"
    gcloud(tmp_path, dataflow, "run", "a-job", f"--template-file-gcs-location={TEMPLATE}",
           "--region=us-central1", "--max-workers=7",
           f"--parameters=^~^{parameters}~output=gs://results/out")  # fmt: skip
    (launched,) = dataflow.launched
    assert launched["launchParameter"]["containerSpecGcsPath"] == TEMPLATE
    # As in an image that has code for every GPU.
    image = {"RUNINFERENCE_METRICS_IMAGE": IMAGE, "CODE_OF_TORCH": "compute_60"}
    described, _ = job({**bucket, **image}, *as_the_launcher_calls(launched))  # fmt: skip
    (pool,) = described["workerPools"]
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 7
    images = {one["containerImage"] for one in pool["sdkHarnessContainerImages"]}
    assert images == {IMAGE}
    options = described.get("serviceOptions") or []
    assert len(options) == bool(accelerator)
    for one in options:
        assert one.startswith(
            f"worker_accelerator=type:{accelerator};count:1;install-nvidia-driver"
        )
    assert (pool.get("machineType") or None) == machine_type
    assert (pool.get("diskSizeGb") or 0) == (50 if accelerator else 0)
    one_process = "no_use_multiple_sdk_containers" in described["experiments"]
    assert one_process == (device == "GPU")


def launch_job(dataflow: Dataflow, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "tools" / "launch_job", "a-job", TEMPLATE, "us-central1",
         "device=CPU~input=gs://b/a,gs://b/c~output=gs://b/out", "--max-workers=3"],
        capture_output=True, text=True, timeout=120, env=environment(dataflow, folder),
    )  # fmt: skip


def test_launch_job_waits_for_the_end(tmp_path: Path, dataflow: Dataflow) -> None:
    dataflow.states = ["JOB_STATE_QUEUED", "JOB_STATE_RUNNING", "JOB_STATE_DONE"]
    done = launch_job(dataflow, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "a-job is job job-1 in us-central1" in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == [
        "JOB_STATE_QUEUED", "JOB_STATE_RUNNING", "JOB_STATE_DONE",
    ]  # fmt: skip
    (launched,) = dataflow.launched
    assert launched["launchParameter"]["parameters"] == {
        "device": "CPU",
        "input": "gs://b/a,gs://b/c",
        "output": "gs://b/out",
    }
    assert launched["launchParameter"]["environment"]["maxWorkers"] == 3


def test_launch_job_fails_with_the_job(tmp_path: Path, dataflow: Dataflow) -> None:
    dataflow.states = ["JOB_STATE_RUNNING", "JOB_STATE_FAILED"]
    done = launch_job(dataflow, tmp_path)
    assert done.returncode == 1
    assert "error: job job-1 ended as JOB_STATE_FAILED" in done.stderr
