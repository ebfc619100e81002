"""What Google's clients raise at a launch, as one sentence with the next step."""

import re
from collections.abc import Iterator

import google.auth.exceptions
from apache_beam.runners.dataflow.internal.apiclient import DataflowJobAlreadyExistsError
from google.api_core import exceptions
from google.auth.transport import requests as transport

from runinference_metrics.dataflow.reasons import MORE_QUOTA, ROLES
from runinference_metrics.errors import RunFailed, UserError, one_line

_LOGIN = "run `gcloud auth application-default login`, then try again"
# How gRPC says that nobody answers; as an HTTP code it is the same as a service that is busy.
_NO_WAY = re.compile(r"failed to connect|dns|name resolution|no route|unreachable", re.IGNORECASE)
# How urllib3 ends, behind pool, port and the whole address: why there was no connection.
_CAUSE = re.compile(r"\(Caused by \w+\(.*?\): (.*)[\"']\)\)$")
_SERVICE = re.compile(r"[a-z]+\.googleapis\.com")
# The reasons of google.api.ErrorReason that name the project itself.
_WRONG_PROJECT = (
    "CONSUMER_INVALID", "RESOURCE_PROJECT_INVALID", "USER_PROJECT_DENIED", "CONSUMER_SUSPENDED",
)  # fmt: skip
_GONE = (google.auth.exceptions.RefreshError, google.auth.exceptions.OAuthError)
_NETWORK = (
    google.auth.exceptions.TransportError,
    google.auth.exceptions.TimeoutError,
    # What google-auth and Cloud Storage's client stand on.
    transport.requests.exceptions.ConnectionError,
    transport.requests.exceptions.Timeout,
)


def refused(error: BaseException) -> UserError | RunFailed | None:
    """The error to show instead of one of Google's; None when it is none of theirs.

    Args:
        error: what was raised; also what it arose from is looked at.
    """
    for one in _chain(error):
        if found := _said(one):
            return found
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # A client that has tried long enough holds what happened the last time, and Beam's file
        # systems hold what happened to each file.
        cause = error.cause if isinstance(error, exceptions.RetryError) else None
        if details := getattr(error, "exception_details", None):
            cause = next(iter(details.values()))
        error = cause or error.__cause__ or error.__context__


def _said(error: BaseException) -> UserError | RunFailed | None:
    if isinstance(error, google.auth.exceptions.DefaultCredentialsError):
        return RunFailed(f"There are no Google Cloud credentials here: {_LOGIN}.")
    if isinstance(error, _GONE):
        return RunFailed(
            f"The Google Cloud credentials here are no longer valid ({_first(error)}): {_LOGIN}."
        )
    if isinstance(error, _NETWORK):
        return _unreachable(error)
    if isinstance(error, DataflowJobAlreadyExistsError):
        return UserError("job_name", "the name of no job that is running", one_line(error))
    if isinstance(error, exceptions.GoogleAPICallError):
        return _answered(error)
    # How Beam says that a file of the job could not be staged; its own words hide the reason.
    if found := re.match(r"Could not upload to GCS path (\S+): (.*?)\. Please verify", str(error)):
        got = f"{found[1]!r}: {_without_address(found[2])}"
        return UserError("staging_location", "a folder in a bucket that can be written to", got)
    return None


def _answered(error: exceptions.GoogleAPICallError) -> UserError | RunFailed:
    said = _without_address(one_line(error.message)).rstrip(".")
    reason, code = error.reason or "", int(error.code or 0)
    if reason == "SERVICE_DISABLED" or "has not been used in project" in said:
        named = _SERVICE.search((error.metadata or {}).get("service", "") or said)
        service = named[0] if named else "dataflow.googleapis.com"
        return RunFailed(
            f"The project has not enabled {service}: run `gcloud services enable {service}`, wait "
            "a minute, then try again."
        )
    if reason == "BILLING_DISABLED" or "billing" in said.lower():
        return RunFailed(
            f"The project has no billing ({said}): link a billing account to it, then try again."
        )
    if code == 401:
        return RunFailed(f"Google Cloud does not take the credentials here ({said}): {_LOGIN}.")
    if reason in _WRONG_PROJECT or re.search(r"project .*(not found|invalid|deleted)", said, re.I):
        return UserError("project", "the id of a project that is there and that you may use", said)
    if code == 403:
        return RunFailed(f"Google Cloud refused permission: {said}. {ROLES}")
    if code == 429:
        return RunFailed(f"A quota of the project is used up: {said}. {MORE_QUOTA}")
    if code in (400, 404) and re.search(r"\b(region|location)", said, re.IGNORECASE):
        return UserError("region", "a region of Dataflow such as us-central1", said)
    if code == 404:
        return RunFailed(
            f"Google Cloud does not find it: {said}. Are --project and --region right?"
        )
    if code == 409:
        return UserError("job_name", "the name of no job that is running", said)
    if code >= 500 and not _NO_WAY.search(said):
        return RunFailed(
            f"Google Cloud had an error of its own ({code}: {said}): try again in some minutes."
        )
    if code >= 500:
        return _unreachable(error)
    return RunFailed(f"Google Cloud refused the job ({code}): {said}.")


def _unreachable(error: BaseException) -> RunFailed:
    return RunFailed(
        f"Google Cloud cannot be reached ({_first(error)}): is there a network, or a proxy to be "
        "named in HTTPS_PROXY?"
    )


def _first(error: BaseException) -> str:
    """What an error says first, without the data that Google's errors carry behind it."""
    first = one_line(error.args[0] if error.args else error)
    if caused := _CAUSE.search(first):
        first = caused[1]
    return first[:200] or type(error).__name__


def _without_address(said: str) -> str:
    # As in "404 GET https://storage.googleapis.com/…: The specified bucket does not exist."
    return re.sub(r"^(?:\d{3} )?(?:GET|POST|PUT|PATCH) \S+: ", "", said)
