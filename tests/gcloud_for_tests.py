"""The real gcloud against a stand-in for Dataflow's API, and the launcher as it is modelled."""

import contextlib
import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from servers_for_tests import QuietHandler, serving

NEEDS_GCLOUD = pytest.mark.skipif(
    shutil.which("gcloud") is None, reason="gcloud, the Google Cloud CLI, is not installed"
)
LAUNCH = "/v1b3/projects/my-project/locations/us-central1/flexTemplates:launch"
# The environment of a launch, and the flags of Beam's as which it reaches the program.
_OPTIONS = {
    "numWorkers": "num_workers",
    "maxWorkers": "max_num_workers",
    "machineType": "worker_machine_type",
    "network": "network",
    "subnetwork": "subnetwork",
    "serviceAccountEmail": "service_account_email",
    "workerRegion": "worker_region",
    "workerZone": "worker_zone",
    "stagingLocation": "staging_location",
    "tempLocation": "temp_location",
    "kmsKeyName": "dataflow_kms_key",
}


@dataclass
class Dataflow:
    """What the stand-in saw of the two calls that launching makes.

    Args:
        url: its address.
        launched: the bodies of the launches, in order.
        states: what a job's state is, one for each time it is asked; the last one stays.
    """

    url: str = ""
    launched: list[dict[str, Any]] = field(default_factory=list)
    states: list[str] = field(default_factory=lambda: ["JOB_STATE_DONE"])


@contextlib.contextmanager
def serving_dataflow(storage: str = "") -> Iterator[Dataflow]:
    """Stands in for Dataflow's API until the block ends.

    Args:
        storage: an emulator of buckets, to which gcloud's uploads are passed on.
    """
    seen = Dataflow()

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            if "/storage/" in self.path:
                _forward(self, storage)
                return
            state = seen.states.pop(0) if len(seen.states) > 1 else seen.states[0]
            self.answer_json(200, {"id": "job-1", "name": "a-job", "currentState": state})

        def do_POST(self) -> None:
            if "/storage/" in self.path:
                _forward(self, storage)
                return
            if self.path.partition("?")[0] != LAUNCH:
                self.answer_json(404, {"error": {"message": f"no such call: {self.path}"}})
                return
            length = int(self.headers["Content-Length"])
            seen.launched.append(json.loads(self.rfile.read(length)))
            job = {"id": "job-1", "name": "a-job", "projectId": "my-project"}
            self.answer_json(200, {"job": job})

    with serving(Handler) as port:
        seen.url = f"http://127.0.0.1:{port}/"
        yield seen


def _forward(handler: BaseHTTPRequestHandler, storage: str) -> None:
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)) or None
    # The emulator takes a multipart boundary only in the other kind of quotes.
    headers = {"Content-Type": (handler.headers["Content-Type"] or "").replace("'", '"')}
    url = storage + handler.path.replace("//", "/")
    request = urllib.request.Request(url, body, headers, method=handler.command)
    with urllib.request.urlopen(request) as found:
        content, kind = found.read(), found.headers["Content-Type"]
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def environment(dataflow: Dataflow | None, folder: Path) -> dict[str, str]:
    """The environment in which gcloud knows the stand-in, and nothing of this machine's user."""
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


def as_the_launcher_calls(launched: dict[str, Any]) -> list[str]:
    """The flags of the main program, from what gcloud posted: modelled, not observed."""
    parameter = launched["launchParameter"]
    flags = [f"--{name}={value}" for name, value in parameter["parameters"].items()]
    for name, value in parameter.get("environment", {}).items():
        flags += _flags_of(name, value)
    return [*flags, f"--job_name={parameter['jobName']}"]


def _flags_of(name: str, value: Any) -> list[str]:
    if name in _OPTIONS:
        return [f"--{_OPTIONS[name]}={value}"]
    if name == "additionalPipelineOptions":
        return [f"--{one}" for one in value]
    if name == "additionalExperiments":
        return [f"--experiments={one}" for one in value]
    if name == "additionalUserLabels":
        return [f"--labels={json.dumps(value)}"]
    if (name, value) == ("ipConfiguration", "WORKER_IP_PRIVATE"):
        return ["--no_use_public_ips"]
    if name == "flexrsGoal":
        return [f"--flexrs_goal={value.removeprefix('FLEXRS_')}"]
    # The launcher's own machine is nothing to the program; what is off is not passed on, since
    # Beam's own switches take no value.
    assert name == "launcherMachineType" or value is False, f"{name}={value}"
    return []
