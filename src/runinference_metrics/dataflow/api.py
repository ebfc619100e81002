"""One question to the Dataflow API, asked again while the service has a hiccup."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import google.auth.exceptions
from google.api_core import exceptions, retry
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.protobuf.json_format import MessageToDict

from runinference_metrics.errors import RunFailed, UserError, one_line

# Long enough for a hiccup of the service, short enough for a person who waits.
PATIENCE_SECS = 30.0


def ask(call: Callable[..., Any], client: Any, endpoint: str | None, job_id: str) -> dict:
    """One call of the API; its answer as plain values, under the API's own names."""
    (answer,) = ask_pages(lambda *of, **how: [call(*of, **how)], client, endpoint, job_id)
    return answer


def ask_pages(
    call: Callable[..., Iterable[Any]], client: Any, endpoint: str | None, job_id: str
) -> list[dict]:
    """Likewise of a call that answers in pages.

    Raises:
        UserError: there is no such job.
        RunFailed: the API cannot be asked, or refuses.
    """
    # 429, 500 and 503 pass; the rest would be refused again.
    again = retry.Retry(
        predicate=retry.if_exception_type(
            exceptions.TooManyRequests,
            exceptions.InternalServerError,
            exceptions.ServiceUnavailable,
        ),
        timeout=PATIENCE_SECS,
    )
    try:
        found = call(_client(client, endpoint), retry=again, timeout=PATIENCE_SECS)
        return [MessageToDict(type(page).pb(page)) for page in found]
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise RunFailed(
            "There are no Google Cloud credentials here: run "
            "`gcloud auth application-default login`, then try again."
        ) from error
    except exceptions.NotFound as error:
        raise UserError(
            "job_id", "the id of a job in this project and region", repr(job_id)
        ) from error
    except exceptions.RetryError as error:
        raise RunFailed(f"The Dataflow API gave no answer: {one_line(error.cause)}") from error
    except exceptions.GoogleAPICallError as error:
        raise RunFailed(f"The Dataflow API refused: {one_line(error)}") from error
    except (google.auth.exceptions.GoogleAuthError, OSError) as error:
        raise RunFailed(f"The Dataflow API cannot be reached: {one_line(error)}") from error


def _client(client: Any, endpoint: str | None) -> Any:
    if not endpoint:
        return client(transport="rest")
    options = ClientOptions(api_endpoint=endpoint)
    if urlsplit(endpoint).scheme != "http":
        return client(transport="rest", client_options=options)
    # The real service speaks https only; a fake one has no use for credentials.
    return client(transport="rest", client_options=options, credentials=AnonymousCredentials())
