"""Each flag of a launch, from gcloud through the launch request and the program to the job."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from test_bucket import bucket  # noqa: F401
from test_launch import get, launch

from conftest import ROOT
from gcloud_for_tests import NEEDS_GCLOUD, as_the_launcher_calls, environment, serving_dataflow

pytestmark = pytest.mark.starts
IMAGE = "us-docker.pkg.dev/p/r/text:abc"
POOL = "environment.workerPools.0"
SUBNETWORK = "https://www.googleapis.com/compute/v1/projects/h/regions/us-central1/subnetworks/s"
KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"


@dataclass(frozen=True)
class Flag:
    """A flag of a launch.

    Args:
        name: gcloud's.
        value: what is given; nothing for a switch.
        field: its name in the launch's environment.
        posted: what stands there.
        place: where it is in the job object; none when it is not the job's.
        found: what stands there.
    """

    name: str
    value: str
    field: str
    posted: Any
    place: str = ""
    found: Any = None

    @property
    def text(self) -> str:
        return f"--{self.name}={self.value}" if self.value else f"--{self.name}"


FLAGS = [
    Flag("max-workers", "7", "maxWorkers", 7, f"{POOL}.autoscalingSettings.maxNumWorkers", 7),
    Flag("num-workers", "3", "numWorkers", 3, f"{POOL}.numWorkers", 3),
    Flag("worker-machine-type", "n2-standard-4", "machineType", "n2-standard-4",
         f"{POOL}.machineType", "n2-standard-4"),
    Flag("worker-zone", "us-central1-b", "workerZone", "us-central1-b",
         "environment.workerZone", "us-central1-b"),
    Flag("network", "n", "network", "n", f"{POOL}.network", "n"),
    Flag("subnetwork", SUBNETWORK, "subnetwork", SUBNETWORK, f"{POOL}.subnetwork", SUBNETWORK),
    Flag("disable-public-ips", "", "ipConfiguration", "WORKER_IP_PRIVATE",
         f"{POOL}.ipConfiguration", "WORKER_IP_PRIVATE"),
    Flag("service-account-email", "w@p.iam.gserviceaccount.com", "serviceAccountEmail",
         "w@p.iam.gserviceaccount.com", "environment.serviceAccountEmail",
         "w@p.iam.gserviceaccount.com"),
    Flag("staging-location", "gs://results/s", "stagingLocation", "gs://results/s",
         f"{POOL}.packages.0.location", re.compile(r"storage.googleapis.com/results/s/.*")),
    Flag("temp-location", "gs://results/t", "tempLocation", "gs://results/t",
         "environment.tempStoragePrefix", re.compile(r"storage.googleapis.com/results/t/.*")),
    Flag("launcher-machine-type", "e2-medium", "launcherMachineType", "e2-medium"),
    Flag("additional-user-labels", "team=nlp,env=prod", "additionalUserLabels",
         {"team": "nlp", "env": "prod"}, "labels", {"team": "nlp", "env": "prod"}),
    Flag("additional-experiments", "use_network_tags=a;b,x", "additionalExperiments",
         ["use_network_tags=a;b", "x"], "environment.experiments", {"use_network_tags=a;b", "x"}),
    Flag("additional-pipeline-options", "^~^disk_size_gb=100~number_of_worker_harness_threads=9",
         "additionalPipelineOptions", ["disk_size_gb=100", "number_of_worker_harness_threads=9"],
         f"{POOL}.diskSizeGb", 100),
    Flag("dataflow-kms-key", KEY, "kmsKeyName", KEY, "environment.serviceKmsKeyName", KEY),
    Flag("flexrs-goal", "COST_OPTIMIZED", "flexrsGoal", "FLEXRS_COST_OPTIMIZED",
         "environment.flexResourceSchedulingGoal", "FLEXRS_COST_OPTIMIZED"),
]  # fmt: skip
# gcloud takes one of the two.
INSTEAD_OF_ZONE = Flag("worker-region", "us-east1", "workerRegion", "us-east1",
                       "environment.workerRegion", "us-east1")  # fmt: skip
IN_ANOTHER_REGION = [INSTEAD_OF_ZONE, *(one for one in FLAGS if one.name == "max-workers")]


def at(content: Any, place: str) -> Any:
    for step in place.split("."):
        content = content[int(step)] if isinstance(content, list) else content.get(step)
    return content


@NEEDS_GCLOUD
@pytest.mark.parametrize("flags", [FLAGS, IN_ANOTHER_REGION], ids=["zone", "region"])
def test_every_flag_arrives(
    tmp_path: Path, bucket: dict[str, str], flags: list[Flag]  # noqa: F811
) -> None:  # fmt: skip
    with serving_dataflow() as dataflow:
        done = subprocess.run(
            ["gcloud", "dataflow", "flex-template", "run", "a-job", "--region=us-central1",
             "--template-file-gcs-location=gs://results/template.json",
             "--parameters=input=gs://results/in/a.txt,output=gs://results/out",
             *(one.text for one in flags)],
            capture_output=True, text=True, timeout=120, env=environment(dataflow, tmp_path),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (launched,) = dataflow.launched
    posted = launched["launchParameter"]["environment"]
    # What is off is no flag's.
    assert {name for name, value in posted.items() if value is not False} == {
        one.field for one in flags
    }
    assert {one.field: posted[one.field] for one in flags} == {
        one.field: one.posted for one in flags
    }
    called = launch({**bucket, "RUNINFERENCE_METRICS_IMAGE": IMAGE},
                    *as_the_launcher_calls(launched))  # fmt: skip
    assert called.returncode == 0, called.stderr[-3000:]
    job = json.loads(get(bucket, "job_object"))
    for one in flags:
        if one.place:
            assert_found(one.found, at(job, one.place))


def assert_found(wanted: Any, found: Any) -> None:
    if isinstance(wanted, re.Pattern):
        assert wanted.fullmatch(found)
    elif isinstance(wanted, set):
        assert wanted <= set(found)
    else:
        assert found == wanted


def test_the_page_has_them_all_and_no_others() -> None:
    page = (ROOT / "docs" / "launching.md").read_text()
    table = page[page.index("## Flags of a launch") : page.index("## Roles and network")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `--")]
    documented = {name for row in rows for name in re.findall(r"`--([a-z-]+)", row)}
    assert documented == {one.name for one in (*FLAGS, INSTEAD_OF_ZONE)}
