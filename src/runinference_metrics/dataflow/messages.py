"""What a Dataflow job says of itself: its messages, and when it had how many workers."""

import itertools
from dataclasses import dataclass
from typing import Any

from google.cloud import dataflow_v1beta3 as dataflow

from runinference_metrics.dataflow.api import ask_pages
from runinference_metrics.errors import RunFailed, UserError, one_line

# So many messages make some megabytes; a job that says more repeats itself.
_PAGE_SIZE = 1000
_MOST_PAGES = 20


@dataclass(frozen=True)
class Messages:
    """What a job said, as the API gives it.

    Args:
        failures: its JobMessages that are errors or warnings, the oldest first.
        events: its AutoscalingEvents, the oldest first.
        complete: whether these are all; not of a job that said too much.
        refused: why they could not be had, in a sentence; empty if they could.
    """

    failures: tuple[dict[str, Any], ...] = ()
    events: tuple[dict[str, Any], ...] = ()
    complete: bool = True
    refused: str = ""


def read_messages(job_id: str, project: str, region: str, endpoint: str | None) -> Messages:
    """The messages of a job.

    Who may see a job's metrics need not be allowed its messages: that they cannot be had is a part
    of the answer, and no error.
    """
    where = {"project_id": project, "location": region, "job_id": job_id}
    importance = dataflow.JobMessageImportance
    try:
        warnings = _pages(endpoint, minimum_importance=importance.JOB_MESSAGE_WARNING, **where)
        # That events come with messages of every importance is known, with few only is not.
        everything = _pages(endpoint, **where)
    except (RunFailed, UserError) as error:
        return Messages(complete=False, refused=one_line(error))
    return Messages(
        tuple(one for page in warnings for one in page.get("jobMessages", [])),
        tuple(one for page in everything for one in page.get("autoscalingEvents", [])),
        not any(pages[-1].get("nextPageToken") for pages in (warnings, everything)),
    )


def _pages(endpoint: str | None, **asked: Any) -> list[dict[str, Any]]:
    request = dataflow.ListJobMessagesRequest(page_size=_PAGE_SIZE, **asked)
    return ask_pages(
        # The client's own iterator gives the messages alone, and drops the events.
        lambda client, **how: itertools.islice(
            client.list_job_messages(request, **how).pages, _MOST_PAGES
        ),
        dataflow.MessagesV1Beta3Client, endpoint, asked["job_id"],
    )  # fmt: skip
