"""What Dataflow needs and cannot have: refused before there is a job."""

import os
import re
from collections.abc import Iterator

import google.auth
from apache_beam.io.gcp.gcsio import create_storage_client
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    TestOptions,
    WorkerOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
from google.api_core import exceptions
from google.cloud.storage.retry import DEFAULT_RETRY

from runinference_metrics.bigquery import addresses
from runinference_metrics.dataflow import workers
from runinference_metrics.dataflow.refusals import refused
from runinference_metrics.environment import IMAGE_VARIABLE, MODEL_VARIABLE
from runinference_metrics.errors import FlagError, RunFailed, UserError, one_line
from runinference_metrics.options.addresses import place
from runinference_metrics.options.settings import Settings

# As Beam and the service have it; old projects begin with their domain, as example.com:my-project.
_PROJECT = re.compile(r"[a-z][-a-z0-9:.]+[a-z0-9]")
_JOB_NAME = re.compile(PipelineOptionsValidator.JOB_PATTERN)
# Long enough for a hiccup of the service, short enough for a person who waits.
_PATIENCE_SECS = 20.0


def check(settings: Settings, options: PipelineOptions) -> None:
    """Checks all that a job on Dataflow needs besides right parameters; other runners pass.

    Args:
        settings: the parameters.
        options: Beam's options; places are written in their right form, and what has a default
            gets it.

    Raises:
        UserError: something is missing, or nothing that Dataflow's workers can reach.
        RunFailed: Google Cloud refuses, or cannot be reached.
    """
    # Other portable runners may have workers on this machine, or disks that they share with it.
    if not workers.is_dataflow(options):
        return
    _check_job(options)
    _check_image(options)
    for flag, path in _paths(settings, options):
        may_be_table = flag != "model"
        if may_be_table and addresses.is_table_or_query(path):
            continue
        if not path.startswith("gs://"):
            or_table = ", or of a table," * may_be_table
            takes = f"an address in a bucket (gs://…){or_table} with --runner=DataflowRunner"
            got = f"{path!r}, which is on this machine: copy it with `gcloud storage cp` first"
            raise UserError(flag, takes, got)
    _check_places(options)


def _check_job(options: PipelineOptions) -> None:
    service = options.view_as(GoogleCloudOptions)
    project = service.project
    if not project or not _PROJECT.fullmatch(project):
        # Its number and its display name are what people have at hand.
        takes = "the id of a project, such as my-project (not its number or its display name)"
        raise UserError("project", takes, repr(project) if project else "nothing")
    service.region = service.region or DataflowRunner().get_default_gcp_region()
    if not service.region:
        raise UserError("region", "a region of Dataflow such as us-central1", "nothing")
    if service.job_name and not _JOB_NAME.fullmatch(service.job_name):
        takes = "lower-case letters, digits and -, first a letter, last no -"
        raise UserError("job_name", takes, repr(service.job_name))
    validator = PipelineOptionsValidator(options, DataflowRunner())
    worker = options.view_as(WorkerOptions)
    wrong = validator.validate_num_workers(worker) + validator.validate_worker_region_zone(worker)
    if wrong:
        raise FlagError(f"--{one_line(wrong[0])}")


def _check_image(options: PipelineOptions) -> None:
    worker = options.view_as(WorkerOptions)
    if not (worker.sdk_container_image or worker.worker_harness_container_image
            or os.environ.get(IMAGE_VARIABLE)):  # fmt: skip
        takes = "this program's image (`make image push`; a launch by the template brings it)"
        got = "nothing: workers would start in Beam's own, which has neither torch nor this program"
        raise UserError("sdk_container_image", takes, got)


def _paths(settings: Settings, options: PipelineOptions) -> Iterator[tuple[str, str]]:
    """What the workers read and write themselves; prices are read here, at the launch."""
    yield from (("input", pattern) for pattern in settings.input)
    if settings.output:
        # A check needs none.
        yield "output", settings.output
    if settings.history:
        yield "history", settings.history
    if settings.model != os.environ.get(MODEL_VARIABLE) and not workers.runs_this_image(options):
        yield "model", settings.model


def _check_places(options: PipelineOptions) -> None:
    """Checks the folders for the job's own files; each stands in for the other, as in Beam."""
    service = options.view_as(GoogleCloudOptions)
    given = {
        flag: _place(flag, getattr(service, flag))
        for flag in ("temp_location", "staging_location")
        if getattr(service, flag)
    }
    if not given:
        raise UserError("temp_location", "a folder such as gs://bucket/temp", "nothing")
    service.temp_location = given.get("temp_location") or given["staging_location"]
    service.staging_location = given.get("staging_location") or given["temp_location"]
    if options.view_as(TestOptions).dry_run:
        return
    # Mostly one bucket, which is asked for once.
    for bucket, (flag, folder) in {
        one.split("/")[2]: (flag, one) for flag, one in given.items()
    }.items():
        _check_bucket(flag, folder, bucket, options)


def _place(flag: str, given: str) -> str:
    found = place(flag)(given)
    if not found.startswith("gs://"):
        raise UserError(flag, "a folder such as gs://bucket/temp", repr(given))
    return found if "/" in found.removeprefix("gs://") else f"{found}/"


def _check_bucket(flag: str, folder: str, bucket: str, options: PipelineOptions) -> None:
    """Asks for the bucket once; Beam would ask for ten minutes."""
    service = options.view_as(GoogleCloudOptions)
    anonymous = service.no_auth or "STORAGE_EMULATOR_HOST" in os.environ
    try:
        if not anonymous:
            # Beam itself goes on without credentials, and everything is forbidden then.
            google.auth.default(scopes=service.gcp_oauth_scopes)
        retry = DEFAULT_RETRY.with_timeout(_PATIENCE_SECS)
        client = create_storage_client(options, use_credentials=not anonymous)
        # To look at the bucket itself takes a right that who may use its objects often has not.
        listed = client.list_blobs(bucket, max_results=1, timeout=_PATIENCE_SECS, retry=retry)
        next(iter(listed), None)
    except exceptions.NotFound as error:
        raise UserError(flag, "a folder in a bucket that is there", repr(folder)) from error
    except Exception as error:
        found = refused(error)
        if isinstance(error, exceptions.Forbidden) and "permission" in str(found):
            takes = "a folder in a bucket that you may use (as with Storage Object Admin)"
            raise UserError(flag, takes, f"{folder!r}, which is forbidden") from error
        raise found or RunFailed(f"{folder} cannot be asked for: {one_line(error)}") from error
