"""A job that runs elsewhere: what its runner tells of it, and how it is cancelled."""

import contextlib
import threading
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

    # Its page in the Cloud console.
    address: str | None = None
    # What has happened to it when the runner took the request to cancel.
    cancelled = "was cancelled"
    # Whether the runner itself ends a job whose workers do not start.
    notices_missing_workers = False

    def __init__(self, result: Any, options: PipelineOptions) -> None:
        self._result = result
        self._options = options
        self._error: Exception | None = None
        self._state: str | None = None
        threading.excepthook = _unless_connection(threading.excepthook)
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
        except Exception as error:
            self._error = error

    def texts_done(self) -> int | None:
        """The texts classified so far; None when the runner does not tell."""
        with contextlib.suppress(Exception):
            found = BeamMetrics.of_result(self._asked_anew())
            return found.counter(names.BEAM_NAMESPACE, names.NUM_INFERENCES)
        return None

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

    def texts_done(self) -> int | None:
        """The texts classified so far; None when the service does not tell."""
        # Not through Beam's client, which the waiting thread uses and which two may not.
        with contextlib.suppress(Exception):
            return texts_classified(
                self._id, self._cloud.project, self._cloud.region, self._cloud.dataflow_endpoint
            )
        return None


def _unless_connection(shown: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Threads of Beam's, and of a worker's in this process, die of an error of gRPC's when a runner
    goes away; the waiting does too, and says so."""
    return lambda failed: None if hasattr(failed.exc_value, "details") else shown(failed)
