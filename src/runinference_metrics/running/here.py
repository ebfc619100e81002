"""A run on this machine, in the runner that Beam brings along."""

import os
import tempfile

import apache_beam as beam

from runinference_metrics import pipeline
from runinference_metrics.dataflow import workers
from runinference_metrics.errors import ThresholdsFailed
from runinference_metrics.inference.progress import shown, texts_done
from runinference_metrics.report.table import print_table
from runinference_metrics.running import interruption
from runinference_metrics.running.checked import CheckedRun
from runinference_metrics.running.failures import raise_plainly
from runinference_metrics.running.local_runner import LocalRunner
from runinference_metrics.writing import documents


def run(checked: CheckedRun) -> None:
    """Runs to the end, and prints the table.

    Raises:
        UserError, RunFailed: the run failed.
        ThresholdsFailed: it is done and shown, and not good enough.
    """
    failed: ThresholdsFailed | None = None
    with tempfile.TemporaryDirectory() as scratch:
        try:
            classify(checked, scratch)
        except ThresholdsFailed as error:
            failed = error
    output = checked.settings.output
    print_table(documents.read(output), checked.places)
    if failed:
        raise failed


def classify(checked: CheckedRun, scratch: str) -> None:
    """Runs to the end; raises as `run`.

    Args:
        checked: the run.
        scratch: a folder that goes away with it.
    """
    progress_folder = os.path.join(scratch, "progress")
    os.mkdir(progress_folder)
    with interruption.leaves_nothing(checked.settings.output, scratch):
        # DirectRunner would first try to download another runner from the internet.
        runner = LocalRunner(progress_folder)
        built = beam.Pipeline(runner=runner, options=checked.beam_options)
        spread = workers.local_workers(checked.beam_options) > 1
        handler = checked.handler(progress_folder)
        pipeline.build(built, checked.plan(handler, "DirectRunner", spread))
        with shown(lambda: texts_done(progress_folder)):
            _finish(built, runner)


def _finish(built: beam.Pipeline, runner: LocalRunner) -> None:
    try:
        built.run().wait_until_finish()
    except Exception as error:
        raise_plainly(error, runner.said())
