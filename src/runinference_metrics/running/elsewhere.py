"""A run as a job on another runner: submitted, watched to its end, cancelled when need be."""

import dataclasses
import os
import sys
import threading
import time
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)

from runinference_metrics import pipeline
from runinference_metrics.dataflow import workers
from runinference_metrics.errors import FlagError, Interrupted, RunFailed, UserError, one_line
from runinference_metrics.inference.progress import shown
from runinference_metrics.options.settings import Settings
from runinference_metrics.report.table import print_table
from runinference_metrics.running import interruption
from runinference_metrics.running.checked import CheckedRun
from runinference_metrics.running.failures import raise_plainly
from runinference_metrics.running.job import DataflowJob, Job
from runinference_metrics.writing import documents
from runinference_metrics.writing.folder import unfinished_in

# Often enough that a signal is answered at once.
_LOOK_EVERY_SECS = 0.2
# Looking for signs of life asks the runner and lists the output folder.
_LOOK_FOR_WORKERS_EVERY_SECS = 5.0
# A runner that takes a request to cancel answers in well under this; the rest is not ours.
_CANCEL_WITHIN_SECS = 10.0


def with_absolute_paths(settings: Settings) -> Settings:
    """The settings, with local paths that mean the same in every folder of the machine."""
    return dataclasses.replace(
        settings,
        input=tuple(_absolute(one) for one in settings.input),
        output=_absolute(settings.output),
        model=_absolute(settings.model),
    )


def _absolute(path: str) -> str:
    # A folder's slash at the end stays.
    return path if "://" in path else os.path.join(os.getcwd(), path)


def run(checked: CheckedRun) -> None:
    """Submits the run as a job; unless a launcher starts it, waits for its end and prints the
    table.

    Raises:
        UserError: a flag that the runner needs is missing or wrong.
        RunFailed: the job failed, or its results are not here.
        Interrupted: somebody ended the program, and the job was cancelled.
    """
    options, output = checked.beam_options, checked.settings.output
    runner = str(options.view_as(StandardOptions).runner)
    hint = workers.configure(checked.settings, options)
    before = set(unfinished_in(output))
    with interruption.noted() as interrupted:
        built = _pipeline(options)
        handler = checked.handler(ends_with_device=True)
        pipeline.build(built, checked.plan(handler, runner, spread=True, accelerator=hint))
        result = _submitted(built, options)
        if options.view_as(GoogleCloudOptions).template_location:
            # The launcher starts the job from the file just written: there is nothing to wait for.
            return
        job = (DataflowJob if workers.is_dataflow(options) else Job)(result, options)
        try:
            _watched(job, checked, before, interrupted)
        except Exception:
            interruption.remove_unfinished(output, before)
            raise
    print_table(_document(job, output), output)


def _pipeline(options: PipelineOptions) -> beam.Pipeline:
    try:
        return beam.Pipeline(options=options)
    except ValueError as error:
        # An unknown runner, or an option that the runner needs and has not got.
        raise FlagError(one_line(error)) from error


def _submitted(built: beam.Pipeline, options: PipelineOptions) -> Any:
    try:
        return built.run()
    except NotImplementedError as error:
        # A portable runner without its job service.
        raise FlagError(one_line(error)) from error
    except Exception as error:
        _raise_no_job_service(error, options)
        raise_plainly(error, job="No job was started.")


def _raise_no_job_service(error: Exception, options: PipelineOptions) -> None:
    portable = options.view_as(PortableOptions)
    if type(error).__name__ == "FutureTimeoutError" and portable.job_endpoint:
        raise UserError(
            "job_endpoint", "the address of a job service, as host:port",
            f"{portable.job_endpoint!r}, where none answered within "
            f"{portable.job_server_timeout} s (--job_server_timeout)",
        ) from error  # fmt: skip


def _watched(
    job: Job, checked: CheckedRun, before: set[str], interrupted: interruption.Interruption
) -> None:
    """Returns when the job is done; raises when it is not to be."""
    # A job server that Beam started takes Ctrl-C for itself.
    interrupted.take_signals()
    _say(f"Job {job}." + (f" {job.address}" if job.address else ""))
    limit = 0 if job.notices_missing_workers else checked.settings.start_timeout_secs
    started = looked = time.monotonic()
    waits_for_workers = limit > 0
    with shown(job.texts_done):
        while job.going_on and not interrupted.came:
            time.sleep(_LOOK_EVERY_SECS)
            now = time.monotonic()
            if waits_for_workers and now - looked >= min(_LOOK_FOR_WORKERS_EVERY_SECS, limit / 2):
                looked = now
                waits_for_workers = not _somebody_works(job, checked.settings.output, before)
                if waits_for_workers and now - started >= limit:
                    _cancel(job)
                    raise RunFailed(_no_worker(job, limit, checked.beam_options))
    if interrupted.came:
        raise Interrupted(_cancel(job))
    _raise_unless_done(job)


def _somebody_works(job: Job, output: str, before: set[str]) -> bool:
    # Not every runner counts before the end; the first thing that a worker does is to make a
    # folder for its shards.
    return job.works() or bool(set(unfinished_in(output)) - before)


def _no_worker(job: Job, limit: int, options: PipelineOptions) -> str:
    portable = options.view_as(PortableOptions)
    look = {
        "EXTERNAL": f"the log of the worker pool at {portable.environment_config}",
        "DOCKER": f"the log of the container of {portable.environment_config}",
    }.get(portable.environment_type or "", "the runner's log")
    return (
        f"No worker has started within {limit} s, so the job {job} was cancelled: {look} says why; "
        "--start_timeout_secs allows more time."
    )


def _raise_unless_done(job: Job) -> None:
    address = f" {job.address}" if job.address else ""
    try:
        state = job.ending()
    except Exception as error:
        _raise_runner_gone(error, job)
        raise_plainly(error, job=f"Job {job}.{address}")
    if state not in ("DONE", "UPDATED", "DRAINED"):
        raise RunFailed(f"The job {job} ended as {state}.{address}")


def _raise_runner_gone(error: Exception, job: Job) -> None:
    if said := _grpc_said(error):
        raise RunFailed(
            f"The run failed: the runner of job {job} is gone ({said}); its log says why."
        ) from error


def _grpc_said(error: Exception) -> str | None:
    """What an error of gRPC's says; it is not the job's, but of the way to its runner."""
    details = getattr(error, "details", None)
    return one_line(details()) if callable(details) else None


def _cancel(job: Job) -> str:
    """Cancels the job, and says in a sentence whether that worked."""
    _say(f"Cancelling job {job}.")
    failed: list[Exception] = []

    def cancel() -> None:
        try:
            job.cancel()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    thread.join(_CANCEL_WITHIN_SECS)
    address = f" {job.address}" if job.address else ""
    if job.ends_with_program:
        return f"The job {job} ends with this program."
    if thread.is_alive():
        return f"The job {job} may go on: its runner did not answer the request to cancel.{address}"
    if failed:
        why = _grpc_said(failed[0]) or one_line(failed[0])
        return f"The job {job} may go on: it could not be cancelled ({why}).{address}"
    return f"The job {job} was cancelled.{address}"


def _document(job: Job, output: str) -> dict:
    try:
        return documents.read(output)
    except UserError as error:
        raise RunFailed(
            f"The job {job} is done, but there is no metrics.json in {output!r} here: its workers "
            "wrote to a disk of their own. Take an --output that they share with this machine, "
            "such as a bucket."
        ) from error


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
