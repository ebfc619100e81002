"""What the launcher makes of the template's parameters: the job, read back from the bucket."""

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from apache_beam.portability.api import beam_runner_api_pb2
from test_bucket import bucket  # noqa: F401

from conftest import DEMO_MODEL, ROOT

pytestmark = pytest.mark.starts

# As the launcher runs src/main.py, with Beam's search for credentials switched off. The torch here
# may have no CUDA: that of an image is made up.
LAUNCH = """
import os, runpy, sys
if kinds := os.environ.get("CODE_OF_TORCH"):
    import torch
    torch.version.cuda, torch.cuda.get_arch_list = "13.0", kinds.split
from apache_beam.internal.gcp import auth
auth._Credentials._credentials_init = True
auth._Credentials._credentials = None
sys.argv[0] = "src/main.py"
runpy.run_path("src/main.py", run_name="__main__")
"""
HINT = "beam:resources:accelerator:v1"
# What the image says of itself, in which the launcher runs.
IN_IMAGE = {
    "RUNINFERENCE_METRICS_IMAGE": "gcr.io/p/image:abc",
    "RUNINFERENCE_METRICS_MODEL": str(DEMO_MODEL),
}
# As PyTorch's wheels of 2.13 for CUDA 13.0 say it.
CUDA_IMAGE = {**IN_IMAGE, "CODE_OF_TORCH": "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"}


def put(env: dict[str, str], name: str, content: bytes) -> None:
    query = urllib.parse.urlencode({"uploadType": "media", "name": name})
    url = f"{env['STORAGE_EMULATOR_HOST']}/upload/storage/v1/b/results/o?{query}"
    headers = {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(url, content, headers)).close()


def get(env: dict[str, str], name: str) -> bytes:
    with urllib.request.urlopen(f"{env['STORAGE_EMULATOR_HOST']}/results/{name}") as answer:
        return bytes(answer.read())


