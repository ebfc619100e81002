"""The run's summary into metrics.json and report.html, after everything else is written."""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import apache_beam as beam
import pyarrow as pa

from runinference_metrics.errors import RunFailed, both
from runinference_metrics.metrics import accounts, verdicts
from runinference_metrics.metrics.accounts import Limits
from runinference_metrics.metrics.document import document_of
from runinference_metrics.metrics.history import past_run
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.metrics.summary import Summary
from runinference_metrics.records.history import PastRun
from runinference_metrics.records.threshold import Threshold
from runinference_metrics.report import page
from runinference_metrics.writing.documents import write_metrics
from runinference_metrics.writing.folder import REPORT_FILE, in_folder, write_whole
from runinference_metrics.writing.loading import Loading

_LOG = logging.getLogger(__name__)


class History(Protocol):
    """What has a row for each run."""

    def add(self, run: PastRun) -> None:
        """Adds a run; raises RunFailed when that cannot be done."""
        ...


@dataclass(frozen=True)
class Tables:
    """Tables that get what is written.

    Args:
        loading: which, and how.
        schema: the columns of predictions.
    """

    loading: Loading
    schema: pa.Schema


class _WriteSummaryFn(beam.DoFn):
    def __init__(
        self, folder: str, facts: dict[str, Any], prices: Prices | None,
        thresholds: Sequence[Threshold], limits: Limits, histories: Sequence[History] = (),
        tables: Tables | None = None,
    ) -> None:  # fmt: skip
        self._tables = tables
        self._folder = folder
        self._facts = facts
        self._prices = prices
        self._thresholds = thresholds
        self._limits = limits
        self._histories = histories

    def process(self, summary: Summary, *shards: Any) -> None:
        accounts.reconcile(summary)
        ended = time.time_ns() // 1000
        lost = accounts.failure(summary, self._limits)
        facts = {**self._facts, "failure": str(lost) if lost else None}
        document = document_of(summary, facts, self._prices, ended, self._thresholds)
        write_metrics(self._folder, document)
        write_whole(
            in_folder(self._folder, REPORT_FILE), page.render(document).encode(), "text/html"
        )
        # Last: the figures of a failed run are what one wants to look at. When the runner tries
        # this step again, each file is replaced whole.
        failed = lost or verdicts.failure(document["thresholds"])
        if self._tables:
            failed = self._load(self._tables, shards, failed)
        if self._histories:
            self._add_to_history(past_run(document), failed)
        if failed:
            raise failed
        if nothing := accounts.nothing_to_predict(summary):
            _LOG.warning(nothing)

    def _load(
        self, tables: Tables, shards: Sequence[Iterable[str]], failed: RunFailed | None
    ) -> RunFailed | None:
        """Loads the tables of a run that is good; of another they stay as they are."""
        loading = tables.loading
        if failed:
            where = f"{loading.destination.table} is as it was; the rows are in {loading.folder}."
            return both(failed, RunFailed(where))
        predictions, rejected = (sorted(one) for one in shards)
        loading.load(tables.schema, predictions, rejected)
        return None

    def _add_to_history(self, run: PastRun, failed: RunFailed | None) -> None:
        try:
            for one in self._histories:
                one.add(run)
        except RunFailed as error:
            raise both(failed, error) from error


class WriteSummary(beam.PTransform):
    """The run's Summary into metrics.json and report.html, after everything else is written.

    Args:
        folder: the output folder.
        facts: what was known of the run at launch.
        prices: what resources cost, if the user said so.
        thresholds: the run fails, when all is written, if one does not hold.
        shards: collections of the files written; the summary waits for them.
        limits: the run fails, when all is written, if it lost more.
        histories: the files and tables to which the run is added, also if it failed so.
        tables: the tables into which the files are loaded, if they are, when the run is good.
    """

    def __init__(
        self, folder: str, facts: dict[str, Any], prices: Prices | None,
        thresholds: Sequence[Threshold], shards: Sequence[beam.PCollection], limits: Limits,
        histories: Sequence[History] = (), tables: Tables | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._writer = _WriteSummaryFn(folder, facts, prices, thresholds, limits, histories, tables)
        self._shards = [beam.pvalue.AsIter(one) for one in shards]

    def expand(self, summary: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return summary | "Write" >> beam.ParDo(self._writer, *self._shards)
