"""A run as a job on another runner: submitted, watched to its end, and reported."""

import dataclasses
import os
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)

from runinference_metrics import pipeline
from runinference_metrics.bigquery import addresses
from runinference_metrics.dataflow import needs, workers
from runinference_metrics.dataflow.refusals import refused
from runinference_metrics.errors import (
    FlagError,
    Interrupted,
    RunFailed,
    ThresholdsFailed,
    UserError,
    one_line,
)
from runinference_metrics.options.settings import Settings
from runinference_metrics.report.table import print_table
from runinference_metrics.running import history, interruption, job_server
from runinference_metrics.running.checked import CheckedRun
from runinference_metrics.running.failures import raise_plainly
from runinference_metrics.running.job import DataflowJob, Job
from runinference_metrics.running.watch import watch
from runinference_metrics.writing import documents
from runinference_metrics.writing.folder import unfinished_in


def reachable(settings: Settings, options: PipelineOptions) -> Settings:
    """The settings with paths that mean the same on every machine that shares a disk with this one.

    Args:
        settings: the parameters.
        options: Beam's options; what Dataflow needs of them is put into its right form.

    Raises:
        UserError: the runner is not there, or its workers would not reach what a parameter names.
        RunFailed: Google Cloud refuses, or cannot be reached.
    """
    needs.check(settings, options)
    job_server.check(options)
    return dataclasses.replace(
        settings,
        input=tuple(
            one if addresses.is_table_or_query(one) else _absolute(one) for one in settings.input
        ),
        # A check needs none.
        output=settings.output and _absolute(settings.output),
        model=_absolute(settings.model),
        history=settings.history and _absolute(settings.history),
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
        ThresholdsFailed: the job is done and shown, and not good enough.
        Interrupted: somebody ended the program, and the job was cancelled.
    """
    options, output = checked.beam_options, checked.settings.output
    runner = str(options.view_as(StandardOptions).runner)
    before = set(unfinished_in(output))
    with interruption.noted() as interrupted:
        built = _pipeline(options)
        handler = checked.handler(ends_with_device=True)
        pipeline.build(built, checked.plan(handler, runner, spread=True))
        result = _submitted(built, options)
        if options.view_as(GoogleCloudOptions).template_location:
            # The launcher starts the job from the file just written: there is nothing to wait for.
            if interrupted.came:
                raise Interrupted("The job's description is written; the launcher may start it.")
            return
        job = (DataflowJob if workers.is_dataflow(options) else Job)(result, options)
        failed: ThresholdsFailed | None = None
        try:
            watch(job, checked, before, interrupted)
        except ThresholdsFailed as error:
            failed = error
        except Exception:
            # A job that was only lost sight of needs its shards.
            if job.over:
                interruption.remove_unfinished(output, before)
            raise
    document = _document(job, output)
    print_table(document, checked.places)
    if checked.history_file:
        history.check_added(checked.history_file, document, failed)
    if failed:
        raise failed


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
        if plain := refused(error):
            raise plain from error
        raise_plainly(error, job="No job was started.")


def _raise_no_job_service(error: Exception, options: PipelineOptions) -> None:
    portable = options.view_as(PortableOptions)
    if type(error).__name__ == "FutureTimeoutError" and portable.job_endpoint:
        raise UserError(
            "job_endpoint", "the address of a job service, as host:port",
            f"{portable.job_endpoint!r}, where something listens that is none",
        ) from error  # fmt: skip


def _document(job: Job, output: str) -> dict:
    try:
        return documents.read(output)
    except UserError as error:
        raise RunFailed(
            f"The job {job} is done, but its metrics.json is not to be had here ({error}). If its "
            "workers wrote to a disk of their own, take an --output that they share with this "
            "machine, such as a bucket."
        ) from error
