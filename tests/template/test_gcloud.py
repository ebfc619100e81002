"""The real gcloud against local fakes: what it builds, what it posts, and the job that follows."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_bucket import bucket  # noqa: F401
from test_launch import get, job

from conftest import ROOT
from gcloud_for_tests import (
    NEEDS_GCLOUD,
    Dataflow,
    as_the_launcher_calls,
    environment,
    serving_dataflow,
)
from runinference_metrics.options import metadata, metadata_faults
from runinference_metrics.options.accelerators import ACCELERATORS

pytestmark = [pytest.mark.starts, NEEDS_GCLOUD]
IMAGE = "us-docker.pkg.dev/p/r/text:abc"
TEMPLATE = "gs://results/template.json"


@pytest.fixture
def dataflow(bucket: dict[str, str]) -> Iterator[Dataflow]:  # noqa: F811
    with serving_dataflow(bucket["STORAGE_EMULATOR_HOST"]) as seen:
        yield seen


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


def test_gcloud_drops_what_is_said_of_it(tmp_path: Path) -> None:
    built = json.loads(build(tmp_path, None, "--print-only", "--format=value(.)"))
    dropped = set(metadata.template()) - set(built["metadata"])
    assert dropped == {"streaming", "supportsAtLeastOnce", "supportsExactlyOnce"}
    assert dropped <= set(re.findall(r"`(\w+)`", str(metadata.spec.__doc__)))


@pytest.mark.parametrize(
    ("message", "known"),
    [
        ("TemplateMetadata", metadata_faults._TEMPLATE_KEYS),
        ("ParameterMetadata", metadata_faults._PARAMETER_KEYS),
        ("ParameterMetadataEnumOption", metadata_faults._OPTION_KEYS),
        ("FlexTemplateRuntimeEnvironment", set(metadata.spec(IMAGE)["defaultEnvironment"])),
    ],
)
def test_the_fields_are_those_of_the_api(message: str, known: set[str]) -> None:
    lib = Path(str(shutil.which("gcloud"))).resolve().parent.parent / "lib"
    (file,) = lib.glob("**/dataflow/v1b3/dataflow_v1b3_messages.py")
    (body,) = re.findall(rf"^class {message}\(.*?(?=^class )", file.read_text(), re.S | re.M)
    # A newer API may have more.
    assert known <= set(re.findall(r"^  (\w+) = _messages\.", body, re.M))


def test_gcloud_uploads_the_same(
    tmp_path: Path, dataflow: Dataflow, bucket: dict[str, str]  # noqa: F811
) -> None:  # fmt: skip
    build(tmp_path, dataflow)
    uploaded = json.loads(get(bucket, "template.json"))
    own = metadata.spec(IMAGE)
    assert without_what_gcloud_drops(own) == without_what_gcloud_drops(uploaded)


LAUNCHES: list[tuple[str, str | None, str]] = [("CPU", None, "n4-standard-4")] + [
    ("GPU", one.name, one.machine_type) for one in ACCELERATORS.values()
]


@pytest.mark.parametrize(("device", "accelerator", "machine_type"), LAUNCHES)
def test_a_launch_becomes_a_job_with_the_documented_workers(
    tmp_path: Path,
    dataflow: Dataflow,
    bucket: dict[str, str],  # noqa: F811
    device: str,
    accelerator: str | None,
    machine_type: str,
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
    assert pool["machineType"] == machine_type
    assert (pool.get("diskSizeGb") or 0) == (50 if accelerator else 0)
    one_process = "no_use_multiple_sdk_containers" in described["experiments"]
    shared = any("use_nvidia_mps" in one for one in options)
    assert shared == (accelerator == "nvidia-h100-80gb")
    assert one_process == (device == "GPU" and not shared)


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
