"""A job on another runner, from its first sign of life to its end."""

import contextlib
import io
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

from runinference_metrics.dataflow.refusals import refused
from runinference_metrics.errors import Interrupted, RunFailed, one_line
from runinference_metrics.inference.progress import shown
from runinference_metrics.running.checked import CheckedRun
from runinference_metrics.running.failures import raise_plainly
from runinference_metrics.running.interruption import Interruption
from runinference_metrics.running.job import Job
from runinference_metrics.writing.folder import unfinished_in

# Often enough that a signal is answered at once.
_LOOK_EVERY_SECS = 0.2
# Looking for signs of life asks the runner and lists the output folder.
_LOOK_FOR_WORKERS_EVERY_SECS = 5.0
# A runner that takes a request to cancel answers in well under this; the rest is not ours.
_CANCEL_WITHIN_SECS = 10.0


def watch(job: Job, checked: CheckedRun, before: set[str], interrupted: Interruption) -> None:
    """Shows how far the job is, and returns when it is done.

    Args:
        job: the job.
        checked: what it runs.
        before: what was unfinished in the output folder before it started.
        interrupted: whether somebody asks for its end.

    Raises:
        UserError, RunFailed: the job failed, or no worker has started in time.
        Interrupted: somebody ended the program, and the job was cancelled.
    """
    # A job server that Beam started takes Ctrl-C for itself.
    interrupted.take_signals()
    limit = 0 if job.notices_missing_workers else checked.settings.start_timeout_secs
    started = looked = time.monotonic()
    waits_for_workers = limit > 0
    with _workers_quiet() as stream, shown(job.texts_done, stream):
        _say(f"Job {job}.{_address(job)}", stream)
        while job.going_on and not interrupted.came:
            time.sleep(_LOOK_EVERY_SECS)
            now = time.monotonic()
            if waits_for_workers and now - looked >= min(_LOOK_FOR_WORKERS_EVERY_SECS, limit / 2):
                looked = now
                works = _somebody_works(job, checked.settings.output, before)
                waits_for_workers = not works
                if works is False and now - started >= limit:
                    why = _no_worker(limit, checked.beam_options)
                    raise RunFailed(f"{why} {_cancel(job, stream)}")
        if interrupted.came:
            raise Interrupted(_cancel(job, stream))
    _raise_unless_done(job)


@contextlib.contextmanager
def _workers_quiet() -> Iterator[TextIO]:
    """Until the block ends nobody else writes to standard error; yields it for ourselves.

    A worker in this process (LOOPBACK) prints the traceback of what comes back as the job's error.
    """
    stream = sys.stderr
    with contextlib.redirect_stderr(io.StringIO()):
        yield stream


def _somebody_works(job: Job, output: str, before: set[str]) -> bool | None:
    """Whether a worker has done anything; None when that cannot be known just now."""
    if job.works():
        return True
    # Not every runner counts before the end; the first thing that a worker does is to make a
    # folder for its shards.
    try:
        return bool(set(unfinished_in(output)) - before)
    except Exception:
        return None


def _no_worker(limit: int, options: PipelineOptions) -> str:
    portable = options.view_as(PortableOptions)
    look = {
        "EXTERNAL": f"the log of the worker pool at {portable.environment_config}",
        "DOCKER": f"the log of the container of {portable.environment_config}",
    }.get(portable.environment_type or "", "the runner's log")
    return (
        f"No worker has started within {limit} s: {look} says why; --start_timeout_secs allows "
        "more time."
    )


def _raise_unless_done(job: Job) -> None:
    try:
        state = job.ending()
    except Exception as error:
        _raise_if_lost(error, job)
        job.over = True
        raise_plainly(error, job=f"Job {job}.{_address(job)}")
    job.over = True
    if state not in ("DONE", "UPDATED", "DRAINED"):
        raise RunFailed(f"The job {job} ended as {state}.{_address(job)}")


def _raise_if_lost(error: Exception, job: Job) -> None:
    """Raises RunFailed when it is not the job that failed, but the way to its runner."""
    if said := _grpc_said(error):
        raise RunFailed(
            f"The run failed: the runner of job {job} is gone ({said}); its log says why."
        ) from error
    if plain := refused(error):
        raise RunFailed(f"{plain} The job {job} may go on.{_address(job)}") from error


def _grpc_said(error: Exception) -> str | None:
    """What an error of gRPC's says; None for any other."""
    details = getattr(error, "details", None)
    return one_line(details()) if callable(details) else None


def _cancel(job: Job, stream: TextIO) -> str:
    """Cancels the job, and says in a sentence whether that worked."""
    _say(f"Cancelling job {job}.", stream)
    failed: list[Exception] = []

    def cancel() -> None:
        try:
            job.cancel()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    thread.join(_CANCEL_WITHIN_SECS)
    if job.ends_with_program:
        job.over = True
        return f"The job {job} ends with this program."
    if thread.is_alive():
        return f"The job {job} may go on: its runner gives no answer.{_address(job)}"
    if failed:
        why = _grpc_said(failed[0]) or one_line(failed[0])
        return f"The job {job} may go on: it could not be cancelled ({why}).{_address(job)}"
    job.over = True
    return f"The job {job} {job.cancelled}.{_address(job)}"


def _address(job: Job) -> str:
    return f" {job.address}" if job.address else ""


def _say(line: str, stream: TextIO) -> None:
    print(line, file=stream, flush=True)
