"""What must be true before a job on Dataflow, as far as nobody has to be asked for it."""

from collections.abc import Iterator
from typing import Any

import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
from google.api_core import exceptions

from runinference_metrics.dataflow import needs
from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.options import beam_flags, command_line

USUAL = {
    "input": "gs://b/in/", "output": "gs://b/out", "model": "gs://b/model",
    "runner": "DataflowRunner", "project": "my-project", "region": "us-central1",
    "temp_location": "gs://b/temp", "staging_location": "gs://b/staging",
    "sdk_container_image": "gcr.io/p/image:1",
}  # fmt: skip


class Storage:
    """Cloud Storage, with the bucket b or an error."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.asked: list[str] = []

    def list_blobs(self, name: str, **how: Any) -> Iterator[Any]:
        self.asked.append(name)
        if self.error:
            raise self.error
        if name != "b":
            raise exceptions.NotFound(f"GET https://storage/{name}: The bucket does not exist.")
        yield from ()


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    made = Storage(None)
    monkeypatch.setattr(needs, "create_storage_client", lambda options, use_credentials: made)
    monkeypatch.setattr(DataflowRunner, "get_default_gcp_region", lambda self: None)
    for name in ("RUNINFERENCE_METRICS_IMAGE", "RUNINFERENCE_METRICS_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://localhost:9")
    return made


def check(*flags: str) -> GoogleCloudOptions:
    given = {flag.split("=")[0][2:] for flag in flags}
    usual = [f"--{name}={value}" for name, value in USUAL.items() if name not in given]
    settings, rest = command_line.parse([*usual, *flags])
    options = beam_flags.parse(rest)
    needs.check(settings, options)
    return options.view_as(GoogleCloudOptions)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--input=samples/"], "--input takes an address in a bucket (gs://…), or of a table"),
        (["--output=out"], "--output takes an address in a bucket (gs://…), or of a table"),
        (["--output=file:///tmp/out"], "got '/tmp/out', which is on this machine: copy it with"),
        (["--project="], "--project takes the id of a project, such as my-project (not its number "
         "or its display name); got nothing"),
        (["--project=123456"], "got '123456'"),
        (["--project=My Project"], "got 'My Project'"),
        (["--region="], "--region takes a region of Dataflow such as us-central1; got nothing"),
        (["--temp_location=", "--staging_location="], "--temp_location takes a folder such as"),
        (["--temp_location=temp"], "--temp_location takes a folder such as gs://bucket/temp; got"),
        (["--temp_location=s3://b/temp"], "--temp_location takes local paths and addresses"),
        (["--job_name=My_Job"], "--job_name takes lower-case letters, digits and -"),
        (["--num_workers=5", "--max_num_workers=3"], "--num_workers (5) cannot exceed max"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(storage: Storage, flags: list[str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        check(*flags)
    assert message in str(refused.value)
    assert storage.asked == []


def test_all_is_well_and_a_bucket_is_asked_for_once(storage: Storage) -> None:
    check()
    assert storage.asked == ["b"]


def test_other_runners_may_share_disks_with_this_machine(storage: Storage) -> None:
    for runner in ("PrismRunner", "FlinkRunner", "SparkRunner", "PortableRunner"):
        check(f"--runner={runner}", "--input=samples/", "--output=out", "--model=m", "--project=",
              "--region=", "--temp_location=", "--sdk_container_image=")  # fmt: skip
    assert storage.asked == []


def test_a_place_is_put_right_and_stands_in_for_the_other(storage: Storage) -> None:
    service = check("--temp_location=https://storage.googleapis.com/b", "--staging_location=")
    assert service.temp_location == service.staging_location == "gs://b/"
    service = check("--temp_location=", "--staging_location='gs:b/s'")
    assert service.temp_location == service.staging_location == "gs://b/s"


def test_gclouds_region_is_the_default(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DataflowRunner, "get_default_gcp_region", lambda self: "europe-west4")
    assert check("--region=").region == "europe-west4"


def test_a_bucket_that_is_not_there(storage: Storage) -> None:
    for flag in ("temp_location", "staging_location"):
        with pytest.raises(UserError, match=f"--{flag} takes a folder in a bucket that is there"):
            check(f"--{flag}=gs://none/x")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (exceptions.Forbidden("GET https://x: a@b does not have storage.objects.list access."),
         UserError, "--staging_location takes a folder in a bucket that you may use (as with Sto"),
        (exceptions.Forbidden("The billing account for the owning project is disabled"),
         RunFailed, "The project has no billing"),
        (exceptions.ServiceUnavailable("busy"), RunFailed, "Google Cloud had an error of its own"),
        (KeyError("x"), RunFailed, "gs://b/staging cannot be asked for: 'x'"),
    ],
)  # fmt: skip
def test_a_bucket_that_cannot_be_had(
    storage: Storage, error: Exception, kind: type[Exception], message: str
) -> None:
    storage.error = error
    with pytest.raises(kind) as refused:
        check()
    assert str(refused.value).startswith(message)


def test_the_image_and_what_is_in_it(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="--sdk_container_image takes this program's image"):
        check("--sdk_container_image=")
    check("--sdk_container_image=", "--worker_harness_container_image=gcr.io/p/old:1")
    with pytest.raises(UserError, match="--model takes an address in a bucket"):
        check("--model=/opt/other")
    # The launcher's image is the workers' own: what lies in the one lies in the other.
    monkeypatch.setenv("RUNINFERENCE_METRICS_IMAGE", "gcr.io/p/mine:1")
    check("--model=/opt/other", "--sdk_container_image=")
    check("--model=/opt/other", "--sdk_container_image=gcr.io/p/mine:1")
    with pytest.raises(UserError, match="--model takes an address in a bucket"):
        check("--model=/opt/other")
    monkeypatch.setenv("RUNINFERENCE_METRICS_MODEL", "/opt/model")
    check("--model=bundled")
