"""A run that may start: its parameters, its input and its surroundings are as they must be."""

import platform
from dataclasses import dataclass, field

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from runinference_metrics import __version__ as version
from runinference_metrics.bigquery.addresses import is_table
from runinference_metrics.dataflow import workers
from runinference_metrics.inference.handler import ClassifierHandler, spec_of
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.options.labels import labels
from runinference_metrics.options.settings import Settings
from runinference_metrics.pipeline import Plan
from runinference_metrics.reading.listing import Listed
from runinference_metrics.records.threshold import Threshold
from runinference_metrics.running.preview import format_options, row_fields
from runinference_metrics.writing.formats import Output
from runinference_metrics.writing.history import HistoryFile
from runinference_metrics.writing.loading import Loading
from runinference_metrics.writing.runs_table import RunsTable
from runinference_metrics.writing.summary import History

# Some ten thousand sentences, which take a CPU a minute: a second's search may win back more.
_WORTH_A_SEARCH_BYTES = 1_000_000


@dataclass(frozen=True)
class CheckedRun:
    """What a runner needs to know of a run.

    Args:
        settings: the parameters.
        listed: the input as it is now, and the patterns with which workers find it again.
        prices: what resources cost, if the user said so.
        beam_options: the flags that are Beam's.
        label_names: the user's own names of the model's labels.
        thresholds: what the run must keep to be good.
        accelerator: the GPU that the inference step alone is to have, as a resource hint.
        output: how predictions are written.
        loading: the tables into which they are loaded, if they are.
        runs: the table to which the run is added, if it is.
    """

    settings: Settings
    listed: Listed
    prices: Prices | None
    beam_options: PipelineOptions
    label_names: tuple[str, ...] | None = None
    thresholds: tuple[Threshold, ...] = ()
    accelerator: str | None = None
    output: Output = field(default_factory=Output)
    loading: Loading | None = None
    runs: RunsTable | None = None

    @property
    def history_file(self) -> str:
        """The history, if it is a file; else ""."""
        path = self.settings.history
        return "" if is_table(path) else path

    @property
    def _histories(self) -> list[History]:
        path = self.history_file
        return [*([HistoryFile(path)] if path else []), *([self.runs] if self.runs else [])]

    @property
    def place(self) -> str:
        """Where results are, as the user named it."""
        if self.loading:
            return str(self.loading.destination.table)
        return self.settings.output

    @property
    def places(self) -> str:
        """Where results are, and the report."""
        folder = self.settings.output
        return f"{self.place}, metrics.json and report.html in {folder}" if self.loading else folder

    def handler(
        self, progress_folder: str | None = None, ends_with_device: bool = False
    ) -> ClassifierHandler:
        """The model handler.

        Args:
            progress_folder: where the processes of a local run say how far they are.
            ends_with_device: whether a process that lost its GPU ends, to be started again.
        """
        return ClassifierHandler(
            spec_of(
                self.settings,
                workers.threads_per_process(self.beam_options),
                self.label_names,
                self.listed.size_bytes >= _WORTH_A_SEARCH_BYTES,
            ),
            progress_folder,
            timeout_secs=self.settings.inference_timeout_secs or None,
            ends_with_device=ends_with_device,
            pairs=bool(self.settings.text_pair_field),
        )

    def plan(self, handler: ClassifierHandler, runner: str, spread: bool) -> Plan:
        """The run, ready to be wired.

        Args:
            handler: the model handler.
            runner: the runner's name, for metrics.json.
            spread: whether batches are shuffled between reading and inference.
        """
        cloud = self.beam_options.view_as(GoogleCloudOptions)
        facts = {
            "job": cloud.job_name,
            "labels": labels(cloud.labels or []),
            "runner": runner,
            "version": version,
            "beam_version": beam.__version__,
            "python_version": platform.python_version(),
            "parameters": {**self.settings.as_parameters(), "output": self.place},
        }
        return Plan(
            self.settings,
            self.listed.patterns,
            # As those with which the first rows were looked at.
            row_fields(self.settings, self.output),
            format_options(self.settings),
            handler,
            spread,
            facts,
            self.prices,
            self.thresholds,
            self.accelerator,
            self.output,
            self.listed.table,
            self.listed.size_bytes,
            self.loading,
            self._histories,
        )
