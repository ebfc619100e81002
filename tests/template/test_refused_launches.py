"""A service that refuses a job, as Google's answer, and launches that must not get so far."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_bucket import bucket  # noqa: F401
from test_launch import IN_IMAGE, launch

from conftest import ROOT
from servers_for_tests import QuietHandler, error_body, refusing, serving

pytestmark = pytest.mark.starts


def the_error(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return error


def test_what_the_service_refuses_is_one_sentence(bucket: dict[str, str]) -> None:  # noqa: F811
    body = error_body(
        403, "PERMISSION_DENIED", "Dataflow API has not been used in project 12 before or it is "
        "disabled.", "SERVICE_DISABLED", service="dataflow.googleapis.com",
    )  # fmt: skip
    asked: list[str] = []
    # Without a template the program itself asks the service for the job.
    with serving(refusing(body, asked)) as port:
        done = launch(
            bucket, "--template_location=", f"--dataflow_endpoint=http://localhost:{port}"
        )  # fmt: skip
    assert asked[0].startswith("/v1b3/projects/my-project/locations/us-central1/jobs")
    assert the_error(done, 1) == (
        "error: The project has not enabled dataflow.googleapis.com: run `gcloud services enable "
        "dataflow.googleapis.com`, wait a minute, then try again."
    )


def test_what_workers_cannot_have_is_refused_before_there_is_a_job(
    bucket: dict[str, str],  # noqa: F811
) -> None:
    here = {**bucket, **dict.fromkeys(IN_IMAGE, "")}
    image = "--sdk_container_image=gcr.io/p/image:1"
    for flags, message in (
        ([], "--sdk_container_image takes this program's image (`make image push`; a launch by"),
        ([image], "--model takes an address in a bucket (gs://…) with --runner=DataflowRunner"),
        ([image, "--model=gs://results/m", "--temp_location=gs://no-bucket/temp"],
         "--temp_location takes a folder in a bucket that is there; got 'gs://no-bucket/temp'"),
    ):  # fmt: skip
        assert the_error(launch(here, *flags), 2).startswith(f"error: {message}")


def test_addresses_in_other_clothes_launch(bucket: dict[str, str]) -> None:  # noqa: F811
    done = launch(
        bucket, "--input=https://storage.googleapis.com/results/in/a.txt?authuser=0",
        "--output='gs:results/clothes'", "--temp_location= GS://results ", "--staging_location=",
        "--min_batch_size=", "--device=", "--num_workers=", "--labels=",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def with_account(folder: Path, token_url: str) -> dict[str, str]:
    """The environment in which there are credentials, for which a token is to be had."""
    (folder / "token").write_text("a token of somebody else's")
    account = {
        "type": "external_account", "token_url": token_url,
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/"
        "providers/b",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "credential_source": {"file": str(folder / "token")},
    }  # fmt: skip
    (folder / "account.json").write_text(json.dumps(account))
    return {
        **os.environ, **IN_IMAGE, "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "account.json")
    }  # fmt: skip


def run(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "src/main.py", "--input=gs://b/a.txt", "--output=gs://b/out",
         "--runner=DataflowRunner", "--project=my-project", "--region=us-central1",
         "--temp_location=gs://b/temp"],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def test_credentials_that_are_gone(tmp_path: Path) -> None:
    body = {"error": "invalid_grant", "error_description": "Invalid grant: account not found"}

    class Refusing(QuietHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer_json(400, body)

    with serving(Refusing) as port:
        done = run(with_account(tmp_path, f"http://127.0.0.1:{port}/token"))
    error = the_error(done, 1)
    assert error.startswith("error: The Google Cloud credentials here are no longer valid (")
    assert "invalid_grant" in error
    assert "gcloud auth application-default login" in error


def test_no_credentials_at_all(tmp_path: Path) -> None:
    env = {**os.environ, **IN_IMAGE, "HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path),
           "NO_GCE_CHECK": "true"}  # fmt: skip
    env.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
    assert the_error(run(env), 1) == (
        "error: There are no Google Cloud credentials here: run `gcloud auth application-default "
        "login`, then try again."
    )


def test_no_network(tmp_path: Path) -> None:
    # Nobody listens at port 9.
    env = with_account(tmp_path, "http://127.0.0.1:9/token")
    error = the_error(run(env), 1)
    assert error.startswith("error: Google Cloud cannot be reached (")
    assert error.endswith("is there a network, or a proxy to be named in HTTPS_PROXY?")