def launch(env: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    """Launches with the flags that the launcher adds to the parameters."""
    put(env, "in/a.txt", b"a good film\n")
    given = {flag.split("=")[0] for flag in flags}
    usual = [
        "--input=gs://results/in/*.txt", "--output=gs://results/out", f"--model={DEMO_MODEL}",
        "--runner=DataflowRunner", "--project=my-project", "--region=us-central1",
        "--job_name=a-job",
        "--template_location=gs://results/job_object", "--staging_location=gs://results/staging",
        "--temp_location=gs://results/temp",
    ]  # fmt: skip
    flags = (*(flag for flag in usual if flag.split("=")[0] not in given), *flags)
    return subprocess.run(
        [sys.executable, "-c", LAUNCH, *flags],
        cwd=ROOT, env={**CUDA_IMAGE, **env}, capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def job(env: dict[str, str], *flags: str) -> tuple[dict[str, Any], beam_runner_api_pb2.Pipeline]:
    done = launch(env, *flags)
    assert done.returncode == 0, done.stderr[-3000:]
    environment = json.loads(get(env, "job_object"))["environment"]
    url = environment["sdkPipelineOptions"]["options"]["pipelineUrl"]
    pipeline = beam_runner_api_pb2.Pipeline()
    pipeline.ParseFromString(get(env, url.removeprefix("gs://results/")))
    return environment, pipeline


def hints(pipeline: beam_runner_api_pb2.Pipeline) -> set[str]:
    return {
        one.resource_hints[HINT].decode()
        for one in pipeline.components.environments.values()
        if HINT in one.resource_hints
    }


def test_cpu_workers_get_bfloat16_and_nothing_else(bucket: dict[str, str]) -> None:  # noqa: F811
    environment, pipeline = job(bucket)
    (pool,) = environment["workerPools"]
    assert pool["machineType"] == "n4-standard-4"
    # Dataflow itself takes the disk that goes with an N4.
    assert not pool.get("diskType")
    assert not pool.get("diskSizeGb")
    assert not any("worker_accelerator" in one for one in environment.get("serviceOptions", []))
    assert "no_use_multiple_sdk_containers" not in environment["experiments"]
    images = {one["containerImage"] for one in pool["sdkHarnessContainerImages"]}
    assert images == {"gcr.io/p/image:abc"}
    assert hints(pipeline) == set()
    assert "streaming" not in environment["sdkPipelineOptions"]["options"] or (
        not environment["sdkPipelineOptions"]["options"]["streaming"]
    )


def test_the_log_says_which_cpu_workers_and_why(bucket: dict[str, str]) -> None:  # noqa: F811
    done = launch(bucket, "--region=europe-north1")
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = (one for one in done.stderr.splitlines() if "machine_type" in one)
    assert line.startswith("INFO Workers get Dataflow's own machine type, which computes no bfloat")
    (pool,) = json.loads(get(bucket, "job_object"))["environment"]["workerPools"]
    assert not pool.get("machineType")


@pytest.mark.parametrize(
    ("accelerator", "machine_type"),
    [
        ("nvidia-tesla-t4", "n1-standard-4"),
        ("nvidia-l4", "g2-standard-4"),
        ("nvidia-tesla-a100", "a2-highgpu-1g"),
    ],
)
def test_all_gpu_workers_get_one(
    bucket: dict[str, str],  # noqa: F811
    accelerator: str,
    machine_type: str,
) -> None:
    environment, pipeline = job(bucket, "--device=GPU", f"--accelerator={accelerator}")
    (pool,) = environment["workerPools"]
    assert pool["machineType"] == machine_type
    assert pool["diskSizeGb"] == 50
    assert environment["serviceOptions"] == [
        f"worker_accelerator=type:{accelerator};count:1;install-nvidia-driver"
    ]
    assert "no_use_multiple_sdk_containers" in environment["experiments"]
    options = environment["sdkPipelineOptions"]["options"]
    assert options["number_of_worker_harness_threads"] == 4
    assert hints(pipeline) == set()


def test_the_inference_step_alone_gets_one(bucket: dict[str, str]) -> None:  # noqa: F811
    environment, pipeline = job(bucket, "--device=GPU", "--gpu_placement=inference_step")
    assert not environment.get("serviceOptions")
    assert not environment["workerPools"][0].get("machineType")
    assert hints(pipeline) == {
        "type:nvidia-l4;count:1;machine_type:g2-standard-4;install-nvidia-driver"
    }
    components = pipeline.components
    with_gpu = {
        transform.unique_name
        for transform in components.transforms.values()
        if HINT in components.environments[transform.environment_id].resource_hints
    }
    assert with_gpu
    assert all("RunInference" in name for name in with_gpu), with_gpu
    # A shuffle on either side: nothing else can be fused with the step.
    names = {transform.unique_name for transform in components.transforms.values()}
    assert {"Classify/To the GPUs", "Classify/From the GPUs"} <= names


def test_what_the_user_sets_stays(bucket: dict[str, str]) -> None:  # noqa: F811
    mine = "worker_accelerator=type:nvidia-tesla-t4;count:2;install-nvidia-driver;use_nvidia_mps"
    environment, _ = job(
        bucket,
        "--device=GPU", "--machine_type=n1-highmem-8", "--disk_size_gb=90",
        f"--dataflow_service_options={mine}", "--number_of_worker_harness_threads=9",
        "--sdk_container_image=gcr.io/p/other:1",
    )  # fmt: skip
    (pool,) = environment["workerPools"]
    assert (pool["machineType"], pool["diskSizeGb"]) == ("n1-highmem-8", 90)
    assert environment["serviceOptions"] == [mine]
    assert environment["sdkPipelineOptions"]["options"]["number_of_worker_harness_threads"] == 9
    assert "no_use_multiple_sdk_containers" not in environment["experiments"]
    images = {one["containerImage"] for one in pool["sdkHarnessContainerImages"]}
    assert images == {"gcr.io/p/other:1"}


def test_labels_in_either_form_stand_in_the_job(bucket: dict[str, str]) -> None:  # noqa: F811
    done = launch(bucket, '--labels={"team":"nlp","goog-template":"flex"}', "--labels=env=dev")
    assert done.returncode == 0, done.stderr[-3000:]
    labels = json.loads(get(bucket, "job_object"))["labels"]
    assert labels == {"team": "nlp", "goog-template": "flex", "env": "dev"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--input=gs://results/none*"], "--input takes patterns that match files; got 'gs://"),
        (["--input=gs://no-bucket/a.txt"], "--input takes"),
        (["--id_field=id"], "--id_field takes the name of a field that rows have; got 'id', which"),
        (["--device=TPU"], "--device takes CPU or GPU; got 'TPU'"),
        (["--accelerator=nvidia-l5"], "--accelerator takes one of nvidia-l4,"),
        (["--model=/no/model"], "--model takes a folder with a sequence-classification model"),
        (["--prices=gs://results/none.yaml"], "--prices takes a file that can be read"),
        (["--labels={team"], "--labels takes KEY=VALUE, or a JSON object"),
        (['--labels={"team":null}'], "--labels takes KEY=VALUE, or a JSON object"),
        (['--labels={"team":1}'], "--labels takes KEY=VALUE, or a JSON object"),
        (["--labels=Team=NLP"], "; got 'Team=NLP'"),
        (
            ["--device=GPU", "--gpu_placement=inference_step",
             "--dataflow_service_options=worker_accelerator=type:nvidia-l4;count:1"],
            "--gpu_placement takes inference_step only without",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_fails_at_launch_with_one_line(
    bucket: dict[str, str],  # noqa: F811
    flags: list[str],
    message: str,
) -> None:
    done = launch(bucket, *flags)
    assert done.returncode == 2, done.stderr[-3000:]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("image", "flags", "message"),
    [
        ({"CODE_OF_TORCH": ""}, [], "which is nvidia-l4, but no GPU support: torch"),
        (CUDA_IMAGE, ["--accelerator=nvidia-tesla-p100"], "no code for compute capability 6.0"),
        (
            CUDA_IMAGE,
            ["--dataflow_service_options=worker_accelerator=type:nvidia-tesla-v100;count:1"],
            "which is nvidia-tesla-v100, but torch",
        ),
    ],
)
def test_a_gpu_that_the_image_cannot_use_fails_at_launch(
    bucket: dict[str, str],  # noqa: F811
    image: dict[str, str],
    flags: list[str],
    message: str,
) -> None:
    put(bucket, "old/predictions-00000-of-00001.jsonl", b"old\n")
    old = ("--output=gs://results/old", "--overwrite=true")
    done = launch({**bucket, **image}, "--device=GPU", *old, *flags)
    assert done.returncode == 2, done.stderr[-3000:]
    (error,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert error.startswith("error: --device takes GPU only with an image that is built for")
    assert message in error
    assert "Traceback" not in done.stderr
    # Nothing is deleted for a run that cannot be.
    assert get(bucket, "old/predictions-00000-of-00001.jsonl") == b"old\n"


def test_workers_of_another_image_are_not_judged(bucket: dict[str, str]) -> None:  # noqa: F811
    environment, _ = job(
        bucket, "--device=GPU", "--accelerator=nvidia-tesla-p100",
        "--sdk_container_image=gcr.io/p/with-cuda126:1",
    )  # fmt: skip
    assert environment["workerPools"][0]["machineType"] == "n1-standard-4"


def test_the_program_neither_waits_nor_asks_for_metrics(
    bucket: dict[str, str],  # noqa: F811
    tmp_path: Path,
) -> None:
    done = launch(bucket)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Job id is unknown" not in done.stderr
    # What the launcher's log has of the input.
    assert "Input: 1 file, " in done.stderr
    assert done.stdout == ""
