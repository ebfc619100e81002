"""The run's summary into metrics.json and report.html, after everything else is written."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import apache_beam as beam

from runinference_metrics.metrics import accounts, verdicts
from runinference_metrics.metrics.accounts import Limits
from runinference_metrics.metrics.document import document_of
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.metrics.summary import Summary
from runinference_metrics.records.threshold import Threshold
from runinference_metrics.report import page
from runinference_metrics.writing.documents import write_metrics
from runinference_metrics.writing.folder import REPORT_FILE, in_folder, write_whole

_LOG = logging.getLogger(__name__)


class _WriteSummaryFn(beam.DoFn):
    def __init__(
        self, folder: str, facts: dict[str, Any], prices: Prices | None,
        thresholds: Sequence[Threshold], limits: Limits,
    ) -> None:  # fmt: skip
        self._folder = folder
        self._facts = facts
        self._prices = prices
        self._thresholds = thresholds
        self._limits = limits

    def process(self, summary: Summary, *shards: Any) -> None:
        accounts.reconcile(summary)
        ended = time.time_ns() // 1000
        document = document_of(summary, self._facts, self._prices, ended, self._thresholds)
        write_metrics(self._folder, document)
        write_whole(
            in_folder(self._folder, REPORT_FILE), page.render(document).encode(), "text/html"
        )
        # Last: the figures of a failed run are what one wants to look at. When the runner tries
        # this step again, each file is replaced whole.
        accounts.check(summary, self._limits)
        verdicts.check(document["thresholds"])
        if nothing := accounts.nothing_to_predict(summary):
            _LOG.warning(nothing)


class WriteSummary(beam.PTransform):
    """The run's Summary into metrics.json and report.html, after everything else is written.

    Args:
        folder: the output folder.
        facts: what was known of the run at launch.
        prices: what resources cost, if the user said so.
        thresholds: the run fails, when all is written, if one does not hold.
        shards: collections of the files written; the summary waits for them.
        limits: the run fails, when all is written, if it lost more.
    """

    def __init__(
        self, folder: str, facts: dict[str, Any], prices: Prices | None,
        thresholds: Sequence[Threshold], shards: Sequence[beam.PCollection], limits: Limits,
    ) -> None:  # fmt: skip
        super().__init__()
        self._writer = _WriteSummaryFn(folder, facts, prices, thresholds, limits)
        self._shards = [beam.pvalue.AsIter(one) for one in shards]

    def expand(self, summary: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return summary | "Write" >> beam.ParDo(self._writer, *self._shards)
