"""Predictions, dead letters, metrics.json and report.html into the output folder."""

import contextlib
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.coders import BytesCoder
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from runinference_metrics.metrics import document as metrics
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.metrics.summary import Summary
from runinference_metrics.records import names
from runinference_metrics.records.record import ClassifiedBatch, Rejected
from runinference_metrics.redaction import without_secrets
from runinference_metrics.report import page as report_html

PREDICTIONS = "predictions"
DEAD_LETTERS = "dead_letters"
METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"
# What a run leaves in its folder.
RESULT_PATTERNS = (
    f"{PREDICTIONS}-*-of-*.jsonl",
    f"{DEAD_LETTERS}-*-of-*.jsonl",
    METRICS_FILE,
    REPORT_FILE,
)
# Where Beam's sink keeps shards until they are whole; removed after an interrupted run.
TEMPORARY_PATTERNS = (
    f"beam-temp-{PREDICTIONS}-*",
    f"beam-temp-{DEAD_LETTERS}-*",
    f".{METRICS_FILE}.*.part",
    f".{REPORT_FILE}.*.part",
)


def in_folder(folder: str, name: str) -> str:
    """The path of a file or pattern in the output folder."""
    return FileSystems.join(folder, name)


class _PredictionLines(beam.DoFn):
    """A classified batch as one block of JSON lines."""

    def __init__(self) -> None:
        self._predicted = Metrics.counter(names.OWN_NAMESPACE, names.PREDICTED)

    def process(self, batch: ClassifiedBatch) -> Iterator[bytes]:
        lines = list(batch.prediction_lines())
        self._predicted.inc(len(lines))
        if lines:
            yield b"\n".join(lines)


class _DeadLetterLines(beam.DoFn):
    """Rejected rows as JSON lines, counted by reason."""

    def __init__(self) -> None:
        self._dead_lettered = Metrics.counter(names.OWN_NAMESPACE, names.DEAD_LETTERED)

    def process(self, rejected: Rejected) -> Iterator[bytes]:
        self._dead_lettered.inc()
        Metrics.counter(names.OWN_NAMESPACE, names.REASON_PREFIX + rejected.reason).inc()
        yield rejected.json_line()


class _WriteLines(beam.PTransform):
    """Blocks of lines into shards that appear whole or not at all."""

    def __init__(self, folder: str, name: str) -> None:
        super().__init__()
        self._prefix = in_folder(folder, name)

    def expand(self, blocks: beam.PCollection) -> beam.PCollection:
        return blocks | beam.io.WriteToText(
            self._prefix, file_name_suffix=".jsonl", coder=BytesCoder()
        )


class WritePredictions(beam.PTransform):
    """ClassifiedBatches into `predictions-SSSSS-of-NNNNN.jsonl`."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return (
            batches
            | "Format" >> beam.ParDo(_PredictionLines()).with_output_types(bytes)
            | "Write" >> _WriteLines(self._folder, PREDICTIONS)
        )


class WriteDeadLetters(beam.PTransform):
    """Rejected rows into `dead_letters-SSSSS-of-NNNNN.jsonl`."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, rejected: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return (
            rejected
            | "Format" >> beam.ParDo(_DeadLetterLines()).with_output_types(bytes)
            | "Write" >> _WriteLines(self._folder, DEAD_LETTERS)
        )


def matching(folder: str, patterns: tuple[str, ...]) -> list[str]:
    """The files in `folder` that match any of the patterns."""
    found = FileSystems.match([in_folder(folder, pattern) for pattern in patterns])
    return [one.path for result in found for one in result.metadata_list]


def unfinished_in(folder: str) -> list[str]:
    """What a run that is going on, or that was killed, keeps in `folder` until it is whole.

    Returns:
        Files and folders; folders in a bucket end in /, without which they would not be deleted.
    """
    if "://" not in folder:
        return [str(path) for one in TEMPORARY_PATTERNS for path in Path(folder).glob(one)]
    # A bucket has no folders, only files with long names.
    found = matching(folder, TEMPORARY_PATTERNS)
    inside = matching(folder, tuple(f"{one}/*" for one in TEMPORARY_PATTERNS))
    return sorted({*found, *(f"{os.path.dirname(path)}/" for path in inside)})


class _WriteSummaryFn(beam.DoFn):
    def __init__(
        self, folder: str, facts: dict[str, Any], prices: Prices | None, max_failure_rate: float
    ) -> None:
        self._folder = folder
        self._facts = facts
        self._prices = prices
        self._max_failure_rate = max_failure_rate

    def process(self, summary: Summary, *shards: Any) -> None:
        metrics.reconcile(
            summary.read, summary.predicted, summary.dead_letters.total(), summary.blank
        )
        ended = time.time_ns() // 1000
        document = metrics.document(summary, self._facts, self._prices, ended)
        write_metrics(self._folder, document)
        write_whole(
            in_folder(self._folder, REPORT_FILE),
            report_html.render(document).encode(),
            "text/html",
        )
        # Last: the figures of a failed run are what one wants to look at. When the runner tries
        # this step again, each file is replaced whole.
        metrics.check_failure_rate(summary, self._max_failure_rate)


class WriteSummary(beam.PTransform):
    """The run's Summary into metrics.json and report.html, after everything else is written.

    Args:
        folder: the output folder.
        facts: what was known of the run at launch.
        prices: what resources cost, if the user said so.
        shards: collections of the files written; the summary waits for them.
        max_failure_rate: the run fails, when all is written, with a larger share of dead letters.
    """

    def __init__(
        self, folder: str, facts: dict[str, Any], prices: Prices | None,
        shards: Sequence[beam.PCollection], max_failure_rate: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self._writer = _WriteSummaryFn(folder, facts, prices, max_failure_rate)
        self._shards = [beam.pvalue.AsIter(one) for one in shards]

    def expand(self, summary: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return summary | "Write" >> beam.ParDo(self._writer, *self._shards)


def write_metrics(folder: str, document: dict[str, Any]) -> None:
    """Writes metrics.json, without the secrets of any parameter in it."""
    content = orjson.dumps(without_secrets(document), option=orjson.OPT_INDENT_2) + b"\n"
    write_whole(in_folder(folder, METRICS_FILE), content, "application/json")


def write_whole(path: str, content: bytes, mime_type: str) -> None:
    """Writes a file beside its place, then renames it: it is whole when it is there."""
    folder, name = FileSystems.split(path)
    temporary = FileSystems.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with FileSystems.create(temporary, mime_type=mime_type) as stream:
            stream.write(content)
        FileSystems.rename([temporary], [path])
    except BaseException:
        # What is wrong with writing may be wrong with deleting too; the first error matters.
        with contextlib.suppress(Exception):
            FileSystems.delete([temporary])
        raise
