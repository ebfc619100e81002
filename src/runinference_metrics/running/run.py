"""One run from checked parameters to a reported result."""

import logging
import platform
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
)

from runinference_metrics import __version__ as version
from runinference_metrics import pipeline
from runinference_metrics.classifier.devices import check_device
from runinference_metrics.dataflow import workers
from runinference_metrics.errors import FlagError, RunFailed, UserError, one_line
from runinference_metrics.inference.handler import ClassifierHandler, spec_of
from runinference_metrics.inference.progress import shown
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.options import beam_flags
from runinference_metrics.options.settings import Settings
from runinference_metrics.redaction import RedactingFilter
from runinference_metrics.report.table import print_table
from runinference_metrics.running import checks, interruption
from runinference_metrics.running.failures import raise_plainly
from runinference_metrics.running.local_runner import LocalRunner
from runinference_metrics.writing import documents
from runinference_metrics.writing.folder import make_folder


def run(settings: Settings, beam_arguments: Sequence[str]) -> None:
    """Checks, runs and reports.

    Args:
        settings: the parameters.
        beam_arguments: the flags that are Beam's.

    Raises:
        UserError: something that the user gave is wrong.
        RunFailed: the run failed.
    """
    beam_options = beam_flags.parse(beam_arguments)
    local = workers.is_local(beam_options)
    _log_levels(local)
    patterns = checks.input_patterns(settings.input, settings.output)
    old = checks.check_output(settings)
    checks.check_model(settings)
    _prices(settings)
    if local:
        # Elsewhere the GPU is the workers', not the launcher's.
        check_device(settings.device)
    else:
        checks.check_workers_gpu(settings, beam_options)
    make_folder(settings.output)
    checks.remove(old)
    if local:
        _run_here(settings, patterns, beam_options)
    else:
        _launch(settings, patterns, beam_options)


def _log_levels(local: bool) -> None:
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RedactingFilter())
    if local:
        # Beam warns, on the root logger too, about how it runs itself at every local start; and
        # what it logs of a failure comes back to this program as an exception anyway.
        logging.getLogger().setLevel(logging.ERROR)
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
        logging.getLogger("runinference_metrics").setLevel(logging.WARNING)


def _run_here(settings: Settings, patterns: list[str], beam_options: PipelineOptions) -> None:
    with (
        tempfile.TemporaryDirectory() as progress_folder,
        interruption.handled(settings.output, progress_folder),
    ):
        handler = ClassifierHandler(
            spec_of(settings, workers.threads_per_process(beam_options)),
            progress_folder,
            timeout_secs=settings.inference_timeout_secs or None,
        )
        spread = workers.local_workers(beam_options) > 1
        # DirectRunner would first try to download another runner from the internet.
        runner = LocalRunner(progress_folder)
        built = beam.Pipeline(runner=runner, options=beam_options)
        facts = _facts(settings, beam_options, "DirectRunner")
        pipeline.build(
            built, pipeline.Plan(settings, patterns, handler, spread, facts, _prices(settings))
        )
        with shown(progress_folder):
            _finish(built, runner)
    document = documents.read(settings.output)
    print_table(document, settings.output)


def _facts(settings: Settings, beam_options: PipelineOptions, runner: str) -> dict[str, Any]:
    """What is known of a run at launch, for metrics.json."""
    return {
        "job": beam_options.view_as(GoogleCloudOptions).job_name,
        "runner": runner,
        "version": version,
        "beam_version": beam.__version__,
        "python_version": platform.python_version(),
        "parameters": settings.as_parameters(),
    }


def _prices(settings: Settings) -> Prices | None:
    if not settings.prices:
        return None
    prices = Prices.parse(documents.content(settings.prices, "prices"), settings.prices)
    if settings.device == "GPU" and prices.gpu_hour is None:
        raise UserError("prices", "a file with gpu_hour for --device=GPU", "one without it")
    return prices


def _finish(built: beam.Pipeline, runner: LocalRunner) -> None:
    try:
        built.run().wait_until_finish()
    except Exception as error:
        raise_plainly(error, runner.said())


def _launch(settings: Settings, patterns: list[str], beam_options: PipelineOptions) -> None:
    hint = workers.configure(settings, beam_options)
    handler = ClassifierHandler(
        spec_of(settings, workers.threads_per_process(beam_options)),
        timeout_secs=settings.inference_timeout_secs or None,
        ends_with_device=True,
    )
    try:
        built = beam.Pipeline(options=beam_options)
    except ValueError as error:
        # An unknown runner, or an option that the runner needs and has not got.
        raise FlagError(one_line(error)) from error
    facts = _facts(settings, beam_options, str(beam_options.view_as(StandardOptions).runner))
    pipeline.build(
        built, pipeline.Plan(settings, patterns, handler, True, facts, _prices(settings), hint)
    )
    result = built.run()
    if beam_options.view_as(GoogleCloudOptions).template_location:
        # The launcher starts the job from the file just written: there is nothing to wait for.
        return
    state = result.wait_until_finish()
    if state not in (None, "DONE"):
        runner = beam_options.view_as(StandardOptions).runner
        raise RunFailed(f"The job on {runner} ended as {state}.")
