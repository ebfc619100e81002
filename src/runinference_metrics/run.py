"""One run from checked parameters to a reported result."""

import datetime
import logging
import platform
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, NoReturn

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
)
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from runinference_metrics import __version__ as version
from runinference_metrics import (
    beam_flags,
    checks,
    interruption,
    metrics,
    pipeline,
    report,
    workers,
    writing,
)
from runinference_metrics.classifier import check_device
from runinference_metrics.errors import FlagError, RunFailed, UserError
from runinference_metrics.inference import ClassifierHandler, spec_of
from runinference_metrics.options import Settings
from runinference_metrics.progress import shown

_LOG = logging.getLogger(__name__)


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
    patterns = checks.input_patterns(settings.input)
    old = checks.check_output(settings)
    checks.check_model(settings)
    if local:
        # Elsewhere the GPU is the workers', not the launcher's.
        check_device(settings.device)
    checks.make_folder(settings.output)
    if old:
        FileSystems.delete(old)
    if local:
        _run_here(settings, patterns, beam_options)
    else:
        _launch(settings, patterns, beam_options)


def _log_levels(local: bool) -> None:
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    if local:
        # Beam warns, on the root logger too, about how it runs itself at every local start; and
        # what it logs of a failure comes back to this program as an exception anyway.
        logging.getLogger().setLevel(logging.ERROR)
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
        logging.getLogger("runinference_metrics").setLevel(logging.WARNING)


def _run_here(settings: Settings, patterns: list[str], beam_options: PipelineOptions) -> None:
    started = datetime.datetime.now(datetime.UTC)
    clock = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as progress_folder,
        interruption.handled(settings.output, progress_folder),
    ):
        handler = ClassifierHandler(
            spec_of(settings, workers.threads_per_process(beam_options)), progress_folder
        )
        spread = workers.local_workers(beam_options) > 1
        # DirectRunner would first try to download another runner from the internet.
        built = beam.Pipeline(runner=FnApiRunner(), options=beam_options)
        pipeline.build(built, pipeline.Plan(settings, patterns, handler, spread))
        with shown(progress_folder):
            result = _result_of(built)
    wall_secs = time.monotonic() - clock
    found = metrics.RunMetrics(result)
    metrics.reconcile(*(found.own(name) for name in (
        metrics.READ, metrics.PREDICTED, metrics.DEAD_LETTERED, metrics.BLANK
    )))  # fmt: skip
    described = {
        "runner": "DirectRunner",
        "workers": workers.local_workers(beam_options),
        "version": version,
        "beam_version": beam.__version__,
        "python_version": platform.python_version(),
        "start": started.isoformat(timespec="milliseconds"),
        "end": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    }
    document = metrics.document(found, described, settings.as_parameters(), wall_secs)
    writing.write_metrics(settings.output, document)
    report.print_table(document, settings.output)


def _result_of(built: beam.Pipeline) -> Any:
    try:
        result = built.run()
        result.wait_until_finish()
        return result
    except Exception as error:
        _raise_plainly(error)


def _raise_plainly(error: Exception) -> NoReturn:
    """Turns what came back from a worker, a traceback in a string, into one line."""
    text = str(error)
    wrong = re.findall(r"errors\.UserError: --(\S+) takes (.*); got (.*)", text)
    if wrong:
        flag, takes, got = wrong[-1]
        raise UserError(flag, takes, re.sub(r" \[while running .*", "", got)) from error
    _LOG.error("The pipeline failed.", exc_info=error)
    lines = [line for line in text.splitlines() if line.strip()]
    raise RunFailed(f"The run failed: {lines[-1].strip() if lines else type(error).__name__}") \
        from error  # fmt: skip


def _launch(settings: Settings, patterns: list[str], beam_options: PipelineOptions) -> None:
    handler = ClassifierHandler(spec_of(settings, workers.threads_per_process(beam_options)))
    try:
        built = beam.Pipeline(options=beam_options)
    except ValueError as error:
        # An unknown runner, or an option that the runner needs and has not got.
        raise FlagError(" ".join(str(error).split())) from error
    pipeline.build(built, pipeline.Plan(settings, patterns, handler, spread=True))
    result = built.run()
    if beam_options.view_as(GoogleCloudOptions).template_location:
        # The launcher starts the job from the file just written: there is nothing to wait for.
        return
    state = result.wait_until_finish()
    if state not in (None, "DONE"):
        runner = beam_options.view_as(StandardOptions).runner
        raise RunFailed(f"The job on {runner} ended as {state}.")
