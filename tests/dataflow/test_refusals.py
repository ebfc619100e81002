"""What Google's own clients make of the services' answers, and what is said of it."""

from typing import Any

import google.auth.exceptions
import pytest
from apache_beam.io.filesystem import BeamIOError
from apache_beam.runners.dataflow.internal.apiclient import DataflowJobAlreadyExistsError
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.transport import requests as transport
from google.cloud import dataflow_v1beta3

from engines_for_tests import free_port
from runinference_metrics.dataflow.refusals import refused
from runinference_metrics.errors import RunFailed, UserError
from servers_for_tests import error_body, refusing, serving


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (
            error_body(
                403,
                "PERMISSION_DENIED",
                "Dataflow API has not been used in project 12 before or "
                "it is disabled. Enable it by visiting https://console.developers.google.com/…",
                "SERVICE_DISABLED",
                service="dataflow.googleapis.com",
                consumer="projects/12",
            ),
            RunFailed,
            "The project has not enabled dataflow.googleapis.com: run `gcloud services enable "
            "dataflow.googleapis.com`, wait a minute, then try again.",
        ),
        (
            error_body(
                403,
                "PERMISSION_DENIED",
                "(1f): Could not create workflow; user does not have "
                "write access to project: my-project Causes: (1e): Permission "
                "'dataflow.jobs.create' denied on project: 'my-project'",
            ),
            RunFailed,
            "Google Cloud refused permission: (1f): Could not create workflow; user does not",
        ),
        (
            error_body(
                429,
                "RESOURCE_EXHAUSTED",
                "Quota exceeded for quota metric 'Create requests'",
                "RATE_LIMIT_EXCEEDED",
            ),
            RunFailed,
            "A quota of the project is used up: Quota exceeded for quota metric 'Create re",
        ),
        (
            error_body(
                400,
                "INVALID_ARGUMENT",
                "(2b): The workflow could not be created because the "
                "region mars-north1 is not valid.",
            ),
            UserError,
            "--region takes a region of Dataflow",
        ),
        (
            error_body(404, "NOT_FOUND", "Requested entity was not found."),
            RunFailed,
            "Google Cloud does not find it: Requested entity was not found. Are --project and",
        ),
        (
            error_body(
                403,
                "PERMISSION_DENIED",
                "Permission denied on resource project my-project.",
                "CONSUMER_INVALID",
                consumer="projects/my-project",
            ),
            UserError,
            "--project takes the id of a project that is there and that you may use; got Perm",
        ),
        (
            error_body(
                403,
                "PERMISSION_DENIED",
                "This API method requires billing to be enabled.",
                "BILLING_DISABLED",
            ),
            RunFailed,
            "The project has no billing (This API method",
        ),
        (
            error_body(
                409,
                "ALREADY_EXISTS",
                "(3c): The workflow could not be created. There is already "
                "an active job named a-job.",
            ),
            UserError,
            "--job_name takes the name of no job",
        ),
        (
            error_body(400, "INVALID_ARGUMENT", "(4d): Machine type n9-huge is not available."),
            RunFailed,
            "Google Cloud refused the job (400): (4d): Machine type n9-huge is not available.",
        ),
    ],
)
def test_what_the_service_refuses_is_one_sentence(
    body: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with serving(refusing(body, [])) as port:
        client = dataflow_v1beta3.JobsV1Beta3Client(
            transport="rest",
            client_options=ClientOptions(api_endpoint=f"http://localhost:{port}"),
            credentials=AnonymousCredentials(),
        )
        request = dataflow_v1beta3.CreateJobRequest(project_id="p", location="us-central1")
        with pytest.raises(exceptions.GoogleAPICallError) as raised:
            client.create_job(request=request)
    said(raised.value, kind, message)


def said(error: Exception, kind: type[Exception], message: str) -> None:
    found = refused(error)
    assert type(found) is kind
    assert str(found).startswith(message), str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (google.auth.exceptions.DefaultCredentialsError("Your default credentials were not found"),
         RunFailed, "There are no Google Cloud credentials here: run `gcloud auth application-de"),
        (google.auth.exceptions.RefreshError("invalid_grant: expired", {"error": "invalid_grant"}),
         RunFailed, "The Google Cloud credentials here are no longer valid (invalid_grant: expire"),
        (google.auth.exceptions.ReauthFailError("Reauthentication challenge could not be answered"),
         RunFailed, "The Google Cloud credentials here are no longer valid (Reauthentication"),
        (google.auth.exceptions.OAuthError("Error code invalid_grant"),
         RunFailed, "The Google Cloud credentials here are no longer valid (Error code invalid_g"),
        (google.auth.exceptions.TransportError("Name or service not known"),
         RunFailed, "Google Cloud cannot be reached (Name or service not known): is there a netw"),
        (transport.requests.exceptions.ConnectionError("Max retries exceeded"),
         RunFailed, "Google Cloud cannot be reached (Max retries exceeded)"),
        (exceptions.ServiceUnavailable("failed to connect to all addresses; last error: UNKNOWN"),
         RunFailed, "Google Cloud cannot be reached ("),
        (exceptions.ServiceUnavailable("The service is currently unavailable."),
         RunFailed, "Google Cloud had an error of its own (503: The service is currently unavail"),
        (exceptions.RetryError("Timeout of 20s exceeded", exceptions.Forbidden("no access to b")),
         RunFailed, "Google Cloud refused permission: no access to b."),
        (exceptions.Unauthorized("Request had invalid authentication credentials."),
         RunFailed, "Google Cloud does not take the credentials here (Request had invalid"),
        (DataflowJobAlreadyExistsError("There is already active job named a-job with id: 1."),
         UserError, "--job_name takes the name of no job that is running; got There is already"),
        (OSError("Could not upload to GCS path gs://b/s: 403 GET https://storage.googleapis.com/b: "
                 "Access denied. Please verify that credentials are valid, that …"),
         UserError, "--staging_location takes a folder in a bucket that can be written to; got "
         "'gs://b/s': Access denied"),
    ],
)  # fmt: skip
def test_what_clients_raise_is_one_sentence(
    error: Exception, kind: type[Exception], message: str
) -> None:
    said(error, kind, message)
    # Also what another error arose from.
    later = RuntimeError("x")
    later.__cause__ = error
    said(later, kind, message)


@pytest.mark.parametrize("error", [RuntimeError("x"), OSError(28, "No space"), KeyError("a")])
def test_what_is_not_googles_is_left_to_others(error: Exception) -> None:
    assert refused(error) is None


def test_what_beams_file_systems_hold_is_found() -> None:
    gone = transport.requests.exceptions.ConnectionError(
        "HTTPSConnectionPool: Failed to resolve 'storage.googleapis'"
    )
    late = exceptions.RetryError("Timeout of 120.0s exceeded", cause=gone)
    listed = BeamIOError("List operation failed", {"gs://b/in/": late})
    matched = BeamIOError("Match operation failed", {"gs://b/in/*": listed})
    assert str(refused(matched)).startswith("Google Cloud cannot be reached (HTTPSConnectionPool")
    assert refused(BeamIOError("Match operation failed", {"/in/*": OSError("no")})) is None


def test_what_no_connection_was_made_for_comes_whole() -> None:
    """Of a name of more than 200 letters, which the reason would otherwise not be reached in."""
    with pytest.raises(transport.requests.exceptions.ConnectionError) as raised:
        transport.requests.get(f"http://127.0.0.1:{free_port()}/{'b' * 300}", timeout=5)
    found = str(refused(raised.value))
    assert found.startswith("Google Cloud cannot be reached (Failed to establish a new conn")
    assert "Connection refused): is there a network" in found
