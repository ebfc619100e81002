"""A job that runs elsewhere: what its runner tells of it, and how it is cancelled."""

import contextlib
import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)

from runinference_metrics.dataflow.job import texts_classified
from runinference_metrics.metrics.beam_metrics import BeamMetrics
from runinference_metrics.records import names


class Job:
    """A job on another runner than this machine's.

    Args:
        result: what Beam gave for submitting it.
        options: the flags that are Beam's.
    """

    # How often the runner is asked how far the job is.
    ask_every_secs = 1.0
    # Its page in the Cloud console.
    address: str | None = None
    # What has happened to it when the runner took the request to cancel.
    cancelled = "was cancelled"
    # Whether the runner itself ends a job whose workers do not start.
    notices_missing_workers = False

    def __init__(self, result: Any, options: PipelineOptions) -> None:
        self._result = result
        self._options = options
        self._error: BaseException | None = None
        self._state: str | None = None
        self._texts: int | None = None
        self._asked_at = float("-inf")
        # Whether it is known to do nothing more; not if it was only lost sight of.
        self.over = False
        self._lost: BaseException | None = None
        threading.excepthook = functools.partial(self._note_lost, threading.excepthook)
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        """Its id and its runner, as a person looks for them."""
        runner = self._options.view_as(StandardOptions).runner
        endpoint = self._options.view_as(PortableOptions).job_endpoint
        job_id = getattr(self._result, "_job_id", "")
        where = {None: "", "embed": " in this process"}.get(endpoint, f" at {endpoint}")
        return f"{job_id} on {runner}{where}".strip()

    @property
    def ends_with_program(self) -> bool:
        """Whether its job service is this program's own."""
        return self._options.view_as(PortableOptions).job_endpoint in (None, "embed")

    @property
    def going_on(self) -> bool:
        """Whether the job has not ended, as far as the runner says."""
        return self._thread.is_alive()

    def ending(self) -> str:
        """How it ended: one of Beam's states.

        Raises:
            Exception: why it failed, as the runner passed it on.
        """
        self._thread.join()
        if self._error:
            raise self._error
        # A runner that says nothing of its state raises when it fails.
        return self._state or "DONE"

    def _wait(self) -> None:
        # Beam's own waiting blocks: a thread of its own leaves the main one free for signals.
        try:
            self._state = self._result.wait_until_finish()
        except AssertionError as error:
            # So Beam says that the thread which asks Dataflow has died.
            self._error = self._lost or error
        except Exception as error:
            self._error = error

    def _note_lost(self, shown: Callable[[Any], Any], failed: Any) -> None:
        """Threads of Beam's, and of a worker's in this process, die of an error of Google's client
        or of gRPC's when a runner goes away; the waiting does too, and it says so."""
        if hasattr(failed.exc_value, "details"):
            self._lost = failed.exc_value
        else:
            shown(failed)

    def texts_done(self) -> int | None:
        """The texts classified so far, as of the last time that the runner was asked; None when it
        does not tell."""
        now = time.monotonic()
        if now - self._asked_at >= self.ask_every_secs:
            self._asked_at = now
            # Progress is a courtesy, and an answer that does not come is no failure of the job.
            with contextlib.suppress(Exception):
                self._texts = self._count()
        return self._texts

    def _count(self) -> int:
        found = BeamMetrics.of_result(self._asked_anew())
        return found.counter(names.BEAM_NAMESPACE, names.NUM_INFERENCES)

    def works(self) -> bool:
        """Whether a worker has done anything, as far as the runner counts."""
        with contextlib.suppress(Exception):
            return any(self._asked_anew().metrics().query().values())
        return False

    def _asked_anew(self) -> Any:
        # Beam asks a job service for metrics only once, and keeps the answer here.
        if hasattr(self._result, "_metrics"):
            self._result._metrics = None
        return self._result

    def cancel(self) -> None:
        """Asks the runner to cancel it.

        Raises:
            Exception: the runner did not take it.
        """
        self._result.cancel()


class DataflowJob(Job):
    """A job on Dataflow."""

    # The API has a quota of requests a minute.
    ask_every_secs = 10.0
    # Workers stop, and are paid for, some time later.
    cancelled = "is being cancelled"
    notices_missing_workers = True
    ends_with_program = False

    def __init__(self, result: Any, options: PipelineOptions) -> None:
        self._id = result.job_id()
        self._cloud = options.view_as(GoogleCloudOptions)
        self.address = (
            f"https://console.cloud.google.com/dataflow/jobs/{self._cloud.region}/{self._id}"
            f"?project={self._cloud.project}"
        )
        super().__init__(result, options)

    def __str__(self) -> str:
        """Its id and its runner, as a person looks for them."""
        return f"{self._id} on Dataflow"

    def _count(self) -> int:
        # Not through Beam's client, which the waiting thread uses and which two may not.
        cloud = self._cloud
        return texts_classified(self._id, cloud.project, cloud.region, cloud.dataflow_endpoint)
